"""The fast path on a CPU: float32 tensors as flat memory, walked in chunks by compiled kernels.

A rescaled step takes two passes: the first takes the gradients into the states and sums squares, the
second moves the parameters; between them lies one number per tensor. Nothing of a tensor's size is
allocated. Sums are taken chunk by chunk and then in order, so results do not depend on the threads.
"""

import gc
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.optim.form import Arrays, Form
from paripassu.optim.threads import address_of, together
from paripassu.optim.turn import Turn

_CHUNK = 16384  # elements; four arrays of them, 256 KiB, stay in a core's cache
_CHUNKS_A_THREAD = 8  # fewer are done before another thread is awake
_PLAIN_TYPES = (Tensor, torch.nn.Parameter)


@lru_cache(maxsize=1)
def _kernels() -> ModuleType | None:
    """The compiled kernels; None where numba cannot be imported."""
    try:
        with _uncollected():
            from paripassu.optim import kernels
    except ImportError:
        return None
    return kernels


@contextmanager
def _uncollected() -> Generator[None]:
    """Without Python's garbage collector.

    It would go through all of torch each time numba has made some objects: two fifths of the time it takes
    to load kernels from numba's cache.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def arrays_of(form: Form, turn: Turn) -> list[Arrays] | None:
    """What the rule keeps of each tensor, if this path serves the turn.

    It does if every tensor is a plain, dense, float32 one on the CPU, and numba is there.
    """
    if _kernels() is None:
        return None
    arrays: list[Arrays] = []
    for parameter, gradient, state in zip(turn.parameters, turn.gradients, turn.states, strict=True):
        kept = form.arrays(state)
        if not (
            _is_plain(parameter)
            and _is_plain(gradient)
            and (parameter.is_contiguous() or _is_dense(parameter))
            and (kept.buffer is None or _fits(kept.buffer, parameter))
            and (kept.first is None or _fits(kept.first, parameter))
            and (kept.second is None or _fits(kept.second, parameter))
            and (kept.step is None or _is_plain(kept.step))
        ):
            return None
        arrays.append(kept)
    return arrays


def step(form: Form, turn: Turn, arrays: Sequence[Arrays]) -> None:
    """One step, parameters and states in place.

    A gradient whose memory is laid out unlike its parameter's, or holds its negative (as that of the
    imaginary part of a conjugate does), is copied for the time of the step.

    Args:
        form: the rule's.
        turn: one that this path serves.
        arrays: its `arrays_of`.
    """
    kernels = _kernels()
    assert kernels is not None
    # Bound to a name: what is copied must live until the kernels are done.
    gradients = [
        g if _is_alike(g, p) and not g.is_neg() else torch.empty_like(p).copy_(g)
        for g, p in zip(turn.gradients, turn.parameters, strict=True)
    ]
    count = len(gradients)
    # The columns that the kernels name: the order of `Arrays` is theirs.
    columns = (
        array
        for p, g, kept in zip(turn.parameters, gradients, arrays, strict=True)
        for array in (p, g, *kept)
    )
    addresses = np.fromiter((0 if a is None else a.data_ptr() for a in columns), np.int64, 6 * count)
    addresses = addresses.reshape(count, 6)
    chunks = _chunks(tuple([p.numel() for p in turn.parameters]))
    squares, sums = np.zeros((len(chunks), 2)), np.zeros((count, 2))
    factors = np.ones((5, count), np.float32)
    momentum = form.sgd.momentum if form.sgd else 0.0
    (b1, b2), eps = (form.adam.betas, form.adam.eps) if form.adam else ((0.0, 0.0), 0.0)
    if form.adam:
        kernels.tick(addresses, b1, b2, factors[kernels.R1], factors[kernels.R2])

    by_adam = form.direction == "adam"
    kept = kernels.FIRST if by_adam else kernels.BUFFER
    source = kept if (b1 if by_adam else momentum) else kernels.GRADIENT
    rates = np.array([float(rate) for rate in turn.rates])
    factors[kernels.KEEP] = [float(keep) for keep in turn.keeps]
    factors[kernels.FACTOR] = rates
    settings = np.array([momentum, b1, b2, eps])

    def walk(*, advance: bool, descend: bool) -> None:
        told = np.zeros(kernels.LENGTH, np.int64)
        told[kernels.CHUNKS :] = [
            *map(address_of, (chunks, addresses, squares, factors, settings)),
            len(chunks), count, advance, descend, source, by_adam,
        ]  # fmt: skip
        together(kernels.walk, told, at_most=len(chunks) // _CHUNKS_A_THREAD)

    if form.length == "own":
        # At once, while a chunk is in the cache; plain SGD has nothing to take in.
        walk(advance=bool(form.adam or momentum), descend=True)
    else:
        walk(advance=True, descend=False)
        columns = {"sgd": kernels.SGD, "adam": kernels.ADAM, "one": -1}
        own, length, as_one = columns[form.direction], columns[form.length], form.scope == "global"
        shrink, factor = factors[kernels.SHRINK], factors[kernels.FACTOR]
        kernels.rescale(chunks, squares, sums, rates, own, length, as_one, shrink, factor)
        walk(advance=False, descend=True)


@lru_cache(maxsize=64)
def _chunks(sizes: tuple[int, ...]) -> NDArray[np.int64]:
    """Rows (tensor, first element, length) that cover tensors of ``sizes`` elements."""
    rows = [
        (tensor, start, min(_CHUNK, size - start))
        for tensor, size in enumerate(sizes)
        for start in range(0, size, _CHUNK)
    ]
    return np.array(rows, np.int64).reshape(-1, 3)


def _fits(array: Tensor, parameter: Tensor) -> bool:
    return _is_plain(array) and _is_alike(array, parameter)


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
