"""Decoded images kept on disk, mapped into memory instead of decoded again.

Each entry is a folder with the pixels and an index that names the source's fingerprint and the pixels'
digest. It is written under another name and renamed when whole; one that is damaged, or whose source has
changed, is made anew. Entries live below ``$PARIPASSU_CACHE``, or ``$XDG_CACHE_HOME/paripassu``, or
``~/.cache/paripassu``; any of them can be deleted at any time.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LEAST_BYTES = 2**24  # less is decoded in a second or two, and not worth a file
_PIXELS = "pixels.npy"
_INDEX = "index.json"

Complaints = list[str | None]


def cached(
    name: str,
    settings: str,
    fingerprint: str,
    shape: tuple[int, ...],
    decode: Callable[[NDArray[np.uint8]], Complaints],
) -> tuple[NDArray[np.uint8], Complaints]:
    """Pixels from the cache, or decoded into it.

    Args:
        name: of the source, for a person who looks into the cache.
        settings: all that decides the pixels but the source's content.
        fingerprint: changes with the source's content.
        shape: of the pixels.
        decode: fills the pixels; gives what is wrong with each image, if anything.

    Returns:
        The pixels and what `decode` gave. Writes to mapped pixels stay in memory.

    Raises:
        OSError: the cache cannot be written; the message says how much room where it needs.
    """
    if int(np.prod(shape)) < _LEAST_BYTES:
        pixels = np.empty(shape, np.uint8)
        return pixels, decode(pixels)
    home = cache_home()
    entry = home / f"{name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
    found = _read(entry, fingerprint, shape)
    if found is not None:
        return found
    partial = entry.with_name(f".partial-{entry.name}-{os.getpid()}")
    try:
        written = _room(partial, shape)
        complaints = decode(written)
        index = {"fingerprint": fingerprint, "complaints": complaints, "sha256": _digest(partial / _PIXELS)}
        (partial / _INDEX).write_text(json.dumps(index))
        shutil.rmtree(entry, ignore_errors=True)
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _mapped(entry), complaints


def _room(folder: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    needed = int(np.prod(shape))
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # A disk that fills up under mapped memory kills the process.
        if shutil.disk_usage(folder).free > needed:
            return np.lib.format.open_memmap(folder / _PIXELS, mode="w+", dtype=np.uint8, shape=shape)
        reason = "the disk is full"
    except OSError as error:
        reason = error.strerror
    raise OSError(
        f"decoded images need {needed / 1e6:,.0f} MB in {folder.parent} ({reason}): "
        "make room, or name another folder in PARIPASSU_CACHE"
    )


def _read(
    entry: Path, fingerprint: str, shape: tuple[int, ...]
) -> tuple[NDArray[np.uint8], Complaints] | None:
    try:
        index = json.loads((entry / _INDEX).read_text())
        if index["fingerprint"] != fingerprint or index["sha256"] != _digest(entry / _PIXELS):
            return None
        pixels = _mapped(entry)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (pixels, index["complaints"]) if pixels.shape == shape else None


def _mapped(entry: Path) -> NDArray[np.uint8]:
    # Copy on write: torch wants memory it may write to.
    return np.load(entry / _PIXELS, mmap_mode="c")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cache_home() -> Path:
    """Where all that took long is kept."""
    if given := os.environ.get("PARIPASSU_CACHE"):
        return Path(given)
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "paripassu"
