"""The fast way on a CPU: float32 tensors as flat memory, processed in chunks by compiled kernels.

A rescaled step visits every chunk twice: first to advance the states and sum squares, then, once the sums of
all that is measured together are known, to move the parameters. Nothing of a tensor's size is allocated.
Sums are taken chunk by chunk and then in order, so results do not depend on the threads.
"""

import gc
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import accumulate, chain, repeat
from struct import Struct
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paripassu.optim.steps.decomposition import Decomposition
from paripassu.optim.steps.flat import ROWS, FlatMemory, direction_row, flat_memory
from paripassu.optim.steps.player_step import PlayerStep
from paripassu.optim.steps.schedule import Schedule, schedule
from paripassu.optim.steps.threads import run_on_threads


@lru_cache(maxsize=1)
def _kernels() -> ModuleType | None:
    """The compiled kernels; None without numba, and, with a warning, if numba cannot compile them."""
    try:
        with _no_garbage_collection():
            from paripassu.optim.steps import cpu_kernels
    except ImportError:
        return None
    except Exception as error:  # numba raises whatever its compiler, its cache or its settings raise
        warnings.warn(
            f"optimizer steps run slower, because numba cannot compile them: {error!r}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return cpu_kernels


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Turn Python's garbage collector off.

    It would visit all of torch's objects each time numba has made some: two fifths of the time it takes to
    load kernels from numba's cache.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def plan(step: PlayerStep) -> Callable[[], None] | None:
    """The step, if its rule is decomposed, its tensors are flat memory on the CPU, and numba is installed."""
    decomposition = step.decomposition
    if decomposition is None or not step.parameters[0].is_cpu or _kernels() is None:
        return None
    memory = flat_memory(decomposition, step, -1)
    return partial(carry_out, decomposition, step, memory) if memory else None


def carry_out(decomposition: Decomposition, step: PlayerStep, memory: FlatMemory) -> None:
    """Carry out ``step``.

    Args:
        decomposition: of the step's rule.
        step: the step.
        memory: its tensors.
    """
    kernels = _kernels()
    assert kernels is not None
    order, unused = _scheduled(
        memory.sizes,
        decomposition.is_global,
        decomposition.rescales,
        decomposition.updates_state,
        torch.get_num_threads(),
    )
    try:
        arguments = unused.pop()
    except IndexError:  # the first step, or other threads are in theirs
        arguments = _Arguments(order)
    arguments.pack(decomposition, step, memory)
    if decomposition.adam:
        kernels.tick.ctypes(arguments.address)
    run_on_threads(kernels.walk, arguments.address, order.threads)
    unused.append(arguments)
    # torch did not see the kernels write: without this it would go backwards through an outdated graph.
    torch.autograd.graph.increment_version(step.parameters)


@lru_cache(maxsize=64)
def _scheduled(
    sizes: tuple[int, ...],
    is_global: bool,  # noqa: FBT001
    rescales: bool,  # noqa: FBT001
    updates_state: bool,  # noqa: FBT001
    threads: int,
) -> tuple[Schedule, "list[_Arguments]"]:
    """The `schedule` of a step, and memory for its arguments that no step uses now."""
    order = schedule(sizes, threads, is_global=is_global, rescales=rescales, updates_state=updates_state)
    return order, []


class _Arguments:
    """Memory for the arguments of `cpu_kernels.walk`, used by one step at a time.

    Args:
        order: the schedule of the steps.

    Attributes:
        address: of the memory.
    """

    def __init__(self, order: Schedule) -> None:
        kernels = _kernels()
        assert kernels is not None
        tensors, chunks, units = order.tensors, len(order.chunks), len(order.units) - 1
        integers, floats = (kernels.LENGTH, len(ROWS) * tensors, units), (5, 4 * tensors)
        # All that `pack` writes. What follows it in memory is written by the kernels.
        self._layout = Struct(f"={sum(integers)}q{sum(floats)}d")
        self._done = (0,) * units
        *starts, words = accumulate((*integers, *floats, 3 * chunks))
        memory = np.empty(words, np.int64)
        self._memory, self.address = memory.data, _address_of(memory)
        addresses, done, settings, factors, squares = (self.address + 8 * start for start in starts)
        next_visit = 0
        # The arguments before `cpu_kernels.SOURCE`, the same in each step.
        self._head = (
            next_visit, *map(_address_of, (order.visits, order.chunks, order.units)),
            done, addresses, squares, factors, settings,
            len(order.visits), chunks, units, tensors,
        )  # fmt: skip

    def pack(self, decomposition: Decomposition, step: PlayerStep, memory: FlatMemory) -> None:
        """Write the arguments of one step."""
        kernels = _kernels()
        assert kernels is not None
        by_adam = decomposition.direction == "adam"
        columns = {
            "sgd": kernels.SGD,
            "adam": kernels.ADAM,
            "weights": kernels.WEIGHTS,
            "constant": -1,
            "own": -1,
        }
        own, wanted = columns[decomposition.direction], columns[decomposition.magnitude]
        source = direction_row(decomposition, memory.arrays)
        rates = step.rates
        if decomposition.unit != "length":
            lengths = decomposition.lengths(memory.sizes)
            rates = [float(rate) * length for rate, length in zip(rates, lengths, strict=True)]
        corrections = repeat(1.0, 2 * len(memory.sizes))
        # One call for all: with cold caches, as after a network's passes, each of numpy's takes ten
        # microseconds.
        self._layout.pack_into(
            self._memory, 0,
            *self._head, source, by_adam, decomposition.rescales, own, wanted,
            *chain.from_iterable(memory.addresses), *self._done,
            decomposition.momentum, *decomposition.betas, decomposition.eps, decomposition.floor,
            *corrections, *step.decay_factors, *rates,
        )  # fmt: skip


def _address_of(array: NDArray[Any]) -> int:
    """Address of an array's numbers; the array must outlive it."""
    return array.__array_interface__["data"][0]
