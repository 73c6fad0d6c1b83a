"""The order in which a step on the CPU visits the chunks of a player's tensors, and on how many threads."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CHUNK = 65536  # elements; its arrays, 256 KiB each, stay in a core's cache
# The most elements that a thread takes before it continues elsewhere, where memory is slow to follow. In
# scope "layer" also the most that are advanced before the first of them is moved.
RUN = 32 * CHUNK
FOR_A_THREAD = 2 * CHUNK  # one thread finishes fewer elements before another is awake

# What a visit does: advance states and measure, move parameters, or both.
ADVANCE, MOVE, BOTH = range(3)


class Schedule(NamedTuple):
    """The order, as `cpu_kernels.walk` takes it.

    Attributes:
        visits: ``[visits, 3]``: what to do, the first chunk, and the chunk after the last.
        chunks: ``[chunks, 4]``: the tensor, the first element, the number of elements, and the unit.
        units: ``[units + 1]``: the first chunk of each unit, and the number of chunks. A unit is measured
            together: a tensor, or the whole player.
        tensors: number of tensors.
        threads: number of threads.
    """

    visits: NDArray[np.int64]
    chunks: NDArray[np.int64]
    units: NDArray[np.int64]
    tensors: int
    threads: int


def schedule(
    sizes: tuple[int, ...], threads: int, *, is_global: bool, rescales: bool, updates_state: bool
) -> Schedule:
    """The schedule for tensors of ``sizes`` elements.

    Without rescaling a chunk is moved when it is advanced, while it is in the cache. A player that is
    measured as a whole is advanced from its first chunk to its last and moved backwards, because caches hold
    what was read last. Tensors that are measured alone are moved as soon as a few of them are advanced.

    Args:
        sizes: elements of all tensors of the player.
        threads: the most threads to use.
        is_global: measure the player as a whole, not each tensor alone.
        rescales: whether directions are measured and rescaled.
        updates_state: whether gradients must be read before parameters move.
    """
    threads = max(1, min(threads, sum(sizes) // FOR_A_THREAD))
    rows = [
        (tensor, start, min(CHUNK, size - start), 0 if is_global else tensor)
        for tensor, size in enumerate(sizes)
        for start in range(0, size, CHUNK)
    ]
    chunks = np.array(rows, np.int64).reshape(-1, 4)
    before = np.concatenate([[0], np.cumsum(chunks[:, 2])])  # elements
    units = np.searchsorted(chunks[:, 3], np.arange((1 if is_global else len(sizes)) + 1))
    alone = rescales and not is_global
    visits, begin = list[tuple[int, int, int]](), 0
    for end in map(int, units[1:] if alone else [len(rows)]):
        if alone and before[end] - before[begin] < RUN and end < len(rows):
            continue
        runs = _runs(before[begin : end + 1], begin, threads)
        if rescales:
            visits += [(ADVANCE, *run) for run in runs]
            visits += [(MOVE, *run) for run in (runs if alone else reversed(runs))]
        else:
            visits += [(BOTH if updates_state else MOVE, *run) for run in runs]
        begin = end
    return Schedule(
        visits=np.array(visits, np.int64).reshape(-1, 3),
        chunks=chunks,
        units=units,
        tensors=len(sizes),
        threads=threads,
    )


def _runs(before: NDArray[np.int64], first: int, threads: int) -> list[tuple[int, int]]:
    """Runs of chunks, equally many for each thread and as equal in elements as chunks allow.

    Args:
        before: elements before each chunk, and after the last.
        first: number of the first chunk.
        threads: number of threads.
    """
    elements = before[-1] - before[0]
    if not elements:
        return []
    count = threads * -(-elements // (threads * RUN))
    cuts = np.searchsorted(before - before[0], np.arange(count + 1) * elements / count)
    return [(first + int(a), first + int(b)) for a, b in pairwise(cuts) if a < b]
