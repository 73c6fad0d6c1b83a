"""The numbers that rules compute with: real, and at least as fine as float32. The memory that they share."""

from collections.abc import Collection

import torch
from torch import Tensor


def real(tensor: Tensor) -> Tensor:
    """A complex tensor as a view of pairs of real numbers, with a last axis of two; a real one unchanged.

    A complex number counts as two parameters, as in torch: norms are the same, and Adam has a second moment
    for each part.
    """
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def working(tensor: Tensor) -> Tensor:
    """A gradient or parameter as rules see it: real, float32 for float16 and bfloat16, no copy otherwise."""
    if tensor.dtype is torch.float32:  # most are
        return tensor
    values = real(tensor)
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def memory_of(tensor: Tensor) -> int:
    """A number that is equal for plain tensors that share memory."""
    return tensor.untyped_storage()._cdata  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def shares_memory(tensor: Tensor, memory: Collection[int]) -> bool:
    """Whether ``tensor`` may share memory with tensors of these `memory_of`. Only plain tensors can not."""
    return type(tensor) is not Tensor or memory_of(tensor) in memory
