"""What every source of real samples is: settings that load, and loaded samples to draw from."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


class Samples(ABC):
    """Loaded data, on one device. What is drawn depends on the generator's state alone."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one sample: ``[2]`` for points, ``[C, H, W]`` for images."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, *shape]`` independent samples, float32; images are in [-1, 1]."""


class Source(ABC):
    """Where real samples come from: a frozen dataclass of settings."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for tables and files."""

    @abstractmethod
    def load(self, device: torch.device) -> Samples:
        """Read or make the data.

        Raises:
            ValueError: the data cannot be used; the message says what to do.
        """


@dataclass(frozen=True)
class ImageSet(Samples):
    """A finite set of images, drawn uniformly with replacement.

    Attributes:
        pixels: ``[N, C, H, W]``, uint8.
        skipped: path and reason of each image, or empty folder of images, that could not be used.
    """

    pixels: Tensor
    skipped: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """``[C, H, W]``."""
        return tuple(self.pixels.shape[1:])

    def __len__(self) -> int:
        return len(self.pixels)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, C, H, W]`` images in [-1, 1]."""
        chosen = torch.randint(len(self), (count,), generator=generator, device=self.pixels.device)
        return to_unit(self.pixels[chosen])


def to_unit(pixels: Tensor) -> Tensor:
    """Bytes 0..255 as float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def to_bytes(images: Tensor) -> Tensor:
    """The inverse of `to_unit`, rounded and clipped."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
