"""Files that appear whole or not at all, folders that one process works in, and where caches live.

JSON that is read back carries its own SHA-256 (`sealed`), so that a flipped bit in it is damage, not data.
"""

import hashlib
import io
import json
import os
import re
import shutil
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any

AnyPath = str | os.PathLike[str]
"""A path as a person writes it: text, or a `pathlib.Path`."""

_SEAL = "sha256"
_LOCK = ".lock"
_HOLDER = ".holder"  # a file of its own: whoever tries the lock empties that one
_PARTIAL = ".partial-"
LEFTOVER = re.compile(rf"{re.escape(_PARTIAL)}(?P<process>\d+)-(?P<of>.*)", re.DOTALL)
"""The name that `partial_of` gives, by the process that wrote there and the name it wrote for."""
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)  # should a named pipe take a file's place just now


class FolderInUseError(RuntimeError):
    """Another process works in the folder."""


class NotAFileError(OSError, ValueError):
    """A folder, a named pipe, a socket or a device has the place of a file; ``kind`` says which."""

    def __init__(self, path: AnyPath, kind: str) -> None:
        self.path, self.kind = os.fspath(path), kind
        super().__init__(f"{os.fspath(path)} is {kind}, not a file: remove it or put the file back")

    def __reduce__(self) -> tuple[type, tuple[str, str]]:  # else pickled as its sentence, and lost
        return type(self), (self.path, self.kind)


def kind_of(mode: int) -> str:
    """What is no regular file, by its mode; empty for a file.

    Example:
        >>> kind_of(Path.cwd().stat().st_mode)
        'a folder'
    """
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISDIR(mode) or stat.S_ISFIFO(mode):
        return "a folder" if stat.S_ISDIR(mode) else "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def check_is_file(path: AnyPath) -> None:
    """Check what is opened by its path: a pipe, a socket or a device may never end.

    Raises:
        NotAFileError: it is no regular file, by itself or through a link.
        OSError: it is missing or cannot be looked at.
    """
    if kind := kind_of(Path(path).stat().st_mode):
        raise NotAFileError(path, kind)


def opened(path: AnyPath) -> io.BufferedReader:
    """A regular file, opened for reading. All that is read back is opened here.

    Raises:
        OSError: as `check_is_file`, or the file cannot be read.
    """
    check_is_file(path)
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | _WITHOUT_WAITING))


def read_whole(path: AnyPath) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: as `opened`.

    Example:
        >>> read_whole(os.devnull)
        Traceback (most recent call last):
        paripassu.files.NotAFileError: /dev/null is a device, not a file: remove it or put the file back
    """
    with opened(path) as stream:
        return stream.read()


def partial_of(path: AnyPath) -> Path:
    """A path beside ``path`` for this process alone; `clear_leftovers` removes what a kill leaves there."""
    path = Path(path)
    return path.with_name(f"{_PARTIAL}{os.getpid()}-{path.name}")


@contextmanager
def replacing(path: AnyPath) -> Generator[Path]:
    """Write a file or a folder so that readers, and a crash, see the old one or the new one.

    Yields:
        A path beside ``path``: make a file or a folder there. When the block ends, it is synced to the disk
        and takes the place of ``path``. When the block raises, it is removed.

    Raises:
        OSError: there is no room, or the folder cannot be written; ``path`` is as it was.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with replacing(path) as partial:
        ...     _ = partial.write_text("whole")
        >>> path.read_text()
        'whole'
    """
    path = Path(path)
    partial = partial_of(path)
    remove(partial)
    try:
        yield partial
        if partial.is_dir():
            for inside in partial.iterdir():
                sync(inside)
            remove(path)  # a folder cannot replace one that holds something
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    finally:
        remove(partial)


def write_whole(path: AnyPath, text: str) -> None:
    r"""Replace a file's text, in UTF-8, as `replacing` does.

    A byte of a file's name that is no UTF-8 is written as an escape, such as ``\udcff``.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def sealed(data: dict[str, Any]) -> str:
    """Plain values as JSON text that carries its own SHA-256.

    Example:
        >>> unsealed(sealed({"step": 30}))
        {'step': 30}
    """
    return json.dumps(data | {_SEAL: _seal(data)}, indent=2, allow_nan=False) + "\n"


