"""The fast path on CUDA: float32 tensors as flat memory, walked in chunks by two launches of Triton's kernels.

The first takes the gradients into the states and sums squares, the second moves the parameters. The host
reads nothing back. It sends a table of addresses ahead, from memory that a CUDA graph can read again, so that
a step can be captured once one has been taken.
"""

import math
import warnings
from functools import cache, lru_cache
from itertools import accumulate, chain, groupby
from struct import Struct
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.optim.capture import check_rates, is_recorded
from paripassu.optim.form import Form, Kept
from paripassu.optim.layout import kept_flat, like
from paripassu.optim.turn import Turn

CHUNK, BLOCK, WARPS = 8192, 1024, 4  # BLOCK divides CHUNK

# Older ones allocate no pinned memory while a graph records.
_PINS_IN_GRAPHS = torch.torch_version.TorchVersion(torch.__version__) >= (2, 11)
# What graphs read again whenever they are replayed.
_recorded: list[Tensor] = []
_compiled: dict[tuple[Form, torch.device], bool] = {}


@cache
def _kernels() -> ModuleType | None:
    """The kernels; None where there is no Triton, as on Windows."""
    try:
        from paripassu.optim import cuda_kernels
    except ImportError:
        return None
    return cuda_kernels


def kept_of(form: Form, turn: Turn) -> Kept | None:
    """What the rule keeps of the tensors, if this path serves the turn.

    It does if every tensor is flat memory of one CUDA device, and Triton has compiled the kernels or can.
    """
    home = turn.parameters[0].device
    if home.type != "cuda" or _kernels() is None:
        return None
    is_ready = _is_compiled(form, home, record=is_recorded(turn.parameters))
    return kept_flat(form, turn, home) if is_ready else None


def step(form: Form, turn: Turn, kept: Kept) -> None:
    """One step, parameters and states in place; without CUDA, by Triton's interpreter.

    Args:
        form: the rule's.
        turn: one that this path serves, or its like on the CPU.
        kept: its `kept_of`.

    Raises:
        RuntimeError: a CUDA graph records the step, and a learning rate is a tensor on the CPU.
    """
    kernels = _kernels()
    assert kernels is not None
    check_rates(turn.rates, turn.parameters)
    gradients = like(turn.gradients, turn.parameters)
    rescale, as_one, by_adam = form.length != "own", form.scope == "global", form.direction == "adam"
    plan = _plan(tuple(map(Tensor.numel, turn.parameters)), as_one)
    table, aligned = _send(plan, turn, gradients, kept)
    columns = 2 if form.sgd and form.adam else 1
    scratch = table.new_empty(2 * plan.units + columns * plan.chunks, dtype=torch.float64)
    momentum = form.sgd.momentum if form.sgd else 0.0
    (b1, b2), eps = (form.adam.betas, form.adam.eps) if form.adam else ((0.0, 0.0), 0.0)
    log1, log2 = (math.log(beta) if beta else -math.inf for beta in (b1, b2))
    moved = kernels.FIRST if by_adam else kernels.BUFFER
    source = moved if (b1 if by_adam else momentum) else kernels.GRADIENT
    told = (table, scratch, plan.tensors, plan.chunks)
    of_both: dict[str, Any] = {
        "BY_ADAM": by_adam, "RESCALE": rescale, "GLOBAL": as_one, "ALIGNED": aligned,
        "CHUNK": CHUNK, "BLOCK": BLOCK, "num_warps": WARPS,
    }  # fmt: skip
    with torch.cuda.device_of(table):
        if rescale or kept.buffers or kept.seconds:  # plain SGD has nothing to take in
            kernels.advance[(plan.chunks,)](
                *told, momentum, b1, 1 - b1, log1, b2, 1 - b2, log2, eps,
                SGD=form.sgd is not None, ADAM=form.adam is not None,
                MOMENTUM=bool(momentum), MOMENTS=bool(b1), **of_both,
            )  # fmt: skip
        kernels.move[(plan.chunks,)](*told, log1, log2, eps, SOURCE=source, **of_both)
    # torch has not seen them move, and would go backwards through a graph that was built before.
    torch.autograd.graph.increment_version(turn.parameters)


