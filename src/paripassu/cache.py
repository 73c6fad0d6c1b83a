"""Where slow results are kept: decoded images, features of data.

Entries live below ``$PARIPASSU_CACHE``, or ``$XDG_CACHE_HOME/paripassu``, or ``~/.cache/paripassu``; any of
them can be deleted at any time.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from paripassu.files import LEFTOVER, remove

_LOCKS = ".locks"


def cache_home() -> Path:
    """The folder of all entries, which may not exist yet."""
    if given := os.environ.get("PARIPASSU_CACHE"):
        return Path(given)
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "paripassu"


@contextmanager
def making(entry: Path, cannot: Callable[[str], OSError]) -> Generator[None]:
    """Be the one process that makes an entry: others that begin meanwhile wait here until the block ends.

    So look again in the block whether the entry is there. What killed processes have left of entries that
    nobody makes now is removed.

    Args:
        entry: a file or a folder in `cache_home`, written with `paripassu.files.replacing`.
        cannot: makes the error to raise, from the system's reason, where the cache cannot be written.

    Raises:
        OSError: ``cannot``'s.
    """
    home = entry.parent
    lock = FileLock(home / _LOCKS / entry.name)
    try:
        (home / _LOCKS).mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise cannot(str(error.strerror)) from error
    try:
        _clear(entry.name, home)
        yield
    finally:
        lock.release()


def _clear(own: str, home: Path) -> None:
    for path in home.iterdir():
        if not (leftover := LEFTOVER.fullmatch(path.name)):
            continue
        entry = leftover["of"]
        if entry == own:
            remove(path)
            continue
        with suppress(Timeout, OSError), FileLock(home / _LOCKS / entry, timeout=0):
            remove(path)
