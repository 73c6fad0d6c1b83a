"""Checks of parameter groups: which settings they may have, and which parameters.

Keys that mean nothing to torch or to us are a person's own and stay in the group, as in torch.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from paripassu.optim.arguments import ADVICE, MARKS
from paripassu.rules import Rule
from paripassu.rules.settings import check_number

# Settings of every optimizer of ours that groups may have.
OWN_SETTINGS = ("lr", "weight_decay", "maximize")
# What a player has once: names in groups would have no effect.
_OF_PLAYER = frozenset(
    {"scope", "unit", "relative", "rule", "magnitude", "direction", "nonfinite", "give_up_after"}
)
_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.complex64, torch.complex128)


def names_without_effect(numbers: Mapping[str, Any]) -> frozenset[str]:
    """Settings of torch's optimizers and of players that groups of an optimizer cannot set.

    Args:
        numbers: those of the optimizer's rule that groups can set.
    """
    return frozenset(ADVICE.keys() | _OF_PLAYER) - numbers.keys()


def check_names(group: Mapping[str, Any], kind: str, player: Mapping[str, Any], numbers: list[str]) -> None:
    """Raise ``ValueError`` if ``group`` has a setting that would have no effect.

    A setting that asks for nothing (None, False, 0), or for what the player does, is no error.

    Args:
        group: a parameter group.
        kind: the optimizer's class, for the error.
        player: settings of the whole player.
        numbers: names of the rule's numbers that groups can set.
    """
    for name in sorted((ADVICE.keys() | _OF_PLAYER) - set(numbers)):
        if name not in group or _has_effect(name, group, player):
            continue
        may_set = ", ".join([*OWN_SETTINGS, *numbers])
        why = ADVICE.get(name, "it belongs to the whole player: give it to the constructor")
        raise ValueError(
            f"a parameter group of {kind} cannot set {name}: {why} (groups may set {may_set}, "
            "and any name that no optimizer uses)"
        )


def has_marks_of_torch(group: Mapping[str, Any]) -> bool:
    """Whether a saved group is of one of torch's optimizers: it has settings that ours never have."""
    return not MARKS.isdisjoint(group)


def check_decay(group: Mapping[str, Any], whose: str) -> None:
    """Raise ``ValueError`` if a group of one of torch's optimizers has a weight decay that is not decoupled.

    Args:
        group: of that optimizer, or from its file.
        whose: the optimizer, for the error.
    """
    if group.get("weight_decay") and not group.get("decoupled_weight_decay"):
        raise ValueError(
            f"{whose} adds weight_decay={group['weight_decay']} to the gradient (its group has no "
            "decoupled_weight_decay=True), and here weight decay is decoupled: set it to 0 in its groups "
            "first, and decide on a decoupled one"
        )


def check_group(group: dict[str, Any]) -> None:
    """Raise ``ValueError`` for a setting out of range or a parameter that a step could not move."""
    check_rate("lr", group["lr"])
    check_rate("weight_decay", group["weight_decay"])
    for parameter in group["params"]:
        check_dtype(parameter.dtype)
        if parameter.is_conj() or parameter.is_neg():
            raise ValueError(
                "a parameter is the conjugate or the negative of other memory, and a step would move a copy: "
                "make it with resolve_conj() or resolve_neg()"
            )


def check_rate(name: str, value: Any) -> None:
    """Raise ``ValueError`` unless a learning rate or a weight decay is a finite number >= 0."""
    check_rate_type(name, value)
    number = float(value)
    if not (number >= 0.0 and math.isfinite(number)):
        raise ValueError(f"{name} must be finite and >= 0, got {number}")


def check_rate_type(name: str, value: Any) -> None:
    """Raise ``ValueError`` unless it is a number or a tensor of one element; reads no tensor."""
    if not isinstance(value, Tensor):
        check_number(name, value)
    elif value.numel() != 1 or value.dim() > 1:
        raise ValueError(
            f"Tensor {name} must be 1-element, of 0 or 1 dimensions, got the shape {tuple(value.shape)}: "
            "give groups of parameters for several rates"
        )


def check_dtype(dtype: torch.dtype) -> None:
    """Raise ``ValueError`` for parameters in float16 and other dtypes that steps cannot move."""
    if dtype not in _DTYPES:
        raise ValueError(
            f"parameters in {dtype} would lose most small steps and their squares underflow: "
            "keep them in float32 and run the network under torch.autocast"
        )


def player_settings(rule: Rule, nonfinite: str) -> dict[str, Any]:
    """The settings of a whole player by the names that its constructor has for them."""
    of_rule = {name: getattr(rule, name) for name in _OF_PLAYER if hasattr(rule, name)}
    return of_rule | {"rule": rule, "nonfinite": nonfinite}


def _has_effect(name: str, group: Mapping[str, Any], player: Mapping[str, Any]) -> bool:
    """Whether a step does what the setting asks for."""
    value = group[name]
    if name == "decoupled_weight_decay":
        return bool(value) or not group.get("weight_decay")
    if name in _OF_PLAYER:
        return name in player and player[name] == value
    return value is None or (isinstance(value, (int, float)) and value == 0)
