"""One process at a time works in a folder; the next is told who does."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from paripassu.records import write_atomic

_LOCK = ".lock"
_HOLDER = ".holder"  # its own file: whoever tries the lock empties that one


class FolderInUseError(RuntimeError):
    """Another process works in the folder."""


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Hold an existing folder while working in it.

    Raises:
        FolderInUseError: another process holds it; the message says which, where and since when.
    """
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise FolderInUseError(f"{folder} is in use by {_holder(folder)}: wait for it or stop it") from error
    try:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        write_atomic(folder / _HOLDER, f"process {os.getpid()} on {socket.gethostname()}, since {now}")
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        return (folder / _HOLDER).read_text()
    except OSError:  # it has only just begun or is about to end
        return "another process"
