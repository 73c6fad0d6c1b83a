"""Rules that change another rule's updates and remember nothing themselves."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from paripassu.rules.rule import Rule, State


class Wrapper(Rule):
    """A rule over another one, whose state it has.

    Attributes:
        rule: the other rule.
    """

    rule: Rule

    def init(self, tensor: Tensor) -> State:
        """The state of ``rule``."""
        return self.rule.init(tensor)

    def complete(self, state: State, gradient: Tensor) -> State:
        """As ``rule`` does."""
        return self.rule.complete(state, gradient)

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of ``rule``, with its updates changed."""
        updates, following = self.rule.update(gradients, states, weights)
        return self.change(updates, weights), following

    @abstractmethod
    def change(self, updates: list[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
        """New updates of a player, made of those of ``rule``."""
