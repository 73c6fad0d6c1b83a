"""The states of a player's parameters: made at a first step, and completed when a rule's numbers change."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import StateDict

from paripassu.optim.gradients import GroupGradients
from paripassu.optim.group_rules import GroupRules
from paripassu.optim.steps.capture import check_no_states
from paripassu.rules import Rule, State
from paripassu.rules.numbers import working
from paripassu.rules.rule import merged

States = defaultdict[Tensor, Any]


def states_of(
    states: States, parameters: Sequence[Tensor], rule: Rule, *, are_alike: bool = False
) -> list[State]:
    """One state per parameter; those that do not exist are made, and stored if they are not empty.

    Args:
        states: of an optimizer; an empty one does not exist.
        parameters: of one group.
        rule: of that group.
        are_alike: whether the rule remembers something of all parameters or of none.

    Raises:
        RuntimeError: a CUDA graph would record how a state is made.
    """
    found: list[State | None] = list(map(states.get, parameters))
    if are_alike and found and not found[0] and not _first(states, parameters[0], rule):
        return [state or {} for state in found]
    return [
        state or _first(states, parameter, rule) for parameter, state in zip(parameters, found, strict=True)
    ]


class Lacking:
    """Parameters whose states lack something for their groups' present numbers, such as a momentum buffer.

    A state gets it in the first step in which its parameter has a gradient, because a first moment that
    begins late begins as the gradient. Until then a file has None for it.

    Args:
        rules: of the optimizer's groups.
    """

    def __init__(self, rules: GroupRules) -> None:
        self._rules = rules
        self._parameters: dict[Tensor, Rule] = {}

    def look(self, states: States, groups: Sequence[dict[str, Any]]) -> None:
        """Read the groups' numbers, and find what lacks something if they have become others.

        Args:
            states: of the optimizer.
            groups: its parameter groups.

        Raises:
            ValueError: a number is out of range.
        """
        if self._rules.read(groups):
            self._parameters = {
                parameter: rule
                for group, rule in zip(groups, self._rules.rules, strict=True)
                for parameter in group["params"]
                if states.get(parameter) and _has_more(_fresh(parameter, rule), states[parameter])
            }

    def complete(self, states: States, player: Sequence[GroupGradients]) -> None:
        """Add what the states of a step lack.

        Args:
            states: of the optimizer.
            player: the gradients of the step.

        Raises:
            RuntimeError: a CUDA graph would record how a state is made.
        """
        if not self._parameters:  # as in most steps
            return
        for group in player:
            for parameter, gradient in zip(group.parameters, group.gradients, strict=True):
                if parameter in self._parameters:
                    check_no_states(parameter)
                    rule = self._parameters[parameter]
                    states[parameter] = rule.complete(states[parameter], working(gradient))
                    del self._parameters[parameter]

    def written(self, saved: StateDict, groups: Sequence[dict[str, Any]]) -> StateDict:
        """``saved`` with None for what states lack, and without empty states.

        Args:
            saved: torch's ``state_dict``; not modified.
            groups: of the optimizer.
        """
        parameters = enumerate(p for group in groups for p in group["params"])
        fresh = {k: _fresh(p, self._parameters[p]) for k, p in parameters if p in self._parameters}
        states = {
            key: merged(state, _blank(fresh[key])) if key in fresh else state
            for key, state in saved["state"].items()
            if not isinstance(state, dict) or state
        }
        return saved | {"state": states}


def _first(states: States, parameter: Tensor, rule: Rule) -> State:
    state = rule.init(working(parameter))
    if state:
        check_no_states(parameter)
        states[parameter] = state
    return state


@torch.no_grad()
def _fresh(parameter: Tensor, rule: Rule) -> State:
    return rule.init(working(parameter))


def _has_more(state: State, than: State) -> bool:
    return any(
        name not in than or (isinstance(value, dict) and _has_more(value, than[name]))
        for name, value in state.items()
    )


def _blank(state: State) -> State:
    """The names of a state with None for every tensor."""
    return {name: _blank(value) if isinstance(value, dict) else None for name, value in state.items()}
