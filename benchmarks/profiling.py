"""Memory, time, devices and dates, for the scripts beside this one."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile


def wait(device: str) -> None:
    """Return when the device has done all its work."""
    if device == "cuda":
        torch.cuda.synchronize()


def name_of(device: str) -> str:
    """The device for `paripassu.records.environment`; for a GPU, its product name."""
    return torch.cuda.get_device_name() if device == "cuda" else device


def dated(benchmark: str, device: str) -> Path:
    """The file of today's page of a benchmark."""
    name = benchmark if device == "cpu" else f"{benchmark}-{device}"
    return Path(__file__).parent / "results" / f"{name}-{datetime.now(UTC):%Y-%m-%d}.md"


def peak(step: Callable[[], object]) -> int:
    """The most bytes that torch allocates at once on the GPU within ``step``."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    return torch.cuda.max_memory_allocated() - before


def allocations(step: Callable[[], object]) -> list[int]:
    """Bytes of each allocation by torch within ``step``, in order; freed memory is below 0."""
    with silenced(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        step()
    assert recorded.profiler is not None, "profile() ended without a profiler"
    kineto: Any = recorded.profiler.kineto_results  # torch's stubs leave its events out
    events = [e for e in kineto.events() if e.name() == "[memory]"]
    return [event.nbytes() for event in sorted(events, key=lambda e: e.start_ns())]


def shares(step: Callable[[], object], kinds: Mapping[str, str], *, on_gpu: bool) -> dict[str, float]:
    """The share of the time of ``step`` that each kind of operation takes; with ``"rest"`` the sum is 1.

    Args:
        step: the function to profile.
        kinds: for each kind a regular expression for operations' names; the first match counts.
        on_gpu: whether to count the GPU's time instead of the processor's.
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
    """Discard all output to standard error."""
    # The profiler prints to standard error, where the progress bar is.
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
