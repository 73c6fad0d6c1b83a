"""Shadow rules: they see every gradient of a player and move nothing."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from paripassu.probe.gradients import Layer, dense
from paripassu.rules import Rule, State
from paripassu.rules.numbers import memory_of, shares_memory


class Shadows:
    """Rules that follow one player, each with its own state.

    Args:
        rules: by name.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = dict(rules)
        self._states: dict[str, dict[int, State]] = {name: {} for name in rules}

    def __bool__(self) -> bool:
        return bool(self._rules)

    @torch.no_grad()
    def step(
        self, layers: Sequence[Layer], weights: Sequence[Tensor]
    ) -> tuple[dict[str, list[Tensor]], dict[str, list[State]]]:
        """One step of every rule, which `go_on` makes count.

        Args:
            layers: the parameters and gradients of the player's step.
            weights: each parameter's value before that step.

        Returns:
            Every rule's update, to be subtracted times a learning rate, and its following states; of both one
            a layer.
        """
        gradients = [layer.gradient for layer in layers]
        before = [dense(weight) for weight in weights]
        # A state may be the gradient itself or a view of a weight, which change before the next step.
        borrowed = {memory_of(tensor) for tensor in (*gradients, *before)}
        updates: dict[str, list[Tensor]] = {}
        following: dict[str, list[State]] = {}
        for name, rule in self._rules.items():
            saved = self._states[name]
            states = [
                saved[layer.position] if layer.position in saved else rule.init(layer.gradient)
                for layer in layers
            ]
            updates[name], after = rule.update(gradients, states, before)
            following[name] = [_owned(state, borrowed) for state in after]
        return updates, following

    def go_on(self, layers: Sequence[Layer], following: Mapping[str, Sequence[State]]) -> None:
        """Continue from the states that `step` returned for ``layers``: the player took its step."""
        for name, states in following.items():
            self._states[name].update(zip((layer.position for layer in layers), states, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Each rule's states by its name, then by the parameter's position."""
        return self._states

    def load_state_dict(self, states: Mapping[str, Any]) -> None:
        """Continue from states that `state_dict` returned.

        Raises:
            ValueError: they belong to other rules.
        """
        if states.keys() != self._rules.keys():
            raise ValueError(
                f"the saved shadows are {', '.join(states) or 'none'}, this probe's are "
                f"{', '.join(self._rules) or 'none'}: attach the probe with the shadows it was saved with"
            )
        self._states = {name: dict(saved) for name, saved in states.items()}


def _owned(state: State, borrowed: Collection[int]) -> State:
    """``state`` with copies of its tensors in memory that is not its own."""
    owned = dict(state)
    for name, value in state.items():
        if isinstance(value, dict):
            owned[name] = _owned(value, borrowed)
        elif isinstance(value, Tensor) and shares_memory(value, borrowed):
            owned[name] = value.clone()
    return owned
