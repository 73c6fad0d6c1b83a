"""The path on CUDA where Triton cannot serve: torch's multi-tensor operations, nothing read back by the host.

A step can be captured in a CUDA graph once the states exist, that is after a first step. The number of
launches hardly grows with the number of tensors: on an H200, `NSGD` layer makes 14 for 13 and 17 for 110. Up
to two arrays of the parameters' size are allocated for a step of Adam's.

The factor of a rescaled step, lr times length over own length, is one float32 number here, not two as on the
other paths: from 3e38 on, that is for gradients that float32 hardly holds, steps are shorter than they should
be.
"""

# torch's multi-tensor operations have no public names; torch.optim is built on the same ones.
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false
# ruff: noqa: SLF001

from itertools import groupby

import torch
from torch import Tensor

from paripassu.optim.steps.capture import check_rates
from paripassu.optim.steps.decomposition import Form, Kept
from paripassu.optim.steps.flat import are_plain
from paripassu.optim.steps.player_step import Turn
from paripassu.rules import Adam

_MOST = torch.finfo(torch.float32).max


def serves(turn: Turn) -> bool:
    """Whether all are plain float32 tensors on one CUDA device, gradients laid out as their parameters."""
    home = turn.parameters[0]
    return (
        home.is_cuda
        and turn.is_float32
        and are_plain([*turn.parameters, *turn.gradients], home.get_device())
        and all(g.stride() == p.stride() for g, p in zip(turn.gradients, turn.parameters, strict=True))
    )


def step(form: Form, turn: Turn) -> None:
    """One step, parameters and states in place; runs on any device that torch's fused Adam runs on.

    Args:
        form: the rule's.
        turn: one that this path `serves`, or one of its kind on another device.

    Raises:
        RuntimeError: a CUDA graph records the step, and a learning rate is a tensor on the CPU.
    """
    check_rates(turn.rates, turn.parameters)
    gradients = turn.gradients
    kept = form.kept(turn.states)
    sgd = gradients
    if form.momentum:
        sgd = kept.buffers
        torch._foreach_mul_(sgd, form.momentum)
        torch._foreach_add_(sgd, gradients)
    adam = _adam(form.adam, gradients, kept) if form.adam else []
    updates = adam if form.direction == "adam" else sgd
    factors = _factors(form, sgd, adam) if form.rescales else None
    _descend(form, turn, updates, factors)


def _adam(rule: Adam, gradients: list[Tensor], kept: Kept) -> list[Tensor]:
    """Adam's updates, moments and counts advanced: torch's fused kernel, ascending from zero at rate 1."""
    _, firsts, seconds, steps = kept
    updates, moved = [torch.empty_like(s) for s in seconds], firsts or [torch.empty_like(s) for s in seconds]
    # Without a first moment the kernel has one of scratch, which it weighs with 0: it must be finite.
    torch._foreach_zero_(updates if firsts else [*updates, *moved])
    torch._foreach_add_(steps, 1)
    b1, b2 = rule.betas
    torch._fused_adam_(
        updates, gradients, moved, seconds, [], steps,
        lr=1.0, beta1=b1, beta2=b2, weight_decay=0.0, eps=rule.eps, amsgrad=False, maximize=True,
    )  # fmt: skip
    return updates


def _factors(form: Form, sgd: list[Tensor], adam: list[Tensor]) -> Tensor:
    """Length over own length, 0 where that is 0; one per tensor, or one for the player."""
    own = _lengths(form, adam if form.direction == "adam" else sgd)
    match form.length:
        case "adam":
            length = _lengths(form, adam)
        case "sgd":
            length = _lengths(form, sgd)
        case _:
            length = torch.ones_like(own)
    return torch.where(own == 0, torch.zeros_like(own), length / own)


def _lengths(form: Form, tensors: list[Tensor]) -> Tensor:
    lengths = torch.stack(torch._foreach_norm(tensors, 2, dtype=torch.float64))
    return lengths if form.scope == "layer" else torch.linalg.vector_norm(lengths)


def _descend(form: Form, turn: Turn, updates: list[Tensor], factors: Tensor | None) -> None:
    start = 0
    # Tensors that share both are moved together; told by identity, as comparing would synchronise.
    for _, alike in groupby(zip(turn.rates, turn.keeps, strict=True), key=lambda pair: tuple(map(id, pair))):
        stop = start + len(list(alike))
        rate, keep = turn.rates[start], turn.keeps[start]
        parameters, directions = turn.parameters[start:stop], updates[start:stop]
        if isinstance(keep, Tensor) or keep != 1.0:
            torch._foreach_mul_(parameters, keep)
        if factors is None:
            torch._foreach_sub_(parameters, torch._foreach_mul(directions, rate))
        elif form.scope == "global":
            torch._foreach_sub_(parameters, torch._foreach_mul(directions, _narrow(factors * rate)))
        else:
            paces = _narrow(factors[start:stop] * rate).unbind()
            torch._foreach_addcmul_(parameters, directions, paces, value=-1.0)
        start = stop


def _narrow(factors: Tensor) -> Tensor:
    # Beyond float32 one becomes inf, and inf times the smallest gradient is an infinite step.
    return factors.clamp(-_MOST, _MOST).float()
