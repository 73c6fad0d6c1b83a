"""Normalised updates: a rule's direction, with a magnitude that never changes.

    u = c u_R / ‖u_R‖

with c = 1 or, in units of the root mean square, c = √n for n elements. Over plain SGD this is nSGDA
(Jelassi et al. 2022, arXiv:2210.04319), over SGD with momentum the method of Cutkosky & Mehta 2020,
arXiv:2002.03305.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from paripassu.rules.rule import Rule, check_rule
from paripassu.rules.scope import Scope, Unit, check_scope, check_unit, rescale, sizes_of, unit_lengths
from paripassu.rules.sgd import SGD
from paripassu.rules.wrapper import Wrapper


@dataclass(frozen=True)
class Normalize(Wrapper):
    """``rule`` with updates of constant magnitude; a zero update stays zero.

    No epsilon guards the division, so that scaling every gradient changes nothing.

    ``Normalize()`` is nSGDA with one norm for each player (g-nSGDA), ``Normalize(scope="layer")`` nSGDA with
    one norm for each tensor (l-nSGDA), ``Normalize(SGD(momentum))`` the method of Cutkosky & Mehta.

    Args:
        rule: rule that gives the direction.
        scope: ``"global"`` divides by the norm over all of the player's tensors, ``"layer"`` each
            tensor by its own, ``"row"`` each slice along a tensor's first dimension, such as one filter's
            weights, by its own, and vectors as ``"layer"`` does.
        unit: ``"length"`` for updates with a Euclidean length of 1, ``"rms"`` for updates whose elements have
            a root mean square of 1, as Adam's have about.

    Raises:
        ValueError: ``rule`` is no rule, or ``scope`` or ``unit`` is none of these.

    Example:
        >>> import torch
        >>> gradient, weight = torch.tensor([0.3, -0.4]), torch.zeros(2)
        >>> Normalize().update([gradient], [{}], [weight])[0]
        [tensor([ 0.6000, -0.8000])]
        >>> Normalize(unit="rms").update([gradient], [{}], [weight])[0]
        [tensor([ 0.8485, -1.1314])]
    """

    rule: Rule = field(default_factory=SGD)
    scope: Scope = "global"
    unit: Unit = "length"

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)
        check_scope(self.scope)
        check_unit(self.unit)

    def change(self, updates: list[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
        """The updates, normalised; zero where they are. They have no unit."""
        del weights
        lengths = unit_lengths(sizes_of(updates, self.scope), self.scope, self.unit)
        return rescale(updates, lengths, self.scope)
