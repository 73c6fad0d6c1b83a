"""Optimistic updates: a step along what the next update will be if it changes as the last one did.

    uₜ = 2 u_R,ₜ − u_R,ₜ₋₁,    u₁ = u_R,₁

Over gradient descent this is optimistic gradient descent ascent, which converges on games such as
min_x max_y ⟨x, y⟩, where gradient descent ascent diverges. Daskalakis et al. 2018, "Training GANs with
Optimism", arXiv:1711.00141, whose Optimistic Adam is ``Optimistic(Adam())``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from paripassu.rules.rule import Rule, State, check_rule
from paripassu.rules.sgd import SGD


@dataclass(frozen=True)
class Optimistic(Rule):
    """Twice ``rule``'s update minus the one before; the first update is ``rule``'s.

    An update is remembered for each tensor, 4 bytes per float32 parameter. A step in which a parameter had
    no gradient is no step for it. Optimistic normalised steps are ``Optimistic(Normalize())``, normalised
    optimistic ones ``Normalize(Optimistic())``.

    Args:
        rule: rule that gives the updates.

    Raises:
        ValueError: ``rule`` is no rule.

    Example:
        >>> import torch
        >>> rule, weights = Optimistic(), [torch.zeros(1)]
        >>> first, states = rule.update([torch.tensor([1.0])], [rule.init(weights[0])], weights)
        >>> first, rule.update([torch.tensor([1.5])], states, weights)[0]
        ([tensor([1.])], [tensor([2.])])
    """

    rule: Rule = field(default_factory=SGD)

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)

    def init(self, tensor: Tensor) -> State:
        """The state of ``rule``, a zero update, and whether it is one that ``rule`` has made, as 0 or 1."""
        return {
            "rule": self.rule.init(tensor),
            "previous": torch.zeros_like(tensor),
            "has_previous": torch.zeros((), dtype=tensor.dtype, device=tensor.device),
        }

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of ``rule``, and the change since its last one once more; in its units."""
        updates, inside = self.rule.update(gradients, [state["rule"] for state in states], weights)
        optimistic = [
            update + state["has_previous"] * (update - state["previous"])
            for update, state in zip(updates, states, strict=True)
        ]
        following: list[State] = [
            {"rule": own, "previous": update, "has_previous": torch.ones_like(state["has_previous"])}
            for own, update, state in zip(inside, updates, states, strict=True)
        ]
        return optimistic, following
