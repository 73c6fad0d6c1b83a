"""What an optimizer loads: saved groups are checked, saved states are converted to the parameters' dtypes."""

import math
from typing import Any

from torch import Tensor
from torch.optim.optimizer import StateDict

from paripassu.rules import Rule, State
from paripassu.rules.numbers import working


def fit_states(saved: StateDict, groups: list[dict[str, Any]], rule: Rule) -> dict[Tensor, State]:
    """The saved states, each for its parameter and in the dtype, device and layout of a fresh one.

    Args:
        saved: an optimizer's ``state_dict``; not modified.
        groups: parameter groups of the optimizer that loads it.
        rule: of that optimizer.

    Raises:
        ValueError: a setting is out of range, or a state is of another rule or shape.
    """
    for group in saved["param_groups"]:
        _check_settings(group)
    keys = [key for group in saved["param_groups"] for key in group["params"]]
    parameters = [p for group in groups for p in group["params"]]
    # torch itself raises if these are not equally many.
    pairs = zip(keys, parameters, strict=False)
    return {
        p: _fit(saved["state"][key], rule.init(working(p.detach())))
        for key, p in pairs
        if key in saved["state"]
    }


def _check_settings(group: dict[str, Any]) -> None:
    lr, weight_decay = float(group.get("lr", 0.0)), group.get("weight_decay", 0.0)
    for name, value in (("lr", lr), ("weight_decay", weight_decay)):
        if not (value >= 0.0 and math.isfinite(value)):
            raise ValueError(
                f"the saved {name} must be finite and >= 0, got {value}: load a state from before it was set"
            )


def _fit(saved: State, fresh: State) -> State:
    """``saved`` in the dtype, device and layout of ``fresh``."""
    if saved.keys() != fresh.keys():
        raise ValueError(
            f"the saved state holds {sorted(saved)} where this optimizer's rule keeps {sorted(fresh)}: "
            "load it into an optimizer with the settings it was saved with"
        )
    fitted: State = {}
    for name, value in fresh.items():
        if isinstance(value, dict):
            fitted[name] = _fit(saved[name], value)
        elif saved[name].shape != value.shape:
            raise ValueError(
                f"the saved {name} is of shape {tuple(saved[name].shape)}, the parameter of "
                f"{tuple(value.shape)}: load the state of a network of the same size"
            )
        else:
            fitted[name] = value.copy_(saved[name])
    return fitted
