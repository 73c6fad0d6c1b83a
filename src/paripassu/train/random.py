"""Random numbers as a function of (seed, stream, step), so that resume needs no saved generator."""

from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """Independent uses of one seed."""

    WEIGHTS = 0
    TRAINING = 1
    EVALUATION = 2
    PICTURES = 3
    NETWORKS = 4
    WORLD = 5


def number(seed: int, stream: Stream, step: int = 0, rank: int = 0) -> int:
    """63 random bits that depend on nothing else."""
    entropy = [seed, stream, step, *([rank] if rank else [])]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)


def generator(seed: int, stream: Stream, step: int, device: torch.device) -> torch.Generator:
    """A fresh generator for one step of one stream."""
    return torch.Generator(device).manual_seed(number(seed, stream, step))


def default_generators(device: torch.device) -> list[torch.Generator]:
    """Torch's global generators that work on a device may draw from."""
    on_gpu = [gpu_generator(device)] if device.type == "cuda" else []
    return [torch.default_generator, *on_gpu]


def gpu_generator(device: torch.device | str) -> torch.Generator:
    """Torch's global generator of a GPU."""
    torch.cuda.init()  # makes them
    index = torch.device(device).index
    unnumbered = index is None  # pyright: ignore[reportUnnecessaryComparison] - "cuda" has no index
    return torch.cuda.default_generators[torch.cuda.current_device() if unnumbered else index]


@contextmanager
def seeded(seed: int, stream: Stream, step: int, device: torch.device, rank: int = 0) -> Generator[None]:
    """Seed torch's global generators, from which networks draw noise, and restore them afterwards.

    Processes of other ``rank`` draw other noise.
    """
    # By hand: torch.manual_seed and fork_rng go over all devices, at ten times the cost.
    used = default_generators(device)
    before = [each.get_state() for each in used]
    try:
        for each in used:
            each.manual_seed(number(seed, stream, step, rank))
        yield
    finally:
        for each, state in zip(used, before, strict=True):
            each.set_state(state)
