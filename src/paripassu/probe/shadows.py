"""Shadow rules: they see every gradient of a player and move nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from paripassu.probe.gradients import Layer, dense
from paripassu.rules import Rule, State


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
    def update(self, layers: Sequence[Layer], weights: Sequence[Tensor]) -> dict[str, list[Tensor]]:
        """One step of every rule.

        Args:
            layers: the parameters and gradients of the player's step.
            weights: each parameter's value before that step.

        Returns:
            Every rule's update, one tensor a layer, to be subtracted times a learning rate.
        """
        gradients = [layer.gradient for layer in layers]
        before = [dense(weight) for weight in weights]
        updates: dict[str, list[Tensor]] = {}
        for name, rule in self._rules.items():
            saved = self._states[name]
            states = [
                saved[layer.position] if layer.position in saved else rule.init(layer.gradient)
                for layer in layers
            ]
            updates[name], following = rule.update(gradients, states, before)
            saved.update(zip((layer.position for layer in layers), following, strict=True))
        return updates

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
