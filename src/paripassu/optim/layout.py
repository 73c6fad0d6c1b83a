"""How tensors lie in memory: what fast paths ask before they take tensors as flat runs of it.

What is asked of whole columns of tensors is asked by `map`: a loop of Python's takes several times as long,
which small networks would feel.
"""

from operator import attrgetter, eq

import torch
from torch import Tensor

from paripassu.optim.form import Form, Kept
from paripassu.optim.turn import Turn

_PLAIN_TYPES = {Tensor, torch.nn.Parameter}
_kind = attrgetter("dtype", "device")


def kept_flat(form: Form, turn: Turn, home: torch.device) -> Kept | None:
    """What the rule keeps of the tensors, if all of the turn is flat memory of one device.

    That is, ordinary float32 tensors; parameters fill runs of memory, and states are laid out like them.
    """
    if not (_are_plain(turn.parameters, home) and _are_plain(turn.gradients, home)):
        return None
    if not (_are_contiguous(turn.parameters) or all(map(_is_dense, turn.parameters))):
        return None
    kept = form.kept(turn.states)
    *arrays, steps = kept
    if not (all(_are_plain(k, home) for k in kept) and all(_are_alike(a, turn.parameters) for a in arrays if a)):
        return None
    return kept if set(map(Tensor.numel, steps)) <= {1} else None


def like(gradients: list[Tensor], parameters: list[Tensor]) -> list[Tensor]:
    """The gradients, copied where their memory is laid out unlike their parameters'.

    Or holds their negatives, as that of the imaginary part of a conjugate does. What is copied must be kept
    until its memory has been read.
    """
    if _are_alike(gradients, parameters) and not any(map(Tensor.is_neg, gradients)):
        return gradients
    return [
        g if _is_alike(g, p) and not g.is_neg() else torch.empty_like(p).copy_(g)
        for g, p in zip(gradients, parameters, strict=True)
    ]


def _are_plain(tensors: list[Tensor], home: torch.device) -> bool:
    return set(map(type, tensors)) <= _PLAIN_TYPES and set(map(_kind, tensors)) <= {(torch.float32, home)}


def _are_contiguous(tensors: list[Tensor]) -> bool:
    return all(map(Tensor.is_contiguous, tensors))


def _are_alike(tensors: list[Tensor], parameters: list[Tensor]) -> bool:
    if _are_contiguous(tensors) and _are_contiguous(parameters):
        return all(map(eq, map(Tensor.numel, tensors), map(Tensor.numel, parameters)))
    return all(map(_is_alike, tensors, parameters))


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
