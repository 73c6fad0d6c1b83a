"""What every rule is: an initial state per tensor, and a pure step from gradients to updates."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeAlias

from torch import Tensor
from torch.optim import Optimizer

# One tensor's memory: tensors by name. A rule made of rules nests the states of its parts under their names,
# and a `Wrapper` has the state of its one part.
State: TypeAlias = dict[str, Any]
"""What a rule remembers of one tensor, by name."""


class Rule(ABC):
    """A pure function from one player's gradients and weights to its updates.

    Rules are frozen dataclasses: equal settings make equal rules, and ``repr`` shows every setting.
    They branch on settings only, never on values. So ``torch.func.vmap`` runs over them, and a CUDA graph
    can record them.

    Example:
        A rule of your own needs `init` and `update`. This one moves each tensor by 1 % of its length.

        >>> import torch
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Relative(Rule):
        ...     def init(self, tensor):
        ...         return {}
        ...     def update(self, gradients, states, weights):
        ...         updates = [0.01 * w.norm() * g / g.norm() for g, w in zip(gradients, weights)]
        ...         return updates, list(states)
        >>> Relative().update([torch.tensor([0.0, 2.0])], [{}], [torch.tensor([3.0, 4.0])])[0]
        [tensor([0.0000, 0.0500])]
    """

    @abstractmethod
    def init(self, tensor: Tensor) -> State:
        """State before the first gradient of a parameter.

        Args:
            tensor: of the parameter's shape, in the numbers that the rule computes with.

        Returns:
            New tensors by name, on the tensor's device where a CUDA graph may record the rule; empty for a
            rule without memory. Names, shapes and dtypes stay the same in all later states.
        """

    @abstractmethod
    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of one player.

        Args:
            gradients: one real tensor per parameter, of the loss the player *minimizes*; not modified.
            states: one state per parameter, from `init` or an earlier `update`; not modified.
            weights: one real tensor per parameter, its value before the step, of its gradient's shape and on
                its device; not modified. The optimizers give views of the parameters, and copies in float32
                of those in bfloat16.

        Returns:
            The updates, to be subtracted times the learning rate, each of its gradient's shape and
            dtype (it may be the gradient itself), and the next states.

        Raises:
            ValueError: the numbers of gradients, states and weights differ.
        """

    def complete(self, state: State, gradient: Tensor) -> State:
        """``state`` and what it lacks for this rule, because the rule's numbers were others before.

        What is new begins as in `init`, and a part whose state has the name of its field as that part says.

        Args:
            state: from `init` or `update` of the same rule with other numbers; not modified.
            gradient: of the next step.
        """
        return state | {
            name: self._completed(name, state[name], value, gradient) if name in state else value
            for name, value in self.init(gradient).items()
        }

    def _completed(self, name: str, own: Any, fresh: Any, gradient: Tensor) -> Any:
        if not (isinstance(own, dict) and isinstance(fresh, dict)):
            return own
        part = getattr(self, name, None)
        return part.complete(own, gradient) if isinstance(part, Rule) else merged(own, fresh)


def merged(own: State, fresh: State) -> State:
    """``own`` with the names that only ``fresh`` has, at any depth."""
    both = {
        name: merged(value, fresh[name])
        for name, value in own.items()
        if isinstance(value, dict) and isinstance(fresh.get(name), dict)
    }
    return fresh | own | both


def check_rule(name: str, value: object) -> None:
    """Raise ``ValueError`` unless ``value`` is a rule, with what to write instead.

    Args:
        name: what the value is called in the sentence.
        value: what a person gave.
    """
    if isinstance(value, Rule):
        return
    got = repr(value)
    instead = "give an object such as paripassu.rules.Adam()"
    if isinstance(value, type):
        got = f"the class {value.__name__}"
        if issubclass(value, Rule):
            instead = f"write {value.__name__}(), with parentheses"
        elif issubclass(value, Optimizer):
            instead = f"paripassu.rules.FromTorch({value.__name__}) makes one of it"
    elif isinstance(value, Optimizer):
        got = f"an optimizer, {type(value).__name__}"
        instead = "give the rule that its updates come from, such as paripassu.rules.Adam()"
    raise ValueError(f"{name} must be a Rule, got {got}: {instead}")


class TensorwiseRule(Rule):
    """A rule that treats each tensor without looking at the player's others.

    Attributes:
        numbers: names of the fields that an optimizer's parameter groups may set.

    Example:
        >>> import torch
        >>> class Root(TensorwiseRule):
        ...     def init(self, tensor):
        ...         return {}
        ...     def update_tensor(self, gradient, state, weight):
        ...         return gradient.sign() * gradient.abs().sqrt(), state
        >>> Root().update([torch.tensor([9.0, -4.0])], [{}], [torch.zeros(2)])[0]
        [tensor([ 3., -2.])]
    """

    numbers: ClassVar[tuple[str, ...]] = ()

    def with_state(self, *, optional: bool) -> Self:
        """This rule with numbers that need all the state that it ever has, or the least.

        What a state has may depend on which numbers are 0, and on nothing else of them.
        """
        del optional
        return self

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
