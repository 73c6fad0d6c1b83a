"""Tensors as flat memory: what the fast paths ask before they go by addresses.

What is asked of whole columns of tensors is asked by `map`: a loop of Python's takes several times as long,
which small networks would feel.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from paripassu.optim.steps.decomposition import Form, Kept
from paripassu.optim.steps.player_step import Turn

# Rows of addresses, a column a tensor: what a step moves, by what, and the fields of `Kept`.
ROWS = PARAMETER, GRADIENT, BUFFER, FIRST, SECOND, STEP = range(6)

_PLAIN_TYPES = {Tensor, torch.nn.Parameter}


class Flat(NamedTuple):
    """A turn as runs of float32 memory on one device.

    A gradient whose memory is laid out unlike its parameter's, or holds its negative (as that of the
    imaginary part of a conjugate does), is copied; the copies live as long as this does.

    Attributes:
        sizes: elements of each tensor.
        addresses: of each tensor's array, in the rows that have names here; 0 where there is none.
        gradients: to which the addresses belong.
    """

    sizes: tuple[int, ...]
    addresses: list[tuple[int, ...]]
    gradients: list[Tensor]


def source_of(form: Form) -> int:
    """The row of the direction, or of what is over the root in Adam's."""
    if form.direction == "adam":
        return FIRST if form.betas[0] else GRADIENT
    return BUFFER if form.momentum else GRADIENT


def flat_of(form: Form, turn: Turn, device: int) -> Flat | None:
    """The turn as flat memory; None where it is not.

    It is where all are ordinary float32 tensors on one device, parameters fill runs of memory, and states are
    laid out like them.

    Args:
        form: the rule's.
        turn: a step's.
        device: as ``Tensor.get_device`` gives it, -1 for the CPU.
    """
    parameters, gradients = turn.parameters, turn.gradients
    if not turn.is_float32 or not are_plain(gradients, device):
        return None
    kept = form.kept(turn.states)
    nothing = (0,) * len(parameters)
    own, *states = (
        tuple(map(Tensor.data_ptr, tensors)) if tensors else nothing for tensors in (parameters, *kept)
    )
    contiguous, sizes = tuple(map(Tensor.is_contiguous, parameters)), tuple(map(Tensor.numel, parameters))
    found = (own, *states, contiguous)
    if found != turn.known.flat:
        if not _is_flat(parameters, kept, device):
            return None
        turn.known.flat = found
    are_alike = (
        all(contiguous) and _are_contiguous(gradients) and sizes == tuple(map(Tensor.numel, gradients))
    )
    if not are_alike or any(map(Tensor.is_neg, gradients)):
        gradients = [
            g if _is_alike(g, p) and not g.is_neg() else torch.empty_like(p).copy_(g)
            for g, p in zip(gradients, parameters, strict=True)
        ]
    return Flat(sizes, [own, tuple(map(Tensor.data_ptr, gradients)), *states], gradients)


def are_plain(tensors: list[Tensor], device: int) -> bool:
    """Whether all are ordinary tensors on one device, -1 for the CPU."""
    return set(map(type, tensors)) <= _PLAIN_TYPES and set(map(Tensor.get_device, tensors)) == {device}


def _is_flat(parameters: list[Tensor], kept: Kept, device: int) -> bool:
    *arrays, steps = kept
    return (
        all(are_plain(tensors, device) for tensors in (parameters, *kept) if tensors)
        and all(tensor.dtype is torch.float32 for tensors in kept for tensor in tensors)
        and all(map(_is_dense, parameters))
        and all(all(map(_is_alike, tensors, parameters)) for tensors in arrays if tensors)
        and all(step.numel() == 1 for step in steps)
    )


def _are_contiguous(tensors: list[Tensor]) -> bool:
    return all(map(Tensor.is_contiguous, tensors))


def _is_alike(tensor: Tensor, parameter: Tensor) -> bool:
    """Whether both hold their elements in the same order of memory; ``parameter`` is dense."""
    if tensor.is_contiguous() and parameter.is_contiguous():
        return tensor.numel() == parameter.numel()
    return tensor.shape == parameter.shape and _moving(tensor) == _moving(parameter)


def _is_dense(tensor: Tensor) -> bool:
    """Whether the elements fill a run of memory, in whatever order and none twice."""
    if tensor.is_contiguous():  # most are
        return True
    expected = 1
    for stride, size in sorted(_moving(tensor)):
        if stride != expected:
            return False
        expected *= size
    return True


def _moving(tensor: Tensor) -> list[tuple[int, int]]:
    """Strides and sizes of the dimensions along which an element can move."""
    return [(stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size != 1]
