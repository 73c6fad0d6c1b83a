"""The fast path on a CPU: float32 tensors as flat memory, walked in chunks by compiled kernels.

A rescaled step takes two passes: the first takes the gradients into the states and sums squares, the
second moves the parameters; between them lies one number per tensor. Nothing of a tensor's size is
allocated. Sums are taken chunk by chunk and then in order, so results do not depend on the threads.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.optim.form import Arrays, Form
from paripassu.optim.turn import Turn

_CHUNK = 16384  # elements; four arrays of them, 256 KiB, stay in a core's cache
_PIECE = 16  # chunks a thread takes at a time: many enough to hide a call's 10 us
_PIECES = 8  # per thread where there are enough chunks: few enough to balance
_PLAIN_TYPES = (Tensor, torch.nn.Parameter)


@lru_cache(maxsize=1)
def _kernels() -> ModuleType | None:
    """The compiled kernels; None where numba cannot be imported."""
    try:
        from paripassu.optim import kernels
    except ImportError:
        return None
    return kernels


def serves(form: Form, turn: Turn) -> bool:
    """Whether every tensor is a plain, dense, float32 one on the CPU, and numba is there."""
    for parameter, gradient, state in zip(turn.parameters, turn.gradients, turn.states, strict=True):
        if not (
            _is_plain(parameter)
            and _is_plain(gradient)
            and (parameter.is_contiguous() or _is_dense(parameter))
            and _fits(form.arrays(state), parameter)
        ):
            return False
    return _kernels() is not None


def step(form: Form, turn: Turn) -> None:
    """One step, parameters and states in place.

    A gradient whose memory is laid out unlike its parameter's, or holds its negative (as that of the
    imaginary part of a conjugate does), is copied for the time of the step.

    Args:
        form: the rule's.
        turn: one that this path `serves`.
    """
    kernels = _kernels()
    assert kernels is not None
    # Bound to a name: what is copied must live until the kernels are done.
    gradients = [
        g if _is_alike(g, p) and not g.is_neg() else torch.empty_like(p).copy_(g)
        for g, p in zip(turn.gradients, turn.parameters, strict=True)
    ]
    count = len(gradients)
    addresses = _addresses(form, turn, gradients)
    chunks = _chunks(tuple([p.numel() for p in turn.parameters]))
    squares, sums = np.zeros((len(chunks), 2)), np.zeros((count, 2))
    r1, r2 = np.ones((2, count), np.float32)
    momentum = form.sgd.momentum if form.sgd else 0.0
    (b1, b2), eps = (form.adam.betas, form.adam.eps) if form.adam else ((0.0, 0.0), 0.0)
    if form.adam:
        kernels.tick(addresses, b1, b2, r1, r2)

    by_adam = form.direction == "adam"
    kept = kernels.FIRST if by_adam else kernels.BUFFER
    source = kept if (b1 if by_adam else momentum) else kernels.GRADIENT
    keep = np.array([float(k) for k in turn.keeps], np.float32)
    rates = np.array([float(rate) for rate in turn.rates])

    def advance(start: int, stop: int) -> None:
        kernels.advance(chunks, addresses, momentum, b1, b2, eps, r1, r2, squares, start, stop)

    def descend(start: int, stop: int) -> None:
        kernels.descend(
            chunks, addresses, source, by_adam, eps, r1, r2, keep, shrink, factor, start, stop
        )  # fmt: skip

    def both(start: int, stop: int) -> None:
        advance(start, stop)
        descend(start, stop)

    shrink, factor = np.ones(count, np.float32), rates.astype(np.float32)
    if form.length == "own":
        # While a piece is in the cache; plain SGD has nothing to take in.
        _in_pieces(both if form.adam or momentum else descend, len(chunks))
    else:
        _in_pieces(advance, len(chunks))
        columns = {"sgd": kernels.SGD, "adam": kernels.ADAM, "one": -1}
        own, length, as_one = columns[form.direction], columns[form.length], form.scope == "global"
        kernels.rescale(chunks, squares, sums, rates, own, length, as_one, shrink, factor)
        _in_pieces(descend, len(chunks))


def _in_pieces(work: Callable[[int, int], None], chunks: int) -> None:
    """Run ``work(start, stop)`` over all chunks on as many threads as torch would use."""
    threads = min(torch.get_num_threads(), -(-chunks // _PIECE))
    if threads <= 1:
        work(0, chunks)
        return
    piece = max(_PIECE, chunks // (threads * _PIECES))
    starts = iter(range(0, chunks, piece))

    def drain() -> None:
        for start in starts:
            work(start, min(start + piece, chunks))

    others = [_pool().submit(drain) for _ in range(threads - 1)]
    drain()
    for other in others:
        other.result()


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    # Threads start as they are needed, so the bound costs nothing.
    return ThreadPoolExecutor(max_workers=1024, thread_name_prefix="paripassu")


if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)


@lru_cache(maxsize=64)
def _chunks(sizes: tuple[int, ...]) -> NDArray[np.int64]:
    """Rows (tensor, first element, length) that cover tensors of ``sizes`` elements."""
    rows = [
        (tensor, start, min(_CHUNK, size - start))
        for tensor, size in enumerate(sizes)
        for start in range(0, size, _CHUNK)
    ]
    return np.array(rows, np.int64).reshape(-1, 3)


def _addresses(form: Form, turn: Turn, gradients: Sequence[Tensor]) -> NDArray[np.int64]:
    """One row per tensor, with the columns that the kernels name: the order of `Arrays` is theirs."""
    rows = [
        [0 if array is None else array.data_ptr() for array in (p, g, *form.arrays(state))]
        for p, g, state in zip(turn.parameters, gradients, turn.states, strict=True)
    ]
    return np.array(rows, np.int64)


def _fits(kept: Arrays, parameter: Tensor) -> bool:
    arrays = [array for array in (kept.buffer, kept.first, kept.second) if array is not None]
    return all(_is_plain(array) and _is_alike(array, parameter) for array in arrays) and (
        kept.step is None or _is_plain(kept.step)
    )


def _is_plain(tensor: Tensor) -> bool:
    return tensor.is_cpu and tensor.dtype is torch.float32 and type(tensor) in _PLAIN_TYPES


def _is_alike(tensor: Tensor, parameter: Tensor) -> bool:
    """Whether both hold their elements in the same order of memory; ``parameter`` is dense."""
    if tensor.is_contiguous() and parameter.is_contiguous():
        return tensor.numel() == parameter.numel()
    return tensor.shape == parameter.shape and _moving(tensor) == _moving(parameter)


def _is_dense(tensor: Tensor) -> bool:
    """Whether the elements fill a run of memory, in whatever order and none twice."""
    expected = 1
    for stride, size in sorted(_moving(tensor)):
        if stride != expected:
            return False
        expected *= size
    return True


def _moving(tensor: Tensor) -> list[tuple[int, int]]:
    """Strides and sizes of the dimensions along which an element can move."""
    return [(stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size != 1]
