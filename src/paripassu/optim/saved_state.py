"""What an optimizer loads: saved groups are checked, saved states are converted to the parameters' dtypes."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import StateDict

from paripassu.optim.arguments import MARKS
from paripassu.optim.group_rules import GroupRules
from paripassu.optim.groups import check_decay, check_rate, has_marks_of_torch
from paripassu.optim.named_groups import in_order
from paripassu.rules import Rule, State, TensorwiseRule
from paripassu.rules.numbers import working
from paripassu.rules.parts import with_state


def fit_states(
    saved: StateDict,
    groups: Sequence[dict[str, Any]],
    rules: GroupRules,
    check_names: Callable[[dict[str, Any]], None],
) -> tuple[StateDict, dict[Tensor, State]]:
    """A saved ``state_dict`` as ``torch.optim.Optimizer.load_state_dict`` takes it, and its states.

    Args:
        saved: an optimizer's ``state_dict``; not modified.
        groups: parameter groups of the optimizer that loads it.
        rules: of that optimizer.
        check_names: raises ``ValueError`` for a group with a setting that would have no effect there.

    Returns:
        The saved groups in the order of ``groups``, with no state that torch would convert, and the saved
        states, each for its parameter and in the dtype, device and layout of a fresh one.

    Raises:
        ValueError: a setting is out of range, or a state is of another optimizer, rule or shape, or lacks
            what its rule needs. A group whose momentum is 0 needs no momentum buffer.
    """
    _check_form(saved)
    saved_groups = [_checked(group, rules, check_names) for group in saved["param_groups"]]
    saved_groups = in_order(saved_groups, groups)
    own_rules = [rules.of(group) for group in saved_groups]  # raises for numbers out of range
    torchs = {key for g in saved["param_groups"] if has_marks_of_torch(g) for key in g["params"]}
    fitted: dict[Tensor, State] = {}
    for group, rule, present in zip(saved_groups, own_rules, groups, strict=False):  # torch raises for others
        # Without its numbers a group does not say what its states may have.
        is_known = rules.defaults.keys() <= group.keys()
        most = with_state(rule, optional=True) if is_known else rule
        for key, parameter in zip(group["params"], present["params"], strict=False):
            if key in saved["state"]:
                tensor, own = working(parameter.detach()), saved["state"][key]
                state = fit(_as_ours(own, rule.init(tensor)) if key in torchs else own, tensor, rule, most)
                fitted.update({parameter: state} if state else {})
    known = {key for group in saved_groups for key in group["params"]}
    others = {key: value for key, value in saved["state"].items() if key not in known}
    return saved | {"param_groups": saved_groups, "state": others}, fitted


def fit(saved: State, tensor: Tensor, least: Rule, most: Rule) -> State:
    """A saved state in the dtype, device and layout of a fresh one.

    Args:
        saved: of one parameter.
        tensor: the parameter, in the numbers that the rule computes with.
        least: a rule whose states have what a state must have.
        most: a rule whose states have what a state may have.

    Raises:
        ValueError: it has something else, or something of another shape.
    """
    return _fit(saved, least.init(tensor), most.init(tensor))


def _check_form(saved: StateDict) -> None:
    """Raise ``ValueError`` unless a file has states by parameter and a list of groups."""
    states, groups = saved.get("state"), saved.get("param_groups")
    if not (
        isinstance(states, Mapping)
        and isinstance(groups, Sequence)
        and all(isinstance(g, Mapping) and isinstance(g.get("params"), list | tuple) for g in groups)
        and all(isinstance(key, Hashable) for g in groups for key in g["params"])
    ):
        raise ValueError(
            "it is no saved state, with states by parameter in 'state' and groups that list theirs in "
            "'param_groups': load what state_dict() gave"
        )


def _checked(
    group: dict[str, Any], rules: GroupRules, check_names: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """A copy of a saved group without the settings that only torch's optimizers have."""
    for name in ("lr", "weight_decay"):
        if name in group:
            check_rate(f"the saved {name}", group[name])
    if not isinstance(group.get("maximize", False), (bool, int)):
        raise ValueError(f"the saved maximize must be True or False, got {group['maximize']!r}")  # noqa: TRY004
    if has_marks_of_torch(group) and not isinstance(rules.rule, TensorwiseRule):
        marks = ", ".join(sorted(MARKS & group.keys()))
        raise ValueError(
            f"the saved state is of another optimizer: its groups have {marks}, and its lr has another unit "
            "or its states another form: load it into that optimizer, and continue with take_over, from_adam "
            "or from_sgd"
        )
    try:
        check_names(group)
        if has_marks_of_torch(group):
            check_decay(group, "torch's optimizer")
    except ValueError as error:
        raise ValueError(f"the saved state is of another optimizer or rule: {error}") from error
    return {name: value for name, value in group.items() if name not in MARKS}


def _as_ours(saved: Any, least: State) -> Any:
    """A state of torch's without a step count that the rule does not use, as RMSprop's."""
    if not isinstance(saved, Mapping) or "step" in least:
        return saved
    return {name: value for name, value in saved.items() if name != "step"}


def _fit(saved: State, least: State, most: State) -> State:
    if not isinstance(saved, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - a file's
        raise ValueError(  # noqa: TRY004 - as for all that a file may have wrong
            f"a part of the saved state must have {sorted(most)}, got {type(saved).__name__}: "
            "load the state of this optimizer"
        )
    # An empty part may be absent: files that store trees as flat names cannot keep one. A tensor that is None
    # had not begun.
    given = {name: value for name, value in saved.items() if value is not None and value != {}}
    not_begun = {name for name, value in saved.items() if value is None and most.get(name) != {}}
    needed = {name for name, value in least.items() if value != {}}
    if not needed <= given.keys() | not_begun or not given.keys() <= most.keys():
        raise ValueError(
            f"the saved state has {sorted(map(str, given))} where this optimizer's rule has {sorted(most)}: "
            "load it into an optimizer with the settings it was saved with"
        )
    fitted: State = {}
    for name, value in most.items():
        if isinstance(value, dict):
            fitted[name] = _fit(given.get(name, {}), least[name], value)
        elif name in given:
            fitted[name] = value.copy_(_as_tensor(name, given[name], value))
    return fitted


def _as_tensor(name: str, saved: Any, like: Tensor) -> Tensor:
    """A saved tensor, or a saved number as files of torch before 1.12 have them."""
    if not isinstance(saved, (Tensor, int, float)):
        raise ValueError(  # noqa: TRY004 - as for all that a file may have wrong
            f"the saved {name} must be a tensor, got {type(saved).__name__}: load the state of this optimizer"
        )
    # torch.as_tensor would move a tensor to the default device.
    tensor = saved if isinstance(saved, Tensor) else torch.tensor(saved, device="cpu")
    if tensor.shape != like.shape:
        raise ValueError(
            f"the saved {name} is of shape {tuple(tensor.shape)}, the parameter of "
            f"{tuple(like.shape)}: load the state of a network of the same size"
        )
    if tensor.is_complex() and not like.is_complex():
        raise ValueError(
            f"the saved {name} is complex, the parameter is real: load the state of the same network"
        )
    return tensor
