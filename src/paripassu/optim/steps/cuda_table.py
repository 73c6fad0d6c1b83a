"""The table of addresses and rates that the CUDA kernels read, sent anew in each step."""

from functools import lru_cache
from itertools import accumulate, chain, groupby
from struct import Struct
from typing import NamedTuple, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.optim.steps.capture import is_recorded
from paripassu.optim.steps.decomposition import Decomposition
from paripassu.optim.steps.flat import FlatMemory
from paripassu.optim.steps.player_step import PlayerStep

CHUNK = 8192  # elements for each program of a kernel

# Tables that recorded graphs read at each replay.
_recorded: list[Tensor] = []


class _Plan(NamedTuple):
    """The parts of a step's table that are the same in the next step.

    Attributes:
        words: the whole table, with 0 for what a step writes.
        start: the first word that a step writes.
        layout: of what it writes there: addresses, rates and decay factors.
        tensors: number of tensors.
        chunks: number of chunks.
        units: number of units.
    """

    words: NDArray[np.int64]
    start: int
    layout: Struct
    tensors: int
    chunks: int
    units: int


@lru_cache(maxsize=64)
def _plan(sizes: tuple[int, ...], is_global: bool) -> _Plan:  # noqa: FBT001
    n, units = len(sizes), 1 if is_global else len(sizes)
    counts = [max(1, -(-size // CHUNK)) for size in sizes]  # empty tensors count steps too
    first_chunks, of_chunks = [0, *accumulate(counts)], np.repeat(np.arange(n), counts)
    parts = first_chunks, sizes, np.zeros(8 * n), of_chunks, np.zeros(units)
    words = np.concatenate(parts, dtype=np.int64, casting="unsafe")
    return _Plan(words, 2 * n + 1, Struct(f"={6 * n}q{2 * n}d"), n, len(of_chunks), units)


class Table(NamedTuple):
    """The table of a step on the device, and memory for what the kernels measure.

    Attributes:
        plan: of the table.
        words: the table, int64.
        scratch: for sums and factors, float64.
        aligned: whether all arrays begin at multiples of 16 bytes.
    """

    plan: _Plan
    words: Tensor
    scratch: Tensor
    aligned: bool


def send(decomposition: Decomposition, step: PlayerStep, memory: FlatMemory) -> Table:
    """The table of a step; a new one each time, because in training gradients have new addresses."""
    plan, home = _plan(memory.sizes, decomposition.is_global), step.parameters[0].device
    n, start = plan.tensors, plan.start
    host = torch.empty(len(plan.words), dtype=torch.int64, device="cpu", pin_memory=home.type == "cuda")
    words = host.numpy()
    words[:] = plan.words
    numbers = [*step.rates, *step.decay_factors]
    # A constant magnitude's lengths multiply the rates.
    scales = [*decomposition.lengths(memory.sizes), *[1.0] * n]
    on_host = set(map(type, numbers)) <= {float, int}
    if on_host and decomposition.unit == "length":
        written = numbers
    else:
        written = [s if _is_on_device(x) else float(x) * s for x, s in zip(numbers, scales, strict=True)]
    plan.layout.pack_into(words.data, 8 * start, *chain.from_iterable(memory.addresses), *written)
    aligned = not int(np.bitwise_or.reduce(words[start : start + 5 * n])) & 15
    if is_recorded(step.parameters):
        _recorded.append(host)
    table = host.to(home, non_blocking=True)
    if not on_host:
        _multiply(table[start + 6 * n : start + 8 * n].view(torch.float64), numbers)
    has_both = decomposition.sgd and decomposition.adam
    columns = 2 if has_both or decomposition.magnitude == "weights" else 1
    scratch = table.new_empty(2 * plan.units + columns * plan.chunks, dtype=torch.float64)
    return Table(plan, table, scratch, aligned)


def _multiply(words: Tensor, numbers: list[float | Tensor]) -> None:
    """Multiply words by the numbers that are on the device, without reading these."""
    start = 0
    # The numbers of one group at once. Identity finds them: comparing values would wait for the device.
    for _, alike in groupby(numbers, key=id):
        (number, *more) = alike
        stop = start + 1 + len(more)
        if _is_on_device(number):
            words[start:stop].mul_(number)
        start = stop


def _is_on_device(number: float | Tensor) -> TypeGuard[Tensor]:
    return isinstance(number, Tensor) and number.is_cuda
