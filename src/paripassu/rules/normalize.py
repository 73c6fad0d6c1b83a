"""Normalised updates: a rule's direction with length one.

    u = u_R / ‖u_R‖

Over plain SGD this is nSGDA (Jelassi et al. 2022, arXiv:2210.04319), over SGD with momentum the method
of Cutkosky & Mehta 2020, arXiv:2002.03305.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from paripassu.rules.rule import Rule, State
from paripassu.rules.scope import Scope, check_scope, rescale
from paripassu.rules.sgd import SGD


@dataclass(frozen=True)
class Normalize(Rule):
    """``rule`` with its updates' lengths set to one; a zero update stays zero.

    No epsilon guards the division, so that scaling every gradient changes nothing.

    Args:
        rule: whose direction is kept.
        scope: ``"global"`` divides by the norm over all of the player's tensors, ``"layer"`` each
            tensor by its own.

    Raises:
        ValueError: ``scope`` is neither.
    """

    rule: Rule = field(default_factory=SGD)
    scope: Scope = "global"

    def __post_init__(self) -> None:
        check_scope(self.scope)

    def init(self, tensor: Tensor) -> State:
        """The state of ``rule``."""
        return self.rule.init(tensor)

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of ``rule``, normalised: of length 1, or 0 where the rule's is, without a unit."""
        updates, following = self.rule.update(gradients, states, weights)
        return rescale(updates, [1.0] * len(updates), self.scope), following
