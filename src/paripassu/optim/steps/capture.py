"""Errors for what a CUDA graph cannot record, raised before recording.

CUDA's own errors are less clear, and some cases have none: a graph that records how states are made starts
every replay with fresh ones.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


def is_recorded(tensors: Iterable[Tensor]) -> bool:
    """Whether a CUDA graph records operations on these tensors instead of running them."""
    # Without CUDA tensors nothing is recorded, and torch without CUDA has no streams.
    return any(tensor.is_cuda for tensor in tensors) and torch.cuda.is_current_stream_capturing()


def check_no_states(tensor: Tensor) -> None:
    """Raise ``RuntimeError`` if a CUDA graph would record how the state of ``tensor`` is made."""
    if is_recorded([tensor]):
        raise RuntimeError(
            "a CUDA graph is recording a first step, and every replay would start from fresh states: "
            "take one step before the capture, with a gradient for every parameter"
        )


def check_nonfinite(tensors: Iterable[Tensor], nonfinite: str) -> None:
    """Raise ``RuntimeError`` if a CUDA graph would have to wait for whether gradients are finite."""
    if is_recorded(tensors):
        raise RuntimeError(
            f'nonfinite="{nonfinite}" reads back whether gradients are finite, which a CUDA graph cannot: '
            'make the optimizer with nonfinite="propagate" to capture its steps'
        )


def check_rates(rates: Iterable[float | Tensor], tensors: Iterable[Tensor]) -> None:
    """Raise ``RuntimeError`` if a CUDA graph would store the value that a tensor on the CPU has now."""
    if any(isinstance(rate, Tensor) and rate.is_cpu for rate in rates) and is_recorded(tensors):
        raise RuntimeError(
            "lr is a tensor on the CPU, and a CUDA graph would keep the value it has now: put it on the "
            "parameters' device to change it between replays, or give a number to keep it"
        )


def check_one_device(parameters: Iterable[Tensor], states: Iterable[Tensor]) -> None:
    """Raise ``RuntimeError`` if a CUDA graph records a step of tensors that are not all on its device."""
    parameters = list(parameters)
    devices = {tensor.device for tensor in (*parameters, *states)}
    if len(devices) > 1 and is_recorded(parameters):
        raise RuntimeError(
            "a CUDA graph is recording a step of parameters and states on "
            f"{', '.join(sorted(map(str, devices)))}, and it replays work on one device only: "
            "move them to one CUDA device, and let the rule's init make states on its tensor's device"
        )