def _is_compiled(form: Form, home: torch.device, *, record: bool) -> bool:
    """Whether Triton has compiled the kernels of ``form``; unless a graph records, it is made to.

    On tensors of one element, so that where it cannot nothing has moved yet.
    """
    key = form, home
    if key not in _compiled:
        if record:
            return False
        try:
            step(form, *_smallest(form, home))
        except Exception as error:  # a compiler is missing, or a cache cannot be written: Triton raises anything
            warnings.warn(
                f"optimizer steps run several times slower, for Triton cannot compile them: {error!r}",
                RuntimeWarning,
                stacklevel=2,
            )
            _compiled[key] = False
        else:
            _compiled[key] = True
    return _compiled[key] and not (record and not _PINS_IN_GRAPHS)


def _smallest(form: Form, home: torch.device) -> tuple[Turn, Kept]:
    def one() -> list[Tensor]:
        return [torch.zeros(1, device=home)]

    kept = Kept(
        buffers=one() if form.sgd and form.sgd.momentum else [],
        firsts=one() if form.adam and form.adam.betas[0] else [],
        seconds=one() if form.adam else [],
        steps=one() if form.adam else [],
    )
    return Turn(one(), one(), [{}], [1.0], [1.0]), kept


class _Plan(NamedTuple):
    """The table of a step, as far as it is the same for the next.

    Attributes:
        words: all of it, 0 where a step writes.
        start: the word from where on it does.
        layout: of what it writes there: addresses, rates and what weight decay leaves.
        tensors, chunks, units: how many there are.
    """

    words: NDArray[np.int64]
    start: int
    layout: Struct
    tensors: int
    chunks: int
    units: int


@lru_cache(maxsize=64)
def _plan(sizes: tuple[int, ...], as_one: bool) -> _Plan:  # noqa: FBT001
    n, units = len(sizes), 1 if as_one else len(sizes)
    counts = [max(1, -(-size // CHUNK)) for size in sizes]  # steps count for empty tensors too
    first_chunks, of_chunks = [0, *accumulate(counts)], np.repeat(np.arange(n), counts)
    parts = first_chunks, sizes, np.zeros(8 * n), of_chunks, np.zeros(units)
    words = np.concatenate(parts, dtype=np.int64, casting="unsafe")
    return _Plan(words, 2 * n + 1, Struct(f"={6 * n}q{2 * n}d"), n, len(of_chunks), units)


def _send(plan: _Plan, turn: Turn, gradients: list[Tensor], kept: Kept) -> tuple[Tensor, bool]:
    """The table of a step where the parameters are, and whether arrays begin at multiples of 16 bytes."""
    n, start, home = plan.tensors, plan.start, turn.parameters[0].device
    host = torch.empty(len(plan.words), dtype=torch.int64, pin_memory=home.type == "cuda")
    words = host.numpy()
    words[:] = plan.words
    nothing = (0,) * n
    # The rows of addresses that the kernels name, of which `kept` has the last four in their order.
    rows = (
        map(Tensor.data_ptr, tensors) if tensors else nothing
        for tensors in (turn.parameters, gradients, *kept)
    )
    numbers = [*turn.rates, *turn.keeps]
    there = [isinstance(number, Tensor) and number.is_cuda for number in numbers]
    known = [0.0 if is_there else number for number, is_there in zip(numbers, there, strict=True)]
    plan.layout.pack_into(words.data, 8 * start, *chain.from_iterable(rows), *known)
    aligned = not int(np.bitwise_or.reduce(words[start : start + 5 * n])) & 15
    if is_recorded(turn.parameters):
        _recorded.append(host)
    table = host.to(home, non_blocking=True)
    if any(there):
        _write(table[start + 6 * n : start + 8 * n].view(torch.float64), numbers)
    return table, aligned


def _write(words: Tensor, numbers: list[float | Tensor]) -> None:
    """Put numbers that lie on a device in their places, without reading them."""
    start = 0
    # Those of one group at once; told by identity, as comparing would synchronise.
    for _, alike in groupby(numbers, key=id):
        (number, *more) = alike
        stop = start + 1 + len(more)
        if isinstance(number, Tensor) and number.is_cuda:
            words[start:stop].copy_(number)
        start = stop
