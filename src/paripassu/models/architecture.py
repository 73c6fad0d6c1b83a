"""What every architecture is: settings that build a generator and a discriminator for a sample shape."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import nn


class Pair(NamedTuple):
    """A generator ``[B, latent] -> [B, *shape]`` and a discriminator ``[B, *shape] -> [B]``."""

    generator: nn.Module
    discriminator: nn.Module


class Architecture(ABC):
    """A generator and a discriminator that are tuned as a pair: a frozen dataclass of settings."""

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
