"""What a step cannot do while a CUDA graph records it, told before it is recorded.

CUDA would say it less clearly, or not at all: a graph that records how states are made starts every replay
with fresh ones.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


def is_recorded(tensors: Iterable[Tensor]) -> bool:
    """Whether work on these tensors goes into a CUDA graph now, to be done when that is replayed."""
    # torch without CUDA has no streams to ask.
    return any(tensor.is_cuda for tensor in tensors) and torch.cuda.is_current_stream_capturing()


def check_states(tensor: Tensor) -> None:
    """Raise ``RuntimeError`` where a state would be made for ``tensor`` in a CUDA graph."""
    if is_recorded([tensor]):
        raise RuntimeError(
            "a CUDA graph is recording a first step, and every replay would start from fresh states: "
            "take one step before the capture, with a gradient for every parameter"
        )


def check_nonfinite(tensors: Iterable[Tensor], nonfinite: str) -> None:
    """Raise ``RuntimeError`` where a CUDA graph would have to wait for whether gradients are finite."""
    if is_recorded(tensors):
        raise RuntimeError(
            f'nonfinite="{nonfinite}" reads back whether gradients are finite, which a CUDA graph cannot: '
            'make the optimizer with nonfinite="propagate" to capture its steps'
        )


def check_rates(rates: Iterable[float | Tensor], tensors: Iterable[Tensor]) -> None:
    """Raise ``RuntimeError`` where a CUDA graph would keep the value that a tensor has on the CPU now."""
    if any(isinstance(rate, Tensor) and rate.is_cpu for rate in rates) and is_recorded(tensors):
        raise RuntimeError(
            "lr is a tensor on the CPU, and a CUDA graph would keep the value it has now: put it on the "
            "parameters' device to change it between replays, or give a number to keep it"
        )
