"""Where a run or a study ran: versions, hardware, commit, date."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from paripassu.files import read_whole


@dataclass(frozen=True)
class Environment:
    """Where a run or study ran, and the command that a person gave."""

    command: str
    versions: dict[str, str]
    device: str
    cores: int
    commit: str
    date: str


def environment(command: str, device: str = "cpu") -> Environment:
    """Where this process runs: versions, hardware, the checkout's commit, the time (UTC)."""
    return Environment(
        command=command,
        versions={"python": platform.python_version()} | _versions(),
        device=_cpu_name() if device == "cpu" else device,
        cores=usable_cores(),
        commit=_commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@cache
def _versions() -> dict[str, str]:
    """Versions of the installed packages that decide numbers."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in ("paripassu", "torch", "numpy", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def usable_cores() -> int:
    """Cores that this process may run on, which a scheduler can have made fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_name() -> str:
    try:
        lines = read_whole("/proc/cpuinfo").decode(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


@cache
def _commit() -> str:
    # Empty for an installed package; "-dirty" where the checkout has changes that no commit holds. Asked
    # once: whatever is changed meanwhile, a process goes on with the code that it began with.
    import subprocess

    here = Path(__file__)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        found = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)  # noqa: S603
        return found.stdout.strip()

    try:
        # An environment is often inside of a person's own checkout, whose commit is not ours.
        git("ls-files", "--error-unmatch", here.name)
        return git("describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, subprocess.CalledProcessError):
        return ""
