"""Saved parameter groups in the order of an optimizer's, by the names of parameters where both have names."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

_OF_PARAMETERS = ("params", "param_names")


def in_order(saved: list[dict[str, Any]], groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Saved groups, and the keys of their parameters, in the order of ``groups``.

    Groups with the same names belong together. Several with the same ones go by position, and so does all
    without names.

    Args:
        saved: an optimizer's groups, with the keys of its parameters; not modified.
        groups: of the optimizer that loads them.

    Raises:
        ValueError: the parameters have other names; or names are in other groups than they were, and groups
            have different settings or names come twice.
    """
    # Distributed checkpoints have names as keys, and have put them in order.
    if not all(isinstance(key, int) for group in saved for key in group["params"]):
        return saved
    if not all("param_names" in group for group in (*saved, *groups)):
        return saved
    names, present = (
        Counter(name for group in some for name in group["param_names"]) for some in (saved, groups)
    )
    if names.keys() != present.keys():
        strange = sorted(names.keys() ^ present.keys())
        raise ValueError(
            f"the saved state is of parameters with other names, the first is {strange[0]!r}: load the state "
            "of the same network, or delete param_names from its groups to load by position"
        )
    if len(saved) != len(groups):
        return saved  # torch raises
    by_names: dict[tuple[str, ...], deque[dict[str, Any]]] = defaultdict(deque)
    for group in saved:
        by_names[_key(group)].append(group)
    if Counter(map(_key, saved)) == Counter(map(_key, groups)):
        return [_reordered(by_names[_key(group)].popleft(), group) for group in groups]
    if [len(group["params"]) for group in saved] != [len(group["params"]) for group in groups]:
        return saved  # torch raises
    if max(names.values()) > 1 or max(present.values()) > 1:
        raise ValueError(
            "the saved state has names that come twice, and its groups have other names than this "
            "optimizer's: make the groups as they were, or delete param_names from the saved ones to load by "
            "position"
        )
    if not all(_settings(group) == _settings(saved[0]) for group in saved):
        raise ValueError(
            "the saved state has parameters in other groups than this optimizer, and its groups have "
            "different settings: make the groups as they were, or delete param_names from the saved ones to "
            "load by position"
        )
    key_of = {name: key for group in saved for name, key in _pairs(group)}
    return [
        group
        | {"params": [key_of[name] for name in own["param_names"]], "param_names": [*own["param_names"]]}
        for group, own in zip(saved, groups, strict=True)
    ]


def _key(group: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(group["param_names"]))


def _pairs(group: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Names and keys of a saved group."""
    if len(group["param_names"]) != len(group["params"]):
        raise ValueError(
            f"a saved group has {len(group['param_names'])} names for {len(group['params'])} parameters: "
            "load what state_dict() gave"
        )
    return list(zip(group["param_names"], group["params"], strict=True))


def _reordered(saved: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A saved group with its parameters in the order of a group with the same names.

    Parameters of one name keep their order.
    """
    keys: dict[str, deque[int]] = defaultdict(deque)
    for name, key in _pairs(saved):
        keys[name].append(key)
    names = list(own["param_names"])
    return saved | {"params": [keys[name].popleft() for name in names], "param_names": names}


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    """A group's settings, as values that can be compared."""
    return {
        name: value.tolist() if isinstance(value, Tensor) else value
        for name, value in group.items()
        if name not in _OF_PARAMETERS
    }
