"""Randomness as a function of (seed, stream, step): nothing to save, so nothing to lose on resume."""

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


def number(seed: int, stream: Stream, step: int = 0) -> int:
    """63 random bits that depend on nothing else."""
    return int(np.random.SeedSequence([seed, stream, step]).generate_state(1, np.uint64)[0] >> 1)


def generator(seed: int, stream: Stream, step: int, device: torch.device) -> torch.Generator:
    """A fresh generator for one step of one stream."""
    return torch.Generator(device).manual_seed(number(seed, stream, step))


@contextmanager
def seeded(seed: int, stream: Stream, step: int, device: torch.device) -> Generator[None]:
    """Torch's global generators seeded inside and as they were behind: networks draw noise from them."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(number(seed, stream, step))
        yield
