"""Training is its own world: what a caller set for all of torch changes nothing in it, and stays as it was.

A run's weights follow from its settings alone. Default dtype and device, autocast, deterministic and anomaly
mode, grad and inference mode, the precision of products, random generators, error states and filters of
warnings are torch's, numpy's and Python's defaults in here, whatever they are outside.

The number of threads is an exception where a run begins: it is how a person chooses the speed, and
``run.json`` keeps it for every later sitting.
"""

import random
import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch.autograd import anomaly_mode

from paripassu.train.precision import tensor_cores
from paripassu.train.random import Stream, number, seeded
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
        for read, write, value in _settings(threads):
            _with(stack, read, write, value)
        if _flushes_denormals():
            torch.set_flush_denormal(False)
            stack.callback(torch.set_flush_denormal, True)  # noqa: FBT003 - takes no name
        stack.enter_context(tensor_cores(run))
        stack.enter_context(_own_chance(run))
        yield


def _settings(threads: int | None) -> list[tuple[Callable[[], Any], Callable[[Any], object], Any]]:
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
    flags = [
        (lambda name=name: getattr(cudnn, name), lambda mode, name=name: setattr(cudnn, name, mode), value)
        for name, value in {"enabled": True, "deterministic": False, "benchmark": False}.items()
    ]
    dtype = (torch.get_default_dtype, torch.set_default_dtype, torch.float32)
    counted = torch.get_num_threads() if threads is None else threads
    return [dtype, deterministic, *flags, (torch.get_num_threads, torch.set_num_threads, counted)]


def _with(stack: ExitStack, read: Callable[[], Any], write: Callable[[Any], object], value: Any) -> None:
    before = read()
    if before != value:
        write(value)
        stack.callback(write, before)


def _flushes_denormals() -> bool:
    return (torch.tensor(1e-310, dtype=torch.float64, device="cpu") / 2).item() == 0.0


@contextmanager
def _own_chance(run: Run) -> Generator[None]:
    """Seed every global generator, which a person's own parts may draw from, and restore it afterwards."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - own parts may use it
    seed = number(run.seed, Stream.WORLD)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        with seeded(run.seed, Stream.WORLD, 0, torch.device(run.device)):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
