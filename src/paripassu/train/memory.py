"""One sentence when a GPU or the machine has too little memory: for which work, and what to try.

Each function is a context that turns running out of memory into such a `MemoryFullError`.
"""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

import torch

from paripassu.train.run import Run

Shape = tuple[int, ...]
_HOST_IS_FULL = ("can't allocate memory", "Storage size calculation overflowed", "Invalid buffer size")
_KEPT = ". Checkpoints are whole"


class MemoryFullError(RuntimeError):
    """A GPU or the machine has too little memory; the message says for what, and what to try."""


def is_gpu_full(error: Exception) -> bool:
    """Whether an error says that a GPU's memory ran out."""
    # Memory outside torch's allocator, such as CUDA's own, runs out with another error.
    return isinstance(error, torch.OutOfMemoryError) or "CUDA error: out of memory" in str(error)


def data_fit(run: Run) -> AbstractContextManager[None]:
    """For bringing the data to the GPU."""
    return _explained(f"the data {run.data.name}", [])


def networks_fit(run: Run, shape: Shape) -> AbstractContextManager[None]:
    """For building networks or loading their weights; no batch makes these smaller."""
    work = f"the networks of {run.model.name} for samples of {_in_words(shape)}"
    return _explained(work, ["smaller networks", *_smaller(run, shape)])


def step_fits(run: Run, shape: Shape) -> AbstractContextManager[None]:
    """For the steps of a training."""
    work = f"a batch of {run.batch} samples of {_in_words(shape)}"
    halved = [f"a batch of {run.batch // 2}"] if run.batch > 1 else []
    return _explained(work, halved + _smaller(run, shape), _KEPT)


def measuring_fits(run: Run, shape: Shape) -> AbstractContextManager[None]:
    """For measuring and drawing samples; how many are made at once does not depend on the run's batch."""
    work = f"measuring {run.model.name} on samples of {_in_words(shape)}"
    return _explained(work, ["smaller networks", *_smaller(run, shape)], _KEPT)


@contextmanager
def _explained(work: str, tries: list[str], then: str = "") -> Generator[None]:
    try:
        yield
    except MemoryFullError:
        raise
    except RuntimeError as error:
        is_gpu = is_gpu_full(error)
        if not (is_gpu or any(sign in str(error) for sign in _HOST_IS_FULL)):
            raise
        machine = "GPU" if is_gpu else "machine"
        suggested = f"{', '.join(tries)} or " * bool(tries) + f"a {machine} with more memory free"
        raise MemoryFullError(
            f"the {machine} has too little memory for {work}: try {suggested}{then}"
        ) from error


def _smaller(run: Run, shape: Shape) -> list[str]:
    """Images of the next smaller resolution that the model makes, if there is one."""
    if len(shape) != 3:
        return []
    resolutions = run.model.resolutions or (shape[-1] // 2,)
    below = [resolution for resolution in resolutions if 0 < resolution < shape[-1]]
    return [f"images of {max(below)} px"] if below else []


def _in_words(shape: Shape) -> str:
    return " x ".join(map(str, shape))
