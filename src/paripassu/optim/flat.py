"""The fast path on a CPU: float32 tensors as flat memory, walked in chunks by compiled kernels.

A rescaled step takes two passes: the first takes the gradients into the states and sums squares, the
second moves the parameters; between them lies one number per tensor. Nothing of a tensor's size is
allocated. Sums are taken chunk by chunk and then in order, so results do not depend on the threads.
"""

import gc
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.optim.form import Form, Kept
from paripassu.optim.threads import address_of, together
from paripassu.optim.turn import Turn

_CHUNK = 16384  # elements; four arrays of them, 256 KiB, stay in a core's cache
_CHUNKS_A_THREAD = 8  # fewer are done before another thread is awake
_PLAIN_TYPES = (Tensor, torch.nn.Parameter)


@lru_cache(maxsize=1)
def _kernels() -> ModuleType | None:
    """The compiled kernels; None where numba cannot be imported, or cannot compile them, which is told."""
    try:
        with _uncollected():
            from paripassu.optim import kernels
    except ImportError:
        return None
    except Exception as error:  # numba raises whatever its compiler, its cache or its settings do
        warnings.warn(
            f"optimizer steps run several times slower, for numba cannot compile them: {error!r}",
            RuntimeWarning,
            stacklevel=2,
        )
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


def kept_of(form: Form, turn: Turn) -> Kept | None:
    """What the rule keeps of the tensors, if this path serves the turn.

    It does if every tensor is a plain, dense, float32 one on the CPU, and numba is there.
    """
    if _kernels() is None:
        return None
    if not (all(map(_is_plain, turn.parameters)) and all(map(_is_plain, turn.gradients))):
        return None
    if not all(p.is_contiguous() or _is_dense(p) for p in turn.parameters):
        return None
    kept = form.kept(turn.states)
    for arrays in (kept.buffers, kept.firsts, kept.seconds):
        if not (all(map(_is_plain, arrays)) and all(map(_is_alike, arrays, turn.parameters))):
            return None
    return kept if all(_is_plain(step) and step.numel() == 1 for step in kept.steps) else None


def step(form: Form, turn: Turn, kept: Kept) -> None:
    """One step, parameters and states in place.

    A gradient whose memory is laid out unlike its parameter's, or holds its negative (as that of the
    imaginary part of a conjugate does), is copied for the time of the step.

    Args:
        form: the rule's.
        turn: one that this path serves.
        kept: its `kept_of`.
    """
    kernels = _kernels()
    assert kernels is not None
    # Bound to a name: what is copied must live until the kernels are done.
    gradients = [
        g if _is_alike(g, p) and not g.is_neg() else torch.empty_like(p).copy_(g)
        for g, p in zip(turn.gradients, turn.parameters, strict=True)
    ]
    count = len(gradients)
    # The columns that the kernels name, of which `kept` has the last four in their order.
    addresses = np.zeros((count, 6), np.int64)
    for column, tensors in enumerate((turn.parameters, gradients, *kept)):
        if tensors:
            addresses[:, column] = [tensor.data_ptr() for tensor in tensors]
    chunks = _chunks(tuple([p.numel() for p in turn.parameters]))
    squares, sums = np.zeros((len(chunks), 2)), np.zeros((count, 2))
    factors = np.ones((5, count), np.float32)
    momentum = form.sgd.momentum if form.sgd else 0.0
    (b1, b2), eps = (form.adam.betas, form.adam.eps) if form.adam else ((0.0, 0.0), 0.0)
    if form.adam:
        kernels.tick(addresses, b1, b2, factors[kernels.R1], factors[kernels.R2])

    by_adam = form.direction == "adam"
    moved = kernels.FIRST if by_adam else kernels.BUFFER
    source = moved if (b1 if by_adam else momentum) else kernels.GRADIENT
    rates = np.array(list(map(float, turn.rates)))
    factors[kernels.KEEP] = list(map(float, turn.keeps))
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
    # torch has not seen them move, and would go backwards through a graph that was built before.
    torch.autograd.graph.increment_version(turn.parameters)


@lru_cache(maxsize=64)
def _chunks(sizes: tuple[int, ...]) -> NDArray[np.int64]:
    """Rows (tensor, first element, length) that cover tensors of ``sizes`` elements."""
    rows = [
        (tensor, start, min(_CHUNK, size - start))
        for tensor, size in enumerate(sizes)
        for start in range(0, size, _CHUNK)
    ]
    return np.array(rows, np.int64).reshape(-1, 3)


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
