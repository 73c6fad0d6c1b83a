"""The states of a player's parameters: made at a first step, and completed when a rule's numbers change."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from paripassu.optim.group_rules import GroupRules
from paripassu.optim.steps.capture import check_no_states
from paripassu.rules import Rule, State
from paripassu.rules.numbers import working

States = defaultdict[Tensor, Any]


def states_of(states: States, parameters: Sequence[Tensor], rule: Rule) -> list[State]:
    """One state per parameter; those that do not exist are made, and stored if they are not empty.

    Args:
        states: of an optimizer.
        parameters: of one group.
        rule: of that group.

    Raises:
        RuntimeError: a CUDA graph would record how a state is made.
    """
    found: list[State | None] = list(map(states.get, parameters))
    if found and found[0] is None and not _first(states, parameters[0], rule):
        return [{} if state is None else state for state in found]  # no memory of one parameter: of none
    return [
        _first(states, parameter, rule) if state is None else state
        for parameter, state in zip(parameters, found, strict=True)
    ]


def complete(states: States, groups: Sequence[dict[str, Any]], rules: GroupRules) -> None:
    """Read the groups' numbers, and add to states what they lack for them, such as a momentum buffer.

    Args:
        states: of an optimizer.
        groups: its parameter groups.
        rules: their rules.

    Raises:
        ValueError: a number is out of range.
        RuntimeError: a CUDA graph would record how a state is made.
    """
    if not rules.read(groups):
        return
    for group, rule in zip(groups, rules.rules, strict=True):
        parameters: list[Tensor] = group["params"]
        for parameter in parameters:
            if parameter not in states:
                continue
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            completed = rule.complete(states[parameter], working(gradient))
            if _has_more(completed, states[parameter]):
                check_no_states(parameter)
                states[parameter] = completed


def _first(states: States, parameter: Tensor, rule: Rule) -> State:
    state = rule.init(working(parameter))
    if state:
        check_no_states(parameter)
        states[parameter] = state
    return state


def _has_more(state: State, than: State) -> bool:
    return any(
        name not in than or (isinstance(value, dict) and _has_more(value, than[name]))
        for name, value in state.items()
    )
