"""The fast way on CUDA: float32 tensors as flat memory, in two launches of kernels that Triton compiles.

The first advances the states and sums squares, the second moves the parameters. The host reads nothing back.
It sends a table of addresses, from memory that a CUDA graph can read again, so that a step can be captured
after a first step.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from types import ModuleType
from typing import Any, NamedTuple

import torch

from paripassu.optim.steps.capture import check_rates, is_recorded
from paripassu.optim.steps.cuda_table import CHUNK, Table, send
from paripassu.optim.steps.decomposition import Decomposition, StateArrays
from paripassu.optim.steps.flat import ROWS, FlatMemory, direction_row, flat_memory
from paripassu.optim.steps.player_step import FlatCheck, PlayerStep

BLOCK, WARPS = 1024, 4  # BLOCK divides CHUNK

# Older versions cannot allocate pinned memory while a graph is being recorded.
_PINS_IN_GRAPHS = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 11)
_compiled: dict[tuple["_Kind", torch.device], bool] = {}


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
    if memory is None:
        return None
    record = is_recorded(step.parameters)
    if not _is_compiled(decomposition, _kind(decomposition, memory.arrays), home.device, record=record):
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
        table = send(decomposition, step, memory)
        kind, numbers = _kind(decomposition, memory.arrays), _numbers(decomposition, memory.sizes)
        for launch in _launches(kind, table.words.get_device(), table.aligned):
            launch(table, numbers)
    # torch did not see the kernels write: without this it would go backwards through an outdated graph.
    torch.autograd.graph.increment_version(step.parameters)


class _Kind(NamedTuple):
    """What of a step is compiled into the kernels: all but numbers.

    Attributes:
        sgd: whether the rule has a part that is SGD.
        adam: the same of Adam.
        momentum: whether states have momentum buffers.
        moments: whether states have first moments.
        source: the row of the direction, or of the numerator of Adam's direction.
        by_adam: whether the direction is Adam's.
        rescales: whether directions are rescaled.
        is_global: whether all tensors are measured together.
        updates_state: whether gradients must be read before parameters move.
        by_weights: whether the magnitude is the parameters' length.
    """

    sgd: bool
    adam: bool
    momentum: bool
    moments: bool
    source: int
    by_adam: bool
    rescales: bool
    is_global: bool
    updates_state: bool
    by_weights: bool


def _kind(decomposition: Decomposition, arrays: StateArrays) -> _Kind:
    return _Kind(
        sgd=decomposition.sgd is not None,
        adam=decomposition.adam is not None,
        momentum=bool(arrays.buffers),
        moments=bool(arrays.firsts),
        source=direction_row(decomposition, arrays),
        by_adam=decomposition.direction == "adam",
        rescales=decomposition.rescales,
        is_global=decomposition.is_global,
        updates_state=decomposition.updates_state,
        by_weights=decomposition.magnitude == "weights",
    )


class _Numbers(NamedTuple):
    """Arguments of `cuda_kernels.advance` after the table's, in its order and under its names."""

    momentum: float
    b1: float
    rest1: float
    log1: float
    b2: float
    rest2: float
    log2: float
    eps: float
    floor: float


def _numbers(decomposition: Decomposition, sizes: Sequence[int]) -> _Numbers:
    """The numbers of a step, which may change from step to step; a CUDA graph keeps them."""
    b1, b2 = map(float, decomposition.betas)
    return _Numbers(
        momentum=float(decomposition.momentum),
        b1=b1,
        rest1=1 - b1,
        log1=math.log(b1) if b1 else -math.inf,
        b2=b2,
        rest2=1 - b2,
        log2=math.log(b2) if b2 else -math.inf,
        eps=float(decomposition.eps),
        # The kernel multiplies that of a tensor measured alone by the root of its elements.
        floor=decomposition.floor * (math.sqrt(sum(sizes)) if decomposition.is_global else 1.0),
    )


