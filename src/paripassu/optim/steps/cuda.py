"""The fast way on CUDA: float32 tensors as flat memory, in two launches of kernels that Triton compiles.

The first advances the states and sums squares, the second moves the parameters. The host reads nothing back.
It sends a table of addresses, from memory that a CUDA graph can read again, so that a step can be captured
after a first step.
"""

import math
import warnings
from collections.abc import Callable
from functools import cache, lru_cache, partial
from itertools import accumulate, chain, groupby
from struct import Struct
from types import ModuleType
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.optim.steps.capture import check_rates, is_recorded
from paripassu.optim.steps.decomposition import Decomposition, StateArrays
from paripassu.optim.steps.flat import ROWS, FlatMemory, direction_row, flat_memory
from paripassu.optim.steps.player_step import FlatCheck, PlayerStep

CHUNK, BLOCK, WARPS = 8192, 1024, 4  # BLOCK divides CHUNK

# Older versions cannot allocate pinned memory while a graph is being recorded.
_PINS_IN_GRAPHS = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 11)
# Tables that recorded graphs read at each replay.
_recorded: list[Tensor] = []
_compiled: dict[tuple[Decomposition, torch.device], bool] = {}


@cache
def _kernels() -> ModuleType | None:
    """The kernels; None without Triton, as on Windows."""
    try:
        from paripassu.optim.steps import cuda_kernels
    except ImportError:
        return None
    return cuda_kernels


def plan(step: PlayerStep) -> Callable[[], None] | None:
    """The step, if its rule is decomposed, its tensors are flat memory on a CUDA device, and Triton works."""
    decomposition, home = step.decomposition, step.parameters[0]
    if decomposition is None or not home.is_cuda or _kernels() is None:
        return None
    memory = flat_memory(decomposition, step, home.get_device())
    if memory is None or not _is_compiled(decomposition, home.device, record=is_recorded(step.parameters)):
        return None
    return partial(carry_out, decomposition, step, memory)


def carry_out(decomposition: Decomposition, step: PlayerStep, memory: FlatMemory) -> None:
    """Carry out ``step`` on CUDA, or on the CPU by Triton's interpreter.

    Args:
        decomposition: of the step's rule.
        step: the step.
        memory: its tensors.

    Raises:
        RuntimeError: a CUDA graph records the step, and a learning rate is a tensor on the CPU.
    """
    check_rates(step.rates, step.parameters)
    with torch.cuda.device_of(step.parameters[0]):
        table = _send(decomposition, step, memory)
        for launch in _launches(decomposition, table.words.get_device(), table.aligned):
            launch(table)
    # torch did not see the kernels write: without this it would go backwards through an outdated graph.
    torch.autograd.graph.increment_version(step.parameters)


class _AdvanceSettings(NamedTuple):
    """Arguments of `cuda_kernels.advance` after the table's, in its order and under its names."""

    momentum: float
    b1: float
    rest1: float
    log1: float
    b2: float
    rest2: float
    log2: float
    eps: float
    SGD: bool
    ADAM: bool
    MOMENTUM: bool
    MOMENTS: bool
    BY_ADAM: bool
    RESCALE: bool
    GLOBAL: bool
    ALIGNED: bool
    CHUNK: int
    BLOCK: int


class _MoveSettings(NamedTuple):
    """Arguments of `cuda_kernels.move` after the table's, in its order and under its names."""

    log1: float
    log2: float
    eps: float
    SOURCE: int
    BY_ADAM: bool
    RESCALE: bool
    GLOBAL: bool
    ALIGNED: bool
    CHUNK: int
    BLOCK: int


class _Launch:
    """A kernel and the arguments that are the same in each step of a rule."""

    def __init__(self, kernel: Any, settings: _AdvanceSettings | _MoveSettings) -> None:
        self._kernel = kernel
        self._settings = settings
        self._compiled: Any = None

    def __call__(self, table: "_Table") -> None:
        grid = table.plan.chunks, 1, 1
        arguments = table.words, table.scratch, table.plan.tensors, table.plan.chunks, *self._settings
        if self._compiled is None:
            self._compiled = self._kernel[grid](*arguments, num_warps=WARPS, enable_fp_fusion=True)
        else:  # without a search for the version that fits the arguments, which takes longer than a launch
            self._compiled[grid](*arguments)


