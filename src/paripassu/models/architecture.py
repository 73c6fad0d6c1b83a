"""What every architecture is: settings that build a generator and a discriminator for a sample shape."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from torch import nn


class Pair(NamedTuple):
    """A generator ``[B, latent] -> [B, *shape]`` and a discriminator ``[B, *shape] -> [B]``.

    Whatever they draw beyond the latents, such as noise, comes from torch's global generator, which the
    trainer seeds for every step.
    """

    generator: nn.Module
    discriminator: nn.Module


class Architecture(ABC):
    """A generator and a discriminator that are tuned as a pair: a frozen dataclass of settings.

    Attributes:
        resolutions: in px, rising, of the square images that it makes and nothing else; empty for samples of
            any shape.
    """

    resolutions: ClassVar[tuple[int, ...]] = ()
    latent: int

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for tables and files."""

    @abstractmethod
    def build(self, shape: tuple[int, ...]) -> Pair:
        """Fresh networks for samples of ``shape``, initialised from torch's global generator.

        Raises:
            ValueError: the architecture cannot make this shape; the message says which it can.
        """

    def square(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Channels and resolution of square images, for architectures that make nothing else.

        Raises:
            ValueError: ``shape`` is no image's, or its resolution is not among the `resolutions`.
        """
        if len(shape) != 3:
            raise ValueError(f"{self.name} makes images, not points: choose --model mlp for this data")
        channels, height, width = shape
        if height != width or height not in self.resolutions:
            *most, last = map(str, self.resolutions)
            listed = f"{', '.join(most)} or {last}" if most else last
            raise ValueError(f"{self.name} makes square images of {listed} px, not {height} x {width}")
        return channels, height


def check_at_least_one(**sizes: int) -> None:
    """Raise ``ValueError`` for the first of an architecture's sizes that is below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be >= 1, got {size}")
