"""Checks of parameter groups: which settings they may have, and which parameters."""

import math
from typing import Any

import torch

OWN_SETTINGS = {"lr", "weight_decay", "maximize"}
_SETTINGS = {"params", "param_names"} | OWN_SETTINGS
_OF_SCHEDULERS = {"initial_lr", "max_lr", "min_lr", "swa_lr"}
_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.complex64, torch.complex128)


def check_names(group: dict[str, Any]) -> None:
    """Raise ``ValueError`` if ``group`` has a setting that belongs to the whole player."""
    unknown = sorted(group.keys() - _SETTINGS - _OF_SCHEDULERS)
    if unknown:
        raise ValueError(
            f"a parameter group cannot set {', '.join(unknown)}: "
            f"only lr, weight_decay and maximize may differ between groups of one player"
        )


def check_group(group: dict[str, Any]) -> None:
    """Raise ``ValueError`` for a setting out of range or a parameter that a step could not move."""
    lr, weight_decay = float(group["lr"]), group["weight_decay"]
    if not (lr > 0.0 and math.isfinite(lr)):
        raise ValueError(f"lr must be finite and > 0, got {lr}")
    if not (weight_decay >= 0.0 and math.isfinite(weight_decay)):
        raise ValueError(f"weight_decay must be finite and >= 0, got {weight_decay}")
    for parameter in group["params"]:
        check_dtype(parameter.dtype)
        if parameter.is_conj() or parameter.is_neg():
            raise ValueError(
                "a parameter is the conjugate or the negative of other memory, and a step would move a copy: "
                "make it with resolve_conj() or resolve_neg()"
            )


def check_dtype(dtype: torch.dtype) -> None:
    """Raise ``ValueError`` for parameters in float16 and other dtypes that steps cannot move."""
    if dtype not in _DTYPES:
        raise ValueError(
            f"parameters in {dtype} would lose most small steps and their squares underflow: "
            "keep them in float32 and run the network under torch.autocast"
        )