@lru_cache(maxsize=64)
def _launches(
    decomposition: Decomposition,
    device: int,  # noqa: ARG001
    aligned: bool,  # noqa: FBT001
) -> list[_Launch]:
    """The launches of a step; each device has its own, because kernels are loaded there."""
    kernels = _kernels()
    assert kernels is not None
    (b1, b2), eps = decomposition.betas, decomposition.eps
    log1, log2 = (math.log(beta) if beta else -math.inf for beta in (b1, b2))
    flags: dict[str, bool] = {
        "BY_ADAM": decomposition.direction == "adam",
        "RESCALE": decomposition.rescales,
        "GLOBAL": decomposition.is_global,
        "ALIGNED": aligned,
    }
    move = _MoveSettings(
        log1=log1,
        log2=log2,
        eps=eps,
        SOURCE=direction_row(decomposition),
        CHUNK=CHUNK,
        BLOCK=BLOCK,
        **flags,
    )
    if not decomposition.updates_state:
        return [_Launch(kernels.move, move)]
    advance = _AdvanceSettings(
        momentum=float(decomposition.momentum),
        b1=float(b1),
        rest1=float(1 - b1),
        log1=log1,
        b2=float(b2),
        rest2=float(1 - b2),
        log2=log2,
        eps=float(eps),
        SGD=decomposition.sgd is not None,
        ADAM=decomposition.adam is not None,
        MOMENTUM=bool(decomposition.momentum),
        MOMENTS=bool(b1),
        CHUNK=CHUNK,
        BLOCK=BLOCK,
        **flags,
    )
    return [_Launch(kernels.advance, advance), _Launch(kernels.move, move)]


def _is_compiled(decomposition: Decomposition, home: torch.device, *, record: bool) -> bool:
    """Whether Triton has compiled the kernels; if not, it compiles them now, unless a graph is recorded.

    It compiles on tensors of one element, so that nothing has moved if it fails.
    """
    key = decomposition, home
    if key not in _compiled:
        if record:
            return False
        try:
            _step_of_one(decomposition, home)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever Triton raises without a C compiler or without space
            warnings.warn(
                f"optimizer steps run several times slower, because Triton cannot compile them: {error!r}",
                RuntimeWarning,
                stacklevel=2,
            )
            _compiled[key] = False
        else:
            _compiled[key] = True
    return _compiled[key] and not (record and not _PINS_IN_GRAPHS)


def _step_of_one(decomposition: Decomposition, home: torch.device) -> None:
    rows = [torch.zeros(1, device=home) for _ in ROWS]
    parameter, gradient, *arrays = ([row] for row in rows)
    rule = decomposition.sgd or decomposition.adam
    assert rule is not None
    step = PlayerStep(
        rule, decomposition, parameter, gradient, [{}], [1.0], [1.0], is_float32=True, flat_check=FlatCheck()
    )
    memory = FlatMemory((1,), [(row.data_ptr(),) for row in rows], gradient, StateArrays(*arrays))
    carry_out(decomposition, step, memory)


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


class _Table(NamedTuple):
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


def _send(decomposition: Decomposition, step: PlayerStep, memory: FlatMemory) -> _Table:
    """The table of a step; a new one each time, because in training gradients have new addresses."""
    plan, home = _plan(memory.sizes, decomposition.is_global), step.parameters[0].device
    n, start = plan.tensors, plan.start
    host = torch.empty(len(plan.words), dtype=torch.int64, pin_memory=home.type == "cuda")
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
    columns = 2 if decomposition.sgd and decomposition.adam else 1
    scratch = table.new_empty(2 * plan.units + columns * plan.chunks, dtype=torch.float64)
    return _Table(plan, table, scratch, aligned)


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
