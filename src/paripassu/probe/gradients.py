"""The gradients that an optimizer steps from.

They are unscaled if a ``GradScaler`` leaves that to the optimizer, negated if the player maximizes its loss,
dense, real, and in float32 or wider.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paripassu.rules.numbers import working


class Layer(NamedTuple):
    """A parameter that takes part in a step.

    Attributes:
        position: among the optimizer's parameters, in the order of its groups.
        name: of `named_parameters`, different for each.
        parameter: the tensor that the optimizer changes.
        gradient: real, of the parameter's shape (a complex one has a last axis of two).
    """

    position: int
    name: str
    parameter: Tensor
    gradient: Tensor


@torch.no_grad()
def layers_of(optimizer: torch.optim.Optimizer) -> Iterator[Layer]:
    """Every parameter that has a gradient; the gradient may share memory with the parameter's."""
    # A fused optimizer receives scaled gradients and the scale. GradScaler unscales those of all others.
    scale: Tensor | None = getattr(optimizer, "grad_scale", None)
    for position, (group, name, parameter) in enumerate(named_parameters(optimizer)):
        if parameter.grad is not None:
            gradient = dense(parameter.grad)
            if scale is not None:
                gradient = gradient / scale.to(gradient.device)
            if group.get("maximize", False):
                gradient = -gradient
            yield Layer(position, name, parameter, gradient)


def named_parameters(optimizer: torch.optim.Optimizer) -> list[tuple[dict[str, Any], str, Tensor]]:
    """Every parameter with its group and its name: as given to the optimizer, else its position.

    A name that several have is followed by the group's place, as two networks in one player may have equal
    names, and by the parameter's if that is not enough.
    """
    found = [
        (place, group, name, parameter)
        for place, group in enumerate(optimizer.param_groups)
        for name, parameter in zip(
            group.get("param_names") or [None] * len(group["params"]), group["params"], strict=True
        )
    ]
    names = [name or str(position) for position, (_, _, name, _) in enumerate(found)]
    if len(set(names)) < len(names):
        names = _distinct(names, [f"group {place}" for place, *_ in found])
        names = _distinct(names, [f"parameter {position}" for position in range(len(found))])
    return [(group, name, parameter) for (_, group, _, parameter), name in zip(found, names, strict=True)]


def _distinct(names: list[str], marks: list[str]) -> list[str]:
    counts = Counter(names)
    return [f"{name} ({mark})" if counts[name] > 1 else name for name, mark in zip(names, marks, strict=True)]


def is_skipped(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a fused optimizer will not step, because its ``GradScaler`` found inf or NaN in a gradient."""
    found: Tensor | None = getattr(optimizer, "found_inf", None)
    return found is not None and bool(found)


def skipped_steps(optimizer: torch.optim.Optimizer) -> int:
    """How many steps our optimizer has left out so far because of ``nonfinite="skip"``; 0 for others."""
    # In the groups, also in those of an optimizer that has ours inside.
    return sum(group.get("skipped_total", 0) for group in optimizer.param_groups[:1])


def dense(tensor: Tensor) -> Tensor:
    """A gradient or a parameter, detached, in the numbers that rules compute with, and not sparse."""
    detached = tensor.detach()
    return working(detached.to_dense() if detached.is_sparse else detached)


def weights_of(optimizer: torch.optim.Optimizer) -> dict[Tensor, Tensor]:
    """Copies of all parameters."""
    return {p: p.detach().clone() for group in optimizer.param_groups for p in group["params"]}


def check_hooks(player: str, optimizer: Any) -> None:
    """Raise ``ValueError`` unless torch runs hooks at the optimizer's steps."""
    # torch makes both in Optimizer.__init__, which wrappers often do not call.
    has_hooks = hasattr(optimizer, "_optimizer_step_pre_hooks") and getattr(
        getattr(type(optimizer), "step", None), "hooked", False
    )
    if not has_hooks:
        raise ValueError(
            f"the steps of {player!r}, a {type(optimizer).__name__}, have no hooks, as of a wrapper that "
            "does not call torch.optim.Optimizer.__init__: give the probe the optimizer inside of it"
        )
