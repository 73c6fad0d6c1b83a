"""Files of pixels, not of encoded images, and how they are resized."""

import os
from abc import abstractmethod
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from paripassu.data.cache import CacheEntry, Complaints, Decoded
from paripassu.data.containers import account, fingerprint
from paripassu.data.labels import labels_of, no_labels
from paripassu.data.listing import LeftOut, check_kind, on_disk
from paripassu.data.source import ImageSet, Source
from paripassu.printable import printable
from paripassu.sizes import check_sizes


class Beside(NamedTuple):
    """What a file of pixels has beside the pixels that are taken.

    Attributes:
        left_out: everything else.
        split: the part that the pixels are of; empty if the file is not divided.
    """

    left_out: Sequence[LeftOut] = ()
    split: str = ""


@dataclass(frozen=True)
class PixelFile(Source):
    """Images stored as bytes.

    Args:
        path: where they are.
        resolution: height and width they are brought to, >= 1, by the central square and an antialiasing
            Lanczos filter; None keeps their own.
    """

    path: Path
    resolution: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))  # for those who write a string
        if self.resolution is not None:
            check_sizes(1, resolution=self.resolution)

    @property
    def name(self) -> str:
        """The file's own name, up to the first dot."""
        return printable(self.path.resolve().name.partition(".")[0])

    @property
    def is_slow(self) -> bool:
        """Whether its pixels are worth a place in the cache: where they have to be resized.

        On two CPU cores CIFAR-10 is read in 0.1 s and MNIST in 0.3 s, as fast as a cache is checked; resizing
        takes 11 s and 5 s.
        """
        return self.resolution is not None

    @abstractmethod
    def read(self) -> NDArray[np.uint8]:
        """``[N, C, H, W]``, C 1 or 3.

        Raises:
            ValueError: the file is damaged, or holds something else.
            OSError: the file cannot be read.
        """

    def beside(self) -> Beside:
        """What else is in the file; it raises as `read` does."""
        return Beside()

    def read_labels(self, column: str | None) -> NDArray[Any]:  # noqa: ARG002 - most have none
        """One whole number an image, ``[N]``; raises as `read` does, and ``ValueError`` without labels."""
        raise no_labels(self.name)

    def labelled(self, device: torch.device, column: str | None = None) -> ImageSet:
        """As `load`, with the file's labels."""
        images = self.load(device)
        with _explained(self.path):
            labels = labels_of(self.read_labels(column), printable(str(self.path)))
        return replace(images, labels=labels)

    def files(self) -> list[Path]:
        """What `read` reads."""
        return [self.path]

    def load(self, device: torch.device) -> ImageSet:
        """``[N, C, resolution, resolution]``, in the file's order.

        Raises:
            ValueError: the file is missing, damaged, or holds something else.
        """
        with _explained(self.path):
            for file in self.files():
                check_kind(file)
            files = [on_disk(file, file.name) for file in self.files()]
            beside = self.beside()
        if self.is_slow:
            kept = self._cached(fingerprint(files))
            pixels, known = torch.from_numpy(kept.pixels), kept.digest
        else:
            pixels, known = torch.from_numpy(np.ascontiguousarray(self._pixels())), ""
        skipped = tuple(map(str, beside.left_out))
        summary = account(self.name, len(pixels), beside.split, beside.left_out)
        return ImageSet.on(device, pixels, skipped, known, summary)

    def _cached(self, version: str) -> Decoded:
        chosen = [f"{each.name}={getattr(self, each.name)}" for each in fields(self) if each.name != "path"]
        settings = f"{type(self).__name__} {self.path.resolve()} {' '.join(chosen)} {PIL.__version__}"
        entry = CacheEntry(self.name, settings, version)
        if kept := entry.read():
            return kept
        pixels = self._pixels()
        size = (self.resolution, self.resolution) if self.resolution else pixels.shape[2:]
        return entry.write((*pixels.shape[:2], *size), partial(_fit, pixels))

    def _pixels(self) -> NDArray[np.uint8]:
        with _explained(self.path):
            pixels = self.read()
        if not pixels.size:
            raise ValueError(f"{printable(str(self.path))} holds no images: give one that does")
        return pixels


def check_memory(path: Path, needed: int) -> None:
    """Raise ``ValueError`` if the images of a file need more memory than the machine has."""
    if not hasattr(os, "sysconf"):
        return  # Windows
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ValueError(
            f"{printable(str(path))} promises {needed / 1e9:,.1f} GB of images, and this machine has "
            f"{there / 1e9:,.1f} GB of memory: give a smaller file, or a folder of images"
        )


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"{printable(str(path))} cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise ValueError(f"{printable(str(path))} does not fit into memory: give a smaller file") from error


def _fit(pixels: NDArray[np.uint8], fitted: NDArray[np.uint8]) -> Complaints:
    if pixels.shape == fitted.shape:
        fitted[:] = pixels
    else:
        for place, image in enumerate(pixels):
            fitted[place] = _fitted(image, fitted.shape[2])
    return [None] * len(pixels)


def _fitted(image: NDArray[np.uint8], resolution: int) -> NDArray[np.uint8]:
    pillow = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    square = ImageOps.fit(pillow, (resolution, resolution), Image.Resampling.LANCZOS)
    return np.atleast_3d(np.asarray(square)).transpose(2, 0, 1)
