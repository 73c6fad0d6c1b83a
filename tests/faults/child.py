"""A command in a process of its own, forked from one that has imported everything."""

import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

RAISED = 99  # the exit code of a command that let an exception escape
_MEMORY = 4 * 2**30  # a process that wants as much more than it began with is refused it


@dataclass(frozen=True)
class Answer:
    """What a process left.

    Attributes:
        code: its exit code, negative for the signal that ended it; None if it was stopped at its time limit.
        out: its standard output.
        err: its standard error.
    """

    code: int | None
    out: str
    err: str

    @property
    def is_killed(self) -> bool:
        """Whether it was killed before its end."""
        return self.code == -signal.SIGKILL

    @property
    def has_raised(self) -> bool:
        """Whether an exception escaped, or a signal of its own making ended it."""
        crashed = self.code is not None and self.code < 0 and not self.is_killed
        return crashed or self.code == RAISED or "Traceback (most recent call last)" in self.err

    @property
    def sentence(self) -> str:
        """The one sentence of a refusal; empty where there is none."""
        lines = self.err.strip().splitlines()
        return lines[-1] if lines and lines[-1].startswith("paripassu: ") else ""


def in_child(
    function: Callable[[], int], folder: Path, *, limit: float, kill_after: float | None = None
) -> Answer:
    """Fork, work in ``folder``, and wait.

    Args:
        function: what the process does; gives its exit code.
        folder: its working directory; its output is kept beside it.
        limit: seconds after which it, and every process it has made, is killed.
        kill_after: the same, on purpose.
    """
    files = [folder.with_name(f"{folder.name}.{name}") for name in ("out", "err")]
    for file in files:
        file.write_bytes(b"")
    pid = os.fork()
    if pid == 0:
        _become(function, folder, files)
    os.setpgid(pid, pid)  # by both: whoever comes first, the group is there before it may be killed
    waiting = os.pidfd_open(pid)
    try:
        shorter = limit if kill_after is None else kill_after
        in_time = bool(select.select([waiting], [], [], shorter)[0])
    finally:
        os.close(waiting)
    if not in_time:
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with suppress(ProcessLookupError):  # what it has made and left behind
        os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status) if in_time or kill_after is not None else None
    out, err = (file.read_bytes().decode("utf-8", "replace") for file in files)
    return Answer(code, out, err)


def _become(function: Callable[[], int], folder: Path, files: list[Path]) -> None:
    import resource

    code = RAISED
    try:
        os.setpgid(0, 0)
        for descriptor, file in enumerate(files, start=1):
            os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), descriptor)
        sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123 - for as long as the process lives
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + _MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        code = function()
    except SystemExit as stop:  # the command line's own refusals
        code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code & 0xFF)