def unsealed(text: str | bytes) -> dict[str, Any]:
    """The values of a text that `sealed` made.

    Raises:
        ValueError: a character of it was changed or lost since.

    Example:
        >>> unsealed(sealed({"step": 30}).replace("30", "31"))
        Traceback (most recent call last):
        ValueError: its SHA-256 is another
    """
    try:
        data: Any = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - damage is one kind of error
    if data.pop(_SEAL, None) != _seal(data):
        raise ValueError("its SHA-256 is another")
    return data


def _seal(data: dict[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: AnyPath) -> str:
    """The SHA-256 of a file, in hex."""
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove(path: AnyPath) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


def clear_leftovers(folder: AnyPath, *, of: str = "") -> None:
    """Remove what killed processes left of `replacing` in a folder and in all folders under it.

    With ``of``, only what they left of that file or folder in ``folder``. What a living process of this
    machine is writing stays.
    """
    found = Path(folder).glob(f"{_PARTIAL}*-{escape(of)}") if of else Path(folder).rglob(f"{_PARTIAL}*")
    for path in list(found):
        written = LEFTOVER.fullmatch(path.name)
        if not (written and _is_alive(int(written["process"]))):
            remove(path)


def _is_alive(process: int) -> bool:
    """Whether another process of this number is there."""
    if process == os.getpid():
        return False  # in containers that start anew the numbers are the same
    if os.name != "posix":
        return True  # signal 0 would end it
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def inside(folder: AnyPath, relative: str, *, pattern: str) -> Path:
    """The path of a file or a folder that a file in ``folder`` names.

    Args:
        folder: that must have it.
        relative: the path that the file has, relative to ``folder``.
        pattern: that it must match, as `pathlib.PurePath.match` does.

    Raises:
        ValueError: the path does not match or leads out of the folder, by itself or through a link.

    Example:
        >>> inside(Path("run"), "samples/1.png", pattern="samples/*.png").as_posix()
        'run/samples/1.png'
    """
    folder = Path(folder)
    path, written = folder / relative, PurePosixPath(relative)
    is_alike = len(written.parts) == len(PurePosixPath(pattern).parts) and written.match(pattern)
    if not (is_alike and path.resolve().is_relative_to(folder.resolve())):
        raise ValueError(
            f"{folder} names {relative!r}, which is not {pattern} in that folder: "
            "restore the folder's files or delete it"
        )
    return path


def is_empty(folder: AnyPath) -> bool:
    """Whether a folder holds nothing, or nothing but hidden files, as a kill leaves of `replacing`."""
    return all(path.name.startswith(".") for path in Path(folder).iterdir())


@contextmanager
def locked(folder: AnyPath) -> Generator[None]:
    """Lock an existing folder while working in it; what killed processes left there is cleared first.

    Raises:
        FolderInUseError: another process has locked it; the message says which, where and since when.
    """
    from filelock import FileLock, Timeout

    folder = Path(folder)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise FolderInUseError(f"{folder} is in use by {_holder(folder)}: wait for it or stop it") from error
    try:
        clear_leftovers(folder)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        write_whole(folder / _HOLDER, f"process {os.getpid()} on {socket.gethostname()}, since {now}")
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        return read_whole(folder / _HOLDER).decode(errors="replace")
    except OSError:  # it has only just begun or is about to end
        return "another process"


def sync(path: AnyPath) -> None:
    """Bring a file, or which files a folder has, to the disk."""
    if Path(path).is_dir() and os.name != "posix":
        return  # other systems open no folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
