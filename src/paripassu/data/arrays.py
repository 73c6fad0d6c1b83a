"""Files of pixels, not of encoded images, and how they are resized."""

from abc import abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from paripassu.data.cache import CacheEntry, Complaints
from paripassu.data.containers import fingerprint, on_disk
from paripassu.data.source import ImageSet, Source


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
        if self.resolution is not None and self.resolution < 1:
            raise ValueError(f"resolution must be >= 1, got {self.resolution}")

    @property
    def name(self) -> str:
        """The file's own name, up to the first dot."""
        return self.path.resolve().name.partition(".")[0]

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
            ValueError: the file is missing, damaged, or holds something else.
        """

    def files(self) -> list[Path]:
        """What `read` reads."""
        return [self.path]

    def load(self, device: torch.device) -> ImageSet:
        """``[N, C, resolution, resolution]``, in the file's order."""
        if not self.is_slow:
            return ImageSet.on(device, torch.from_numpy(np.ascontiguousarray(self._pixels())))
        with _explained(self.path):
            files = [on_disk(file, self.path.parent) for file in self.files()]
        settings = f"{type(self).__name__} {self.path.resolve()} {self.resolution} {PIL.__version__}"
        entry = CacheEntry(self.name, settings, fingerprint(files))
        kept = entry.read()
        if kept is None:
            pixels = self._pixels()
            size = (self.resolution, self.resolution) if self.resolution else pixels.shape[2:]
            kept = entry.write((*pixels.shape[:2], *size), partial(_fit, pixels))
        return ImageSet.on(device, torch.from_numpy(kept.pixels), known=kept.digest)

    def _pixels(self) -> NDArray[np.uint8]:
        with _explained(self.path):
            pixels = self.read()
        if not len(pixels):
            raise ValueError(f"{self.path} holds no images: give one that does")
        return pixels


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error


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
