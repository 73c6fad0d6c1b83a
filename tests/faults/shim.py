"""System calls that fail, or end the process, at the n-th: a small library between Python and the system.

It is compiled with ``cc`` and loaded by ``LD_PRELOAD``, so that it meets the writes of polars and torch too.
"""

import ctypes
import errno
import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
COUNT, FAIL_ONCE, FAIL_FROM, SHORT, KILL, POWER = range(6)
OPEN, READ, WRITE, SYNC, RENAME, REMOVE, MAKE = (2**n for n in range(7))
CHANGES = OPEN | WRITE | SYNC | RENAME | REMOVE | MAKE  # calls that change something on the disk
_LEDGER = "unsynced"


def build(folder: Path) -> Path | None:
    """The compiled library in ``folder``; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "shim.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def is_loaded() -> bool:
    """Whether this process was started with the library."""
    return hasattr(ctypes.CDLL(None), "faults_arm")


def arm(action: int, nth: int = 0, error: int = 0, calls: int = CHANGES, ledger: Path | None = None) -> None:
    """From now on, let the ``nth`` of some calls below the working directory fail.

    Args:
        action: one of the constants above.
        nth: which call, from 1.
        error: its ``errno``.
        calls: which calls are counted, a sum of the constants above.
        ledger: where to write what a power cut would lose.
    """
    library = ctypes.CDLL(None)
    library.faults_arm.argtypes = [
        ctypes.c_int,
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_char_p,
    ]
    library.faults_arm(action, nth, error, calls, os.fsencode(Path.cwd()), os.fsencode(ledger or ""))


def disarm() -> None:
    """Let every call through again."""
    ctypes.CDLL(None).faults_disarm()


def seen() -> dict[int, int]:
    """The number of calls of each kind since the process has armed the library."""
    library = ctypes.CDLL(None)
    library.faults_seen.restype = ctypes.c_long
    return {2**kind: int(library.faults_seen(kind)) for kind in range(7)}


def ledger_of(folder: Path) -> Path:
    """Where a process that works in ``folder`` writes its ledger."""
    return folder.with_name(f"{folder.name}.{_LEDGER}")


def lose_unsynced(folder: Path) -> list[str]:
    """Cut every file to what was on the disk when the power went, as its ledger says; gives their names."""
    ledger = ledger_of(folder)
    if not ledger.exists():
        return []
    synced = dict(map(int, line.split()) for line in ledger.read_text().splitlines())
    ledger.unlink()
    lost = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            size = synced.get(status.st_ino, status.st_size)
            if size < status.st_size:
                os.truncate(path, size)
                lost.append(str(path.relative_to(folder)))
    return lost


ERRORS = {"no space": errno.ENOSPC, "input/output error": errno.EIO, "interrupted": errno.EINTR}