class _AdvanceFlags(NamedTuple):
    """Arguments of `cuda_kernels.advance` after the numbers, in its order and under its names."""

    SGD: bool
    ADAM: bool
    MOMENTUM: bool
    MOMENTS: bool
    WEIGHTS: bool
    BY_ADAM: bool
    RESCALE: bool
    GLOBAL: bool
    ALIGNED: bool
    CHUNK: int
    BLOCK: int


class _MoveFlags(NamedTuple):
    """Arguments of `cuda_kernels.move` after ``log1``, ``log2`` and ``eps``, in its order."""

    SOURCE: int
    BY_ADAM: bool
    RESCALE: bool
    GLOBAL: bool
    ALIGNED: bool
    CHUNK: int
    BLOCK: int


class _Launch:
    """A kernel and the arguments that are the same in each step of a kind."""

    def __init__(self, kernel: Any, flags: _AdvanceFlags | _MoveFlags) -> None:
        self._kernel = kernel
        self._flags = flags
        self._compiled: Any = None

    def __call__(self, table: Table, numbers: _Numbers) -> None:
        grid = table.plan.chunks, 1, 1
        is_move = isinstance(self._flags, _MoveFlags)
        used = (numbers.log1, numbers.log2, numbers.eps) if is_move else numbers
        arguments = table.words, table.scratch, table.plan.tensors, table.plan.chunks, *used, *self._flags
        if self._compiled is None:
            self._compiled = self._kernel[grid](*arguments, num_warps=WARPS, enable_fp_fusion=True)
        else:  # without a search for the version that fits the arguments, which takes longer than a launch
            self._compiled[grid](*arguments)


@lru_cache(maxsize=64)
def _launches(
    kind: _Kind,
    device: int,  # noqa: ARG001
    aligned: bool,  # noqa: FBT001
) -> list[_Launch]:
    """The launches of a step; each device has its own, because kernels are loaded there."""
    kernels = _kernels()
    assert kernels is not None
    flags: dict[str, bool] = {
        "BY_ADAM": kind.by_adam,
        "RESCALE": kind.rescales,
        "GLOBAL": kind.is_global,
        "ALIGNED": aligned,
    }
    move = _Launch(kernels.move, _MoveFlags(SOURCE=kind.source, CHUNK=CHUNK, BLOCK=BLOCK, **flags))
    if not kind.updates_state:
        return [move]
    advance = _AdvanceFlags(
        SGD=kind.sgd,
        ADAM=kind.adam,
        MOMENTUM=kind.momentum,
        MOMENTS=kind.moments,
        WEIGHTS=kind.by_weights,
        CHUNK=CHUNK,
        BLOCK=BLOCK,
        **flags,
    )
    return [_Launch(kernels.advance, advance), move]


def _is_compiled(decomposition: Decomposition, kind: _Kind, home: torch.device, *, record: bool) -> bool:
    """Whether Triton has compiled the kernels; if not, it compiles them now, unless a graph is recorded.

    It compiles on tensors of one element, so that nothing has moved if it fails.
    """
    key = kind, home
    if key not in _compiled:
        if record:
            return False
        try:
            _step_of_one(decomposition, kind, home)
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


def _step_of_one(decomposition: Decomposition, kind: _Kind, home: torch.device) -> None:
    rows = [torch.zeros(1, device=home) for _ in ROWS]
    parameter, gradient, buffers, firsts, seconds, steps = ([row] for row in rows)
    arrays = StateArrays(
        buffers if kind.momentum else [],
        firsts if kind.moments else [],
        seconds if kind.adam else [],
        steps if kind.adam else [],
    )
    rule = decomposition.sgd or decomposition.adam
    assert rule is not None
    step = PlayerStep(
        rule, decomposition, parameter, gradient, [{}], [1.0], [1.0], is_float32=True, flat_check=FlatCheck()
    )
    memory = FlatMemory((1,), [(row.data_ptr(),) for row in rows], gradient, arrays)
    carry_out(decomposition, step, memory)
