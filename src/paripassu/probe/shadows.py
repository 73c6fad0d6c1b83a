"""Shadow rules: they see every gradient a player steps from, and move nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from paripassu.probe.gradients import Layer, working
from paripassu.rules import Rule, State


class Shadows:
    """Some rules that follow one player, each with a memory of its own.

    Args:
        rules: by name.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = dict(rules)
        self._states: dict[str, dict[int, State]] = {name: {} for name in rules}

    def __bool__(self) -> bool:
        return bool(self._rules)

    @torch.no_grad()
    def see(self, layers: Sequence[Layer]) -> dict[str, list[Tensor]]:
        """Every rule's update, one tensor a layer, to be subtracted times a learning rate."""
        gradients = [layer.gradient for layer in layers]
        weights = [working(layer.parameter) for layer in layers] if self._rules else []
        updates: dict[str, list[Tensor]] = {}
        for name, rule in self._rules.items():
            kept = self._states[name]
            states = [
                kept[layer.position] if layer.position in kept else rule.init(layer.gradient)
                for layer in layers
            ]
            updates[name], following = rule.update(gradients, states, weights)
            kept.update(zip((layer.position for layer in layers), following, strict=True))
        return updates

    def state_dict(self) -> dict[str, Any]:
        """Each rule's memory by its name, then by the parameter's position."""
        return self._states

    def load_state_dict(self, states: Mapping[str, Any]) -> None:
        """Take up the memory that `state_dict` gave.

        Raises:
            ValueError: it is of other rules.
        """
        if states.keys() != self._rules.keys():
            raise ValueError(
                f"the saved shadows are {', '.join(states) or 'none'}, this probe's are "
                f"{', '.join(self._rules) or 'none'}: attach the probe with the shadows it was saved with"
            )
        self._states = {name: dict(kept) for name, kept in states.items()}
