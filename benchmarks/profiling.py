"""Memory, time, devices and dates, for the scripts beside this one."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


def wait(device: str) -> None:
    """Go on when the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def name_of(device: str) -> str:
    """The device for `paripassu.records.environment`: a GPU's own name."""
    return torch.cuda.get_device_name() if device == "cuda" else device


def dated(benchmark: str, device: str) -> Path:
    """Where today's page of a benchmark goes."""
    name = benchmark if device == "cpu" else f"{benchmark}-{device}"
    return Path(__file__).parent / "results" / f"{name}-{datetime.now(UTC):%Y-%m-%d}.md"


def peak(step: Callable[[], object]) -> int:
    """The most bytes that torch allocates at once on the GPU within ``step``."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    return torch.cuda.max_memory_allocated() - before


def allocations(step: Callable[[], object]) -> list[int]:
    """Bytes of each allocation by torch within ``step``, below 0 where memory is freed, in order."""
    with silenced(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        step()
    events = [e for e in recorded.profiler.kineto_results.events() if e.name() == "[memory]"]
    return [event.nbytes() for event in sorted(events, key=lambda e: e.start_ns())]


def shares(step: Callable[[], object], kinds: Mapping[str, str], *, on_gpu: bool) -> dict[str, float]:
    """What share of the time of ``step`` each kind of operation takes; they and ``"rest"`` sum to 1.

    Args:
        step: what is watched.
        kinds: a regular expression for each, of operations' names; the first that fits counts.
        on_gpu: whether the GPU's time counts instead of the processor's.
    """
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with silenced(), profile(activities=activities) as recorded:
        step()
    taken = dict.fromkeys([*kinds, "rest"], 0.0)
    for event in recorded.key_averages():
        kind = next((kind for kind, names in kinds.items() if re.search(names, event.key)), "rest")
        taken[kind] += event.self_device_time_total if on_gpu else event.self_cpu_time_total
    return {kind: seconds / sum(taken.values()) for kind, seconds in taken.items()}


@contextmanager
def silenced() -> Iterator[None]:
    """Keep what is written to standard error from it."""
    # The profiler announces itself on standard error, where the progress bar is.
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
