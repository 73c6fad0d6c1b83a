"""Files that appear whole or not at all, folders that one process works in, and where caches live."""

import os
import shutil
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

_LOCK = ".lock"
_HOLDER = ".holder"  # a file of its own: whoever tries the lock empties that one
_PARTIAL = ".partial-"


class FolderInUseError(RuntimeError):
    """Another process works in the folder."""


@contextmanager
def replacing(path: Path) -> Generator[Path]:
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
    partial = path.with_name(f"{_PARTIAL}{os.getpid()}-{path.name}")
    remove(partial)
    try:
        yield partial
        _sync(partial)
        if partial.is_dir():
            remove(path)  # a folder cannot replace one that holds something
        partial.replace(path)
        _sync(path.parent)
    finally:
        remove(partial)


def write_whole(path: Path, text: str) -> None:
    """Replace a file's text, in UTF-8, as `replacing` does."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


def inside(folder: Path, relative: str, *, pattern: str) -> Path:
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
    path = folder / relative
    written = PurePosixPath(relative)
    is_alike = len(written.parts) == len(PurePosixPath(pattern).parts) and written.match(pattern)
    if not (is_alike and path.resolve().is_relative_to(folder.resolve())):
        raise ValueError(
            f"{folder} names {relative!r}, which is not {pattern} in that folder: "
            "restore the folder's files or delete it"
        )
    return path


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing, or nothing but hidden files, as a kill leaves of `replacing`."""
    return all(path.name.startswith(".") for path in folder.iterdir())


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Lock an existing folder while working in it.

    Raises:
        FolderInUseError: another process has locked it; the message says which, where and since when.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise FolderInUseError(f"{folder} is in use by {_holder(folder)}: wait for it or stop it") from error
    try:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        write_whole(folder / _HOLDER, f"process {os.getpid()} on {socket.gethostname()}, since {now}")
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def cache_home() -> Path:
    """Where slow results are kept: ``$PARIPASSU_CACHE``, else in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if given := os.environ.get("PARIPASSU_CACHE"):
        return Path(given)
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "paripassu"


def _holder(folder: Path) -> str:
    try:
        return (folder / _HOLDER).read_text(encoding="utf-8")
    except OSError:  # it has only just begun or is about to end
        return "another process"


def _sync(path: Path) -> None:
    """Bring a file, or a folder and all that is in it, to the disk."""
    if path.is_dir() and path.name.startswith(_PARTIAL):
        for inside in path.iterdir():
            _sync_one(inside)
    _sync_one(path)


def _sync_one(path: Path) -> None:
    if path.is_dir() and os.name != "posix":
        return  # other systems open no folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
