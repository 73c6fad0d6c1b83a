"""Decoded images kept on disk, mapped into memory instead of decoded again.

Each entry is a folder with the pixels and an index that names the source's fingerprint and the pixels'
digest. It is written under another name and renamed when whole; one that is damaged, or whose source has
changed, is made anew. Processes that start together, as under torchrun, read it one after the other: the
first checks the digest for all. Entries live below ``$PARIPASSU_CACHE``, or ``$XDG_CACHE_HOME/paripassu``, or
``~/.cache/paripassu``; any of them can be deleted at any time.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from paripassu.data.source import digest
from paripassu.files import cache_home, replacing

_LEAST_BYTES = 2**24  # less is decoded in a second or two, and not worth a file
_TRUSTED = 3600  # seconds for which pixels that were checked and not written since are not checked again
_PIXELS = "pixels.npy"
_INDEX = "index.json"

Complaints = list[str | None]


class Decoded(NamedTuple):
    """Decoded images.

    Attributes:
        pixels: of the good ones. Writes to mapped pixels stay in memory.
        complaints: what is wrong with each image of the source, if anything.
        digest: the pixels' `paripassu.data.source.digest`.
    """

    pixels: NDArray[np.uint8]
    complaints: Complaints
    digest: str


@dataclass(frozen=True)
class CacheEntry:
    """A place in the cache.

    Args:
        name: of the source, for a person who looks into the cache.
        settings: all that decides the pixels but the source's content.
        fingerprint: changes with the source's content.
    """

    name: str
    settings: str
    fingerprint: str

    @property
    def folder(self) -> Path:
        """Where it is, or would be."""
        return cache_home() / f"{self.name}-{hashlib.sha256(self.settings.encode()).hexdigest()[:12]}"

    def read(self) -> Decoded | None:
        """What was written, if it is whole and of this source's content."""
        try:
            index = json.loads((self.folder / _INDEX).read_text(encoding="utf-8"))
            if index["fingerprint"] != self.fingerprint:
                return None
            complaints, expected = index["complaints"], index["digest"]
            pixels = _mapped(self.folder, complaints.count(None))
            if not _is_trusted(self.folder):
                if digest(torch.from_numpy(pixels)) != expected:
                    return None
                with suppress(OSError):  # somebody else's cache
                    (self.folder / _INDEX).touch()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return Decoded(pixels, complaints, expected)

    def write(self, shape: tuple[int, ...], decode: Callable[[NDArray[np.uint8]], Complaints]) -> Decoded:
        """Decode into the cache, or into memory where that takes no time.

        Args:
            shape: of the pixels of all images.
            decode: fills them; gives what is wrong with each image, if anything.

        Raises:
            OSError: the cache cannot be written; the message says how much room where it needs.
        """
        if int(np.prod(shape)) < _LEAST_BYTES:
            pixels = np.empty(shape, np.uint8)
            return _compacted(pixels, decode(pixels))
        folder = self.folder
        with replacing(folder) as partial:
            room = _room(partial, shape)
            decoded = _compacted(room, decode(room))
            room.flush()
            index = {
                "fingerprint": self.fingerprint,
                "complaints": decoded.complaints,
                "digest": decoded.digest,
            }
            (partial / _INDEX).write_text(json.dumps(index), encoding="utf-8")
        return decoded._replace(pixels=_mapped(folder, len(decoded.pixels)))


def _compacted(pixels: NDArray[np.uint8], complaints: Complaints) -> Decoded:
    """The good images moved to the front, in place: they may be larger than the memory."""
    good = [index for index, complaint in enumerate(complaints) if complaint is None]
    for place, index in enumerate(good):
        if place != index:
            pixels[place] = pixels[index]
    kept = pixels[: len(good)]
    return Decoded(kept, complaints, digest(torch.from_numpy(kept)))


def _room(folder: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    needed = int(np.prod(shape))
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # A disk that fills up under mapped memory kills the process.
        free = shutil.disk_usage(folder).free
        if free > needed:
            return np.lib.format.open_memmap(folder / _PIXELS, mode="w+", dtype=np.uint8, shape=shape)
        reason = f"{free / 1e6:,.0f} MB are free"
    except OSError as error:
        reason = error.strerror
    raise OSError(
        f"decoded images need {needed / 1e6:,.0f} MB in {folder.parent} ({reason}): "
        "make room, or name another folder in PARIPASSU_CACHE"
    )


def _is_trusted(folder: Path) -> bool:
    checked = (folder / _INDEX).stat().st_mtime
    return (folder / _PIXELS).stat().st_mtime < checked and time.time() - checked < _TRUSTED


def _mapped(folder: Path, count: int) -> NDArray[np.uint8]:
    # Copy on write: torch wants memory it may write to.
    return np.load(folder / _PIXELS, mmap_mode="c")[:count]
