"""Training is its own world: what a caller set for all of torch changes nothing in it, and stays as it was.

A run's weights follow from its settings alone. Default dtype and device, autocast, deterministic and anomaly
mode, grad and inference mode, the precision of products, random generators, error states and filters of
warnings are torch's, numpy's and Python's defaults in here, whatever they are outside. cuDNN takes only ways
to compute that give the same bits each time.

The number of threads is an exception where a run begins: it is how a person chooses the speed, and
``run.json`` keeps it for every later sitting.

Several runs in one process take turns in one world (`one_world`). Each has random generators and a number of
threads of its own (`OwnChance`).
"""

import random
import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.autograd import anomaly_mode

from paripassu.train.device import check_device
from paripassu.train.own_parts import own_files
from paripassu.train.precision import tensor_cores
from paripassu.train.random import Stream, default_generators, gpu_generator, number
from paripassu.train.run import Run

# A warning is shown once for each place. Our tests make it an error.
_ON_WARNING: Any = "default"


@contextmanager
def own_world(run: Run, threads: int | None = None) -> Generator[None]:
    """Do all work of a run in here.

    Args:
        run: whose seed and precision count.
        threads: of torch on the CPU; None leaves as many as there are.
    """
    with one_world(run):
        OwnChance(run, threads).take()
        yield


@contextmanager
def one_world(run: Run) -> Generator[None]:
    """Do the work of one or more runs in here, each of which takes its turns by `OwnChance.take`.

    Args:
        run: one of them; they share its device and precision.

    Raises:
        ValueError: the device is not there.
    """
    check_device(run.device)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter(_ON_WARNING)
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(anomaly_mode.set_detect_anomaly(mode=False))
        if torch.get_default_device() != torch.device("cpu"):
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        for read, write, value in _settings():
            _with(stack, read, write, value)
        if _flushes_denormals():
            torch.set_flush_denormal(False)
            stack.callback(torch.set_flush_denormal, True)  # noqa: FBT003 - takes no name
        stack.enter_context(tensor_cores(run))
        stack.enter_context(_callers_chance(run))
        yield


class OwnChance:
    """A run's global random generators and its number of threads, while other runs take turns with it.

    A person's own parts may draw from any generator. Parts of the package draw from torch's alone, and only
    where they are seeded for it, so that a turn of theirs costs little.

    Args:
        run: whose seed counts.
        threads: of torch on the CPU; None is as many as there are outside of `one_world`.
    """

    def __init__(self, run: Run, threads: int | None = None) -> None:
        self._run = run
        self._threads = _threads[-1] if threads is None else threads
        self._has_own_parts = bool(own_files(run))
        self._kept: list[Callable[[], object]] | None = None
        self._gpu = torch.Generator(run.device) if run.device != "cpu" else None

    def take(self) -> None:
        """Make the global generators this run's, in `one_world`; the run before keeps its own."""
        if _turns and _turns[-1] is self:
            return
        if _turns:
            _turns.pop().keep()
        _turns.append(self)
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        if self._gpu is not None:
            # Not the numbers but the generator: a graph that is replayed reads those of its own.
            gpu_generator(self._run.device).graphsafe_set_state(self._gpu)
        if self._kept is None:
            seed = number(self._run.seed, Stream.WORLD)
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002 - own parts may use it
            for each in default_generators(torch.device(self._run.device)):
                each.manual_seed(seed)
        else:
            for restore in self._kept:
                restore()

    def keep(self) -> None:
        """Remember the generators until the next turn."""
        self._kept = _chance(everyones=self._has_own_parts)


# The run whose turn it is, in the innermost world.
_turns: list[OwnChance] = []
# The callers' numbers of threads, of the innermost world last.
_threads: list[int] = []


@contextmanager
def _callers_chance(run: Run) -> Generator[None]:
    """Restore the caller's generators and threads afterwards."""
    turns, kept = [*_turns], _chance(everyones=True)
    if run.device != "cpu":
        gpu = gpu_generator(run.device)
        kept.append(partial(gpu.graphsafe_set_state, gpu.graphsafe_get_state()))
    _turns.clear()
    _threads.append(torch.get_num_threads())
    try:
        yield
    finally:
        _turns[:] = turns
        threads = _threads.pop()
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        for restore in kept:
            restore()


def _chance(*, everyones: bool) -> list[Callable[[], object]]:
    """What restores the generators on the host: torch's or, with ``everyones``, all of them."""
    kept: list[Callable[[], object]] = [
        partial(torch.default_generator.set_state, torch.default_generator.get_state())
    ]
    if everyones:
        kept.append(partial(random.setstate, random.getstate()))
        kept.append(partial(np.random.set_state, np.random.get_state()))  # noqa: NPY002 - own parts may use it
    return kept


def _settings() -> list[tuple[Callable[[], Any], Callable[[Any], object], Any]]:
    """How to read each of torch's global settings, how to write it, and its value in here."""
    deterministic = (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda mode: torch.use_deterministic_algorithms(mode[0], warn_only=mode[1]),
        (False, False),
    )
    cudnn: Any = torch.backends.cudnn
    # Of cuDNN's ways to compute a convolution some add in another order each time.
    values = {"enabled": True, "deterministic": True, "benchmark": False}
    flags = [
        (lambda name=name: getattr(cudnn, name), lambda mode, name=name: setattr(cudnn, name, mode), value)
        for name, value in values.items()
    ]
    dtype = (torch.get_default_dtype, torch.set_default_dtype, torch.float32)
    return [dtype, deterministic, *flags]


def _with(stack: ExitStack, read: Callable[[], Any], write: Callable[[Any], object], value: Any) -> None:
    before = read()
    if before != value:
        write(value)
        stack.callback(write, before)


def _flushes_denormals() -> bool:
    return (torch.tensor(1e-310, dtype=torch.float64, device="cpu") / 2).item() == 0.0
