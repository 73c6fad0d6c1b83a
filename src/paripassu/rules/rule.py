"""What every rule is: an initial state per tensor, and a pure step from gradients to updates."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

from torch import Tensor

# One tensor's memory, tensors by name; a rule made of rules nests the states of its parts under their names.
State: TypeAlias = dict[str, Any]


class Rule(ABC):
    """A pure map from one player's gradients and weights to its updates.

    Rules are frozen dataclasses: equal settings make equal rules, and ``repr`` says all of them.
    They branch on settings only, never on values, so ``torch.func.vmap`` runs over them.
    """

    @abstractmethod
    def init(self, tensor: Tensor) -> State:
        """State before the first gradient of a parameter like ``tensor``; empty for a memoryless rule."""

    @abstractmethod
    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of one player.

        Args:
            gradients: one real tensor per parameter, of the loss the player *minimizes*.
            states: one state per parameter, from `init` or an earlier `update`; not modified.
            weights: one real tensor per parameter, its value before the step, of its gradient's shape and on
                its device; not modified. The optimizers give views of the parameters, in float32 copies of
                those in bfloat16.

        Returns:
            The updates, to be subtracted times the learning rate, each of its gradient's shape and
            dtype (it may be the gradient itself), and the next states.

        Raises:
            ValueError: there are not as many states, or weights, as gradients.
        """


class TensorwiseRule(Rule):
    """A rule that treats each tensor without looking at the player's others."""

    @abstractmethod
    def update_tensor(self, gradient: Tensor, state: State, weight: Tensor, /) -> tuple[Tensor, State]:
        """`update` for one tensor."""

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of one player, tensor by tensor."""
        every = zip(gradients, states, weights, strict=True)
        pairs = [self.update_tensor(gradient, state, weight) for gradient, state, weight in every]
        return [update for update, _ in pairs], [state for _, state in pairs]
