"""Decoded images kept on disk, mapped into memory instead of decoded again.

Each entry is a folder with the pixels and an index. The index has the source's fingerprint, digests of the
pixels and a digest of itself. An entry is written under another name and renamed when whole; one that is
damaged, or whose source has changed, is made anew. Each process checks an entry's digests once, on all cores,
before it uses the pixels, and again if the file has changed since. Processes that start together wait for the
one that decodes. Entries are in `paripassu.cache.cache_home`.
"""

import hashlib
import json
import math
import re
import shutil
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from paripassu.cache import cache_home, making
from paripassu.data.source import digest
from paripassu.files import opened, read_whole, replacing
from paripassu.printable import printable

_LEAST_BYTES = 2**24  # less is decoded in a second or two, and not worth a file
_PIECE = 2**26  # bytes of the pixels' file that one thread checks
_PIXELS = "pixels.npy"
_INDEX = "index.json"
_SHOWN = 40  # characters of a source's name in an entry's: file systems take 255 bytes in all

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
        name = re.sub(r"[^\w.-]", "_", self.name)[:_SHOWN]
        settings = self.settings.encode(errors="surrogatepass")
        return cache_home() / f"{name}-{hashlib.sha256(settings).hexdigest()[:12]}"

    def read(self) -> Decoded | None:
        """What was written, if it is whole and of this source's content."""
        try:
            index = json.loads(read_whole(self.folder / _INDEX))
            if index["sha256"] != _digest_of(index) or index["fingerprint"] != self.fingerprint:
                return None
            complaints, pixels = index["complaints"], self.folder / _PIXELS
            state = _state(pixels)
            if _CHECKED.get(pixels) != (state, index["sha256"]):
                if list(_pieces(pixels)) != index["pieces"]:
                    return None
                _CHECKED[pixels] = state, index["sha256"]
            return Decoded(_mapped(self.folder, complaints.count(None)), complaints, index["digest"])
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def write(self, shape: tuple[int, ...], decode: Callable[[NDArray[np.uint8]], Complaints]) -> Decoded:
        """Decode into the cache, or into memory where that takes no time.

        Args:
            shape: of the pixels of all images.
            decode: fills them; gives what is wrong with each image, if anything.

        Raises:
            OSError: the cache cannot be written; the message says how much room where it needs.
        """
        if math.prod(shape) < _LEAST_BYTES:
            pixels = np.empty(shape, np.uint8)
            return _compacted(pixels, decode(pixels))
        folder = self.folder
        with making(folder, partial(_no_room, folder, math.prod(shape))):
            if made := self.read():  # by another process, meanwhile
                return made
            with replacing(folder) as unfinished:
                room = _room(unfinished, shape)
                decoded = _compacted(room, decode(room))
                room.flush()
                index = {
                    "fingerprint": self.fingerprint,
                    "complaints": decoded.complaints,
                    "digest": decoded.digest,
                    "pieces": list(_pieces(unfinished / _PIXELS)),
                }
                index["sha256"] = _digest_of(index)
                (unfinished / _INDEX).write_text(json.dumps(index), encoding="utf-8")
            _CHECKED[folder / _PIXELS] = _state(folder / _PIXELS), str(index["sha256"])
        return decoded._replace(pixels=_mapped(folder, len(decoded.pixels)))


# What this process has checked: the state of a file of pixels then, and the digest of its index.
_CHECKED: dict[Path, tuple[tuple[int, ...], str]] = {}


def _state(file: Path) -> tuple[int, ...]:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _digest_of(index: dict[str, Any]) -> str:
    rest = {name: value for name, value in index.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _pieces(file: Path) -> Generator[str]:
    """SHA-256 of each piece of a file; hashing lets other threads work."""

    def hashed(start: int) -> str:
        with opened(file) as stream:
            stream.seek(start)
            return hashlib.sha256(stream.read(_PIECE)).hexdigest()

    with ThreadPoolExecutor() as pool:
        yield from pool.map(hashed, range(0, max(1, file.stat().st_size), _PIECE))


def _compacted(pixels: NDArray[np.uint8], complaints: Complaints) -> Decoded:
    """The good images moved to the front, in place: they may be larger than the memory."""
    good = [index for index, complaint in enumerate(complaints) if complaint is None]
    for place, index in enumerate(good):
        if place != index:
            pixels[place] = pixels[index]
    kept = pixels[: len(good)]
    return Decoded(kept, complaints, digest(torch.from_numpy(kept)))


def _room(folder: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    needed = math.prod(shape)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # A disk that fills up under mapped memory kills the process.
        free = shutil.disk_usage(folder).free
        if free > needed:
            return np.lib.format.open_memmap(folder / _PIXELS, mode="w+", dtype=np.uint8, shape=shape)
        reason = f"{free / 1e6:,.0f} MB are free"
    except OSError as error:
        reason = str(error.strerror)
    raise _no_room(folder, needed, reason)


def _no_room(folder: Path, needed: int, reason: str) -> OSError:
    return OSError(
        f"decoded images need {needed / 1e6:,.0f} MB in {printable(str(folder.parent))} ({reason}): "
        "make room, or name another folder in PARIPASSU_CACHE"
    )


def _mapped(folder: Path, count: int) -> NDArray[np.uint8]:
    # Copy on write: torch wants memory it may write to.
    return np.load(folder / _PIXELS, mmap_mode="c")[:count]
