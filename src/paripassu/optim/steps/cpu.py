"""The fast path on a CPU: float32 tensors as flat memory, walked in chunks by compiled kernels.

A rescaled step visits every chunk twice: first to take the gradients into the states and sum squares, then
to move the parameters, when all that is measured together is summed. Nothing of a tensor's size is allocated.
Sums are taken chunk by chunk and then in order, so results do not depend on the threads.
"""

import gc
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate, chain, repeat
from struct import Struct
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paripassu.optim.steps.decomposition import Form
from paripassu.optim.steps.flat import ROWS, Flat, flat_of, source_of
from paripassu.optim.steps.player_step import Turn
from paripassu.optim.steps.schedule import Way, way_through
from paripassu.optim.steps.threads import together


@lru_cache(maxsize=1)
def _kernels() -> ModuleType | None:
    """The compiled kernels; None where numba cannot be imported, or cannot compile them, which is told."""
    try:
        with _uncollected():
            from paripassu.optim.steps import cpu_kernels
    except ImportError:
        return None
    except Exception as error:  # numba raises whatever its compiler, its cache or its settings do
        warnings.warn(
            f"optimizer steps run several times slower, for numba cannot compile them: {error!r}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return cpu_kernels


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


def serves(form: Form, turn: Turn) -> Flat | None:
    """The turn, if this path serves it: it is flat memory on the CPU, and numba is there."""
    return flat_of(form, turn, -1) if turn.parameters[0].is_cpu and _kernels() else None


def step(form: Form, turn: Turn, memory: Flat) -> None:
    """One step, parameters and states in place.

    Args:
        form: the rule's.
        turn: one that this path `serves`.
        memory: what that gave.
    """
    kernels = _kernels()
    assert kernels is not None
    as_one = form.scope == "global"
    way, blocks = _planned(memory.sizes, as_one, form.rescales, form.takes_in, torch.get_num_threads())
    try:
        told = blocks.pop()
    except IndexError:  # the first step, or other threads are in theirs
        told = _Block(way)
    _tell(told, form, turn, memory)
    if form.adam:
        kernels.tick.ctypes(told.address)
    together(kernels.walk, told.address, way.threads)
    blocks.append(told)
    # torch has not seen them move, and would go backwards through a graph that was built before.
    torch.autograd.graph.increment_version(turn.parameters)


def _tell(told: "_Block", form: Form, turn: Turn, memory: Flat) -> None:
    """Write what `cpu_kernels.walk` is told of a step."""
    kernels = _kernels()
    assert kernels is not None
    columns = {"sgd": kernels.SGD, "adam": kernels.ADAM, "one": -1, "own": -1}
    # One call for all: cold, as after the passes of a network, each of numpy's takes ten microseconds.
    told.layout.pack_into(
        told.memory, 0,
        *told.head, source_of(form), form.direction == "adam", form.rescales,
        columns[form.direction], columns[form.length],
        *chain.from_iterable(memory.addresses), *told.none_done,
        form.momentum, *form.betas, form.eps, *repeat(1.0, 2 * len(memory.sizes)), *turn.keeps, *turn.rates,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _planned(
    sizes: tuple[int, ...],
    as_one: bool,  # noqa: FBT001
    rescale: bool,  # noqa: FBT001
    takes_in: bool,  # noqa: FBT001
    threads: int,
) -> tuple[Way, "list[_Block]"]:
    """The `way_through` tensors, and the blocks for it that no step uses now."""
    return way_through(sizes, threads, as_one=as_one, rescale=rescale, takes_in=takes_in), []


class _Block:
    """Memory for what `cpu_kernels.walk` is told of a step, used for one after the other.

    Attributes:
        address: of the memory.
        memory: words of 8 bytes.
        head: what is the same in each step, up to `cpu_kernels.SOURCE`.
        layout: of all that is written for a step; what is behind it the kernels write.
        none_done: a 0 for each unit.
    """

    def __init__(self, way: Way) -> None:
        kernels = _kernels()
        assert kernels is not None
        tensors, chunks, units = way.tensors, len(way.chunks), len(way.units) - 1
        integers, floats = (kernels.LENGTH, len(ROWS) * tensors, units), (4, 4 * tensors)
        self.layout = Struct(f"={sum(integers)}q{sum(floats)}d")
        self.none_done = (0,) * units
        *starts, words = accumulate((*integers, *floats, 2 * chunks))
        memory = np.empty(words, np.int64)
        self.memory, self.address = memory.data, _address_of(memory)
        addresses, done, settings, factors, squares = (self.address + 8 * start for start in starts)
        self.head = (
            0, *map(_address_of, (way.visits, way.chunks, way.units)),
            done, addresses, squares, factors, settings,
            len(way.visits), chunks, units, tensors,
        )  # fmt: skip


def _address_of(array: NDArray[Any]) -> int:
    """Where an array's numbers are, which must outlive it."""
    return array.__array_interface__["data"][0]
