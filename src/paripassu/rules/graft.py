"""Grafting: the magnitude of one update on the direction of another.

    u = ‖u_M‖ u_D / ‖u_D‖

Agarwal et al. 2020, "Disentangling adaptive gradient methods from learning rates", arXiv:2002.11803. With
Adam and SGD as the two parts these are Ada-nSGDA and AdaDir of Jelassi et al. 2022, arXiv:2210.04319.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from paripassu.rules.rule import Rule, State, check_rule
from paripassu.rules.scope import Scope, check_scope, norms, rescale


@dataclass(frozen=True)
class Graft(Rule):
    """Rule with the norm of ``magnitude`` and the direction of ``direction``.

    Both rules see the same gradients and weights and have their own states. Where the direction is exactly
    zero the update is zero, whatever the magnitude.

    ``Graft(Adam(), SGD())`` is Ada-nSGDA, ``Graft(SGD(), Adam())`` is AdaDir, a rule grafted on itself is
    that rule, and ``Graft(Normalize(rule), direction, "global")`` is ``Normalize(direction)``.

    Args:
        magnitude: rule that gives the norm.
        direction: rule that gives the direction.
        scope: ``"layer"`` measures each tensor alone, ``"global"`` all of one player's tensors together,
            ``"row"`` each slice along a tensor's first dimension, such as one filter's weights.

    Raises:
        ValueError: a part is no rule, or ``scope`` is none of these.

    Example:
        Adam's first update of two elements has the length √2, whatever the gradient's.

        >>> import torch
        >>> from paripassu.rules import SGD, Adam
        >>> rule, gradient = Graft(Adam(), SGD()), torch.tensor([3.0, -4.0])
        >>> rule.update([gradient], [rule.init(gradient)], [torch.zeros(2)])[0]
        [tensor([ 0.8485, -1.1314])]
    """

    magnitude: Rule
    direction: Rule
    scope: Scope = "layer"

    def __post_init__(self) -> None:
        check_rule("magnitude", self.magnitude)
        check_rule("direction", self.direction)
        check_scope(self.scope)

    def init(self, tensor: Tensor) -> State:
        """The states of both rules, under ``"magnitude"`` and ``"direction"``."""
        return {"magnitude": self.magnitude.init(tensor), "direction": self.direction.init(tensor)}

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of both rules, joined; in units of ``magnitude``'s updates."""
        magnitudes, states_m = self.magnitude.update(gradients, [s["magnitude"] for s in states], weights)
        directions, states_d = self.direction.update(gradients, [s["direction"] for s in states], weights)
        updates = rescale(directions, norms(magnitudes, self.scope), self.scope)
        following: list[State] = [
            {"magnitude": m, "direction": d} for m, d in zip(states_m, states_d, strict=True)
        ]
        return updates, following
