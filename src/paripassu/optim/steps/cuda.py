"""The fast path on CUDA: float32 tensors as flat memory, in two launches of kernels that Triton compiles.

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
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.optim.steps.capture import check_rates, is_recorded
from paripassu.optim.steps.decomposition import Form
from paripassu.optim.steps.flat import ROWS, Flat, flat_of, source_of
from paripassu.optim.steps.player_step import Known, Turn

CHUNK, BLOCK, WARPS = 8192, 1024, 4  # BLOCK divides CHUNK

# Older ones allocate no pinned memory while a graph records.
_PINS_IN_GRAPHS = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 11)
# What graphs read again whenever they are replayed.
_recorded: list[Tensor] = []
_compiled: dict[tuple[Form, torch.device], bool] = {}


@cache
def _kernels() -> ModuleType | None:
    """The kernels; None where there is no Triton, as on Windows."""
    try:
        from paripassu.optim.steps import cuda_kernels
    except ImportError:
        return None
    return cuda_kernels


def serves(form: Form, turn: Turn) -> Flat | None:
    """The turn, if this path serves it: it is flat memory of one CUDA device, and Triton works there."""
    home = turn.parameters[0]
    if not home.is_cuda or _kernels() is None:
        return None
    memory = flat_of(form, turn, home.get_device())
    return memory if memory and _is_compiled(form, home.device, record=is_recorded(turn.parameters)) else None


def step(form: Form, turn: Turn, memory: Flat) -> None:
    """One step, parameters and states in place; without CUDA, by Triton's interpreter.

    Args:
        form: the rule's.
        turn: one that this path `serves`, or its like on the CPU.
        memory: it as flat memory.

    Raises:
        RuntimeError: a CUDA graph records the step, and a learning rate is a tensor on the CPU.
    """
    check_rates(turn.rates, turn.parameters)
    with torch.cuda.device_of(turn.parameters[0]):
        table = _send(form, turn, memory)
        for launch in _launches(form, table.words.get_device(), table.aligned):
            launch(table)
    # torch has not seen them move, and would go backwards through a graph that was built before.
    torch.autograd.graph.increment_version(turn.parameters)


class _Launch:
    """One of the kernels with what is the same for it in each step of a form."""

    def __init__(self, kernel: Any, settings: tuple[float, ...]) -> None:
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
def _launches(form: Form, device: int, aligned: bool) -> list[_Launch]:  # noqa: ARG001, FBT001
    """The launches of a step; of their own on each device, where kernels are loaded."""
    kernels = _kernels()
    assert kernels is not None
    (b1, b2), eps = form.betas, form.eps
    log1, log2 = (math.log(beta) if beta else -math.inf for beta in (b1, b2))
    of_both = form.direction == "adam", form.rescales, form.scope == "global", aligned, CHUNK, BLOCK
    move = _Launch(kernels.move, (log1, log2, eps, source_of(form), *of_both))
    if not form.takes_in:
        return [move]
    numbers = map(float, (form.momentum, b1, 1 - b1, log1, b2, 1 - b2, log2, eps))
    has = form.sgd is not None, form.adam is not None, bool(form.momentum), bool(b1)
    return [_Launch(kernels.advance, (*numbers, *has, *of_both)), move]


def _is_compiled(form: Form, home: torch.device, *, record: bool) -> bool:
    """Whether Triton has compiled the kernels of ``form``; unless a graph records, it is made to.

    On tensors of one element, so that where it cannot nothing has moved yet.
    """
    key = form, home
    if key not in _compiled:
        if record:
            return False
        try:
            _step_of_one(form, home)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever Triton raises where there is no C compiler, or no room
            warnings.warn(
                f"optimizer steps run several times slower, for Triton cannot compile them: {error!r}",
                RuntimeWarning,
                stacklevel=2,
            )
            _compiled[key] = False
        else:
            _compiled[key] = True
    return _compiled[key] and not (record and not _PINS_IN_GRAPHS)


def _step_of_one(form: Form, home: torch.device) -> None:
    arrays = [torch.zeros(1, device=home) for _ in ROWS]
    turn = Turn(arrays[:1], arrays[1:2], [{}], [1.0], [1.0], is_float32=True, known=Known())
    step(form, turn, Flat((1,), [(array.data_ptr(),) for array in arrays], turn.gradients))


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


class _Table(NamedTuple):
    """What the kernels are told of a step, and where they leave what they measure.

    Attributes:
        plan: its lengths.
        words, scratch: where the parameters are.
        aligned: whether arrays begin at multiples of 16 bytes.
    """

    plan: _Plan
    words: Tensor
    scratch: Tensor
    aligned: bool


def _send(form: Form, turn: Turn, memory: Flat) -> _Table:
    """The table of a step; a new one each time, for in training every step's gradients lie elsewhere."""
    plan, home = _plan(memory.sizes, form.scope == "global"), turn.parameters[0].device
    n, start = plan.tensors, plan.start
    host = torch.empty(len(plan.words), dtype=torch.int64, pin_memory=home.type == "cuda")
    words = host.numpy()
    words[:] = plan.words
    numbers = [*turn.rates, *turn.keeps]
    are_known = set(map(type, numbers)) <= {float, int}
    known = numbers if are_known else [0.0 if _is_on_device(number) else number for number in numbers]
    plan.layout.pack_into(words.data, 8 * start, *chain.from_iterable(memory.addresses), *known)
    aligned = not int(np.bitwise_or.reduce(words[start : start + 5 * n])) & 15
    if is_recorded(turn.parameters):
        _recorded.append(host)
    table = host.to(home, non_blocking=True)
    if not are_known:
        _write(table[start + 6 * n : start + 8 * n].view(torch.float64), numbers)
    columns = 2 if form.sgd and form.adam else 1
    scratch = table.new_empty(2 * plan.units + columns * plan.chunks, dtype=torch.float64)
    return _Table(plan, table, scratch, aligned)


def _write(words: Tensor, numbers: list[float | Tensor]) -> None:
    """Put numbers that lie on a device in their places, without reading them."""
    start = 0
    # Those of one group at once; told by identity, as comparing would synchronise.
    for _, alike in groupby(numbers, key=id):
        (number, *more) = alike
        stop = start + 1 + len(more)
        if _is_on_device(number):
            words[start:stop].copy_(number)
        start = stop


def _is_on_device(number: float | Tensor) -> TypeGuard[Tensor]:
    return isinstance(number, Tensor) and number.is_cuda
