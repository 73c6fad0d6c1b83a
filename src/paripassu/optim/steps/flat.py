"""Tensors as flat memory: the check before a fast way works with addresses.

Checks over many tensors use `map`, because a Python loop is several times slower, which shows on small
networks.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from paripassu.optim.steps.decomposition import Decomposition, StateArrays
from paripassu.optim.steps.player_step import PlayerStep

# Rows of addresses, with a column for each tensor: parameters, gradients, and the fields of `StateArrays`.
ROWS = PARAMETER, GRADIENT, BUFFER, FIRST, SECOND, STEP = range(6)

_PLAIN_TYPES = {Tensor, torch.nn.Parameter}


class FlatMemory(NamedTuple):
    """The tensors of a step as runs of float32 memory on one device.

    A gradient is copied if its layout in memory differs from its parameter's, or if its memory holds its
    negative (as for the imaginary part of a conjugate). The copies live as long as this object.

    Attributes:
        sizes: elements of each tensor.
        addresses: of each tensor's arrays, in the rows named above; 0 for an array that does not exist.
        gradients: the tensors behind the gradients' addresses.
        arrays: the tensors behind the states' addresses.
    """

    sizes: tuple[int, ...]
    addresses: list[tuple[int, ...]]
    gradients: list[Tensor]
    arrays: StateArrays


def direction_row(decomposition: Decomposition, arrays: StateArrays) -> int:
    """The row of the direction, or of the numerator of Adam's direction."""
    if decomposition.direction == "adam":
        return FIRST if arrays.firsts else GRADIENT
    return BUFFER if arrays.buffers else GRADIENT


def flat_memory(decomposition: Decomposition, step: PlayerStep, device: int) -> FlatMemory | None:
    """The step's tensors as flat memory, or None if they are not.

    They are flat memory if all are ordinary float32 tensors on one device, each parameter's elements fill a
    run of memory, and states have their parameters' layouts.

    Args:
        decomposition: of the rule.
        step: the step.
        device: as ``Tensor.get_device`` returns it, -1 for the CPU.
    """
    parameters, gradients = step.parameters, step.gradients
    if not step.is_float32 or not _are_plain(gradients, device):
        return None
    arrays = decomposition.arrays(step.states)
    if arrays is None:
        return None
    nothing = (0,) * len(parameters)
    own, *states = (
        tuple(map(Tensor.data_ptr, tensors)) if tensors else nothing for tensors in (parameters, *arrays)
    )
    contiguous, sizes = tuple(map(Tensor.is_contiguous, parameters)), tuple(map(Tensor.numel, parameters))
    # A parameter may grow at its address. Its layout counts only where it is not the usual one.
    found = (own, *states, contiguous, sizes)
    if not all(contiguous):
        found += tuple((*p.shape, *p.stride()) for p in parameters)
    if found != step.flat_check.passed:
        if not _is_flat(parameters, arrays, device):
            return None
        step.flat_check.passed = found
    are_alike = (
        all(contiguous) and _are_contiguous(gradients) and sizes == tuple(map(Tensor.numel, gradients))
    )
    if not are_alike or any(map(Tensor.is_neg, gradients)):
        gradients = [
            g if _is_alike(g, p) and not g.is_neg() else torch.empty_like(p).copy_(g)
            for g, p in zip(gradients, parameters, strict=True)
        ]
    return FlatMemory(sizes, [own, tuple(map(Tensor.data_ptr, gradients)), *states], gradients, arrays)


def _are_plain(tensors: list[Tensor], device: int) -> bool:
    """Whether all are ordinary tensors on one device, -1 for the CPU."""
    return set(map(type, tensors)) <= _PLAIN_TYPES and set(map(Tensor.get_device, tensors)) == {device}


def _is_flat(parameters: list[Tensor], arrays: StateArrays, device: int) -> bool:
    *alike, steps = arrays
    return (
        all(_are_plain(tensors, device) for tensors in (parameters, *arrays) if tensors)
        and all(tensor.dtype is torch.float32 for tensors in arrays for tensor in tensors)
        and all(map(_is_dense, parameters))
        and all(all(map(_is_alike, tensors, parameters)) for tensors in alike if tensors)
        and all(step.numel() == 1 for step in steps)
    )


def _are_contiguous(tensors: list[Tensor]) -> bool:
    return all(map(Tensor.is_contiguous, tensors))


def _is_alike(tensor: Tensor, parameter: Tensor) -> bool:
    """Whether both have their elements in the same order of memory; ``parameter`` is dense."""
    if tensor.is_contiguous() and parameter.is_contiguous():
        return tensor.numel() == parameter.numel()
    return tensor.shape == parameter.shape and _strides(tensor) == _strides(parameter)


def _is_dense(tensor: Tensor) -> bool:
    """Whether the elements fill a run of memory, in any order and each once."""
    if tensor.is_contiguous():  # most are
        return True
    expected = 1
    for stride, size in sorted(_strides(tensor)):
        if stride != expected:
            return False
        expected *= size
    return True


def _strides(tensor: Tensor) -> list[tuple[int, int]]:
    """Strides and sizes of the dimensions with more than one element."""
    return [(stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size != 1]
