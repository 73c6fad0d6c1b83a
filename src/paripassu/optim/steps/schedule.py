"""In which order a step on the CPU visits the chunks of a player's tensors, and on how many threads."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CHUNK = 65536  # elements; its arrays, 256 KiB each, stay in a core's cache
# Elements that a thread takes at most before it begins elsewhere, where memory is slow to follow; and that
# are taken in before the first of them is moved, where each tensor is measured alone.
RUN = 32 * CHUNK
FOR_A_THREAD = 2 * CHUNK  # fewer are done before another thread is awake

# What a visit is for.
ADVANCE, MOVE, BOTH = range(3)


class Way(NamedTuple):
    """The order, as `cpu_kernels.walk` takes it.

    Attributes:
        visits: see there, like the next two.
        chunks: see there.
        units: see there.
        tensors: how many.
        threads: that there is enough to do for.
    """

    visits: NDArray[np.int64]
    chunks: NDArray[np.int64]
    units: NDArray[np.int64]
    tensors: int
    threads: int


def way_through(sizes: tuple[int, ...], threads: int, *, as_one: bool, rescale: bool, takes_in: bool) -> Way:
    """The way through tensors of ``sizes`` elements.

    Where nothing is measured, a chunk is moved at once, while it is in the cache. A player that is measured
    as one is taken in from its first chunk to its last and moved backwards, for what was read last is what
    caches still hold. Tensors that are measured alone are moved as soon as a few of them are taken in.

    Args:
        sizes: of all tensors of the player.
        threads: at most.
        as_one: the player is measured as one, not each tensor alone.
        rescale: something is measured.
        takes_in: gradients are taken into states, or measured.
    """
    threads = max(1, min(threads, sum(sizes) // FOR_A_THREAD))
    rows = [
        (tensor, start, min(CHUNK, size - start), 0 if as_one else tensor)
        for tensor, size in enumerate(sizes)
        for start in range(0, size, CHUNK)
    ]
    chunks = np.array(rows, np.int64).reshape(-1, 4)
    before = np.concatenate([[0], np.cumsum(chunks[:, 2])])  # elements
    units = np.searchsorted(chunks[:, 3], np.arange((1 if as_one else len(sizes)) + 1))
    alone = rescale and not as_one
    visits, begin = list[tuple[int, int, int]](), 0
    for end in map(int, units[1:] if alone else [len(rows)]):
        if alone and before[end] - before[begin] < RUN and end < len(rows):
            continue
        runs = _shared(before[begin : end + 1], begin, threads)
        if rescale:
            visits += [(ADVANCE, *run) for run in runs]
            visits += [(MOVE, *run) for run in (runs if alone else reversed(runs))]
        else:
            visits += [(BOTH if takes_in else MOVE, *run) for run in runs]
        begin = end
    return Way(
        visits=np.array(visits, np.int64).reshape(-1, 3),
        chunks=chunks,
        units=units,
        tensors=len(sizes),
        threads=threads,
    )


def _shared(before: NDArray[np.int64], first: int, threads: int) -> list[tuple[int, int]]:
    """Chunks in runs, as many for each thread, of as many elements as chunks allow.

    Args:
        before: how many elements come before each chunk, and after the last.
        first: number of the first chunk.
        threads: that share them.
    """
    elements = before[-1] - before[0]
    if not elements:
        return []
    count = threads * -(-elements // (threads * RUN))
    cuts = np.searchsorted(before - before[0], np.arange(count + 1) * elements / count)
    return [(first + int(a), first + int(b)) for a, b in pairwise(cuts) if a < b]
