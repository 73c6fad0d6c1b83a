"""What every rule is: an initial state per tensor, and a pure step from gradients to updates."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

from torch import Tensor

# One tensor's memory, tensors by name; a rule made of rules nests the states of its parts under their names.
State: TypeAlias = dict[str, Any]


class Rule(ABC):
    """A pure map from one player's gradients to its updates.

    Rules are frozen dataclasses: equal settings make equal rules, and ``repr`` says all of them.
    They branch on settings only, never on values, so ``torch.func.vmap`` runs over them.
    """

    @abstractmethod
    def init(self, tensor: Tensor) -> State:
        """State before the first gradient of a parameter like ``tensor``; empty for a memoryless rule."""

    @abstractmethod
    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of one player.

        Args:
            gradients: one real tensor per parameter, of the loss the player *minimizes*.
            states: one state per parameter, from `init` or an earlier `update`; not modified.

        Returns:
            The updates, to be subtracted times the learning rate, each of its gradient's shape and
            dtype (it may be the gradient itself), and the next states.

        Raises:
            ValueError: there are not as many states as gradients.
        """


class TensorwiseRule(Rule):
    """A rule that treats each tensor without looking at the player's others."""

    @abstractmethod
    def update_tensor(self, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        """`update` for one tensor."""

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of one player, tensor by tensor."""
        pairs = [self.update_tensor(g, state) for g, state in zip(gradients, states, strict=True)]
        return [update for update, _ in pairs], [state for _, state in pairs]
