"""Stacked digits: three digits as the red, green and blue of one image, a thousand modes that can be counted.

Metz et al. 2017 (arXiv:1611.02163) stack MNIST; scikit-learn's digits need no download.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from paripassu.data.digits import Digits
from paripassu.data.idx import Idx
from paripassu.data.source import ImageSet, Samples, Source


@dataclass(frozen=True)
class StackedSamples(Samples):
    """Triples of independent draws.

    Attributes:
        digits: the grey images that channels are drawn from.
    """

    digits: ImageSet

    @property
    def shape(self) -> tuple[int, ...]:
        """``[3, H, W]``."""
        return (3, *self.digits.shape[1:])

    @property
    def images(self) -> ImageSet:
        """The digits."""
        return self.digits

    @property
    def is_stacked(self) -> bool:
        """Always."""
        return True

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, 3, H, W]`` images in [-1, 1]."""
        grey = self.digits.draw(3 * count, generator)
        return grey.reshape(count, 3, *grey.shape[2:])


@dataclass(frozen=True)
class StackedDigits(Source):
    """Triples of the 1,797 digits of `Digits`."""

    @property
    def name(self) -> str:
        """``"stacked-digits"``."""
        return "stacked-digits"

    @property
    def features(self) -> str:
        """Those of the digits' classifier."""
        return "digits"

    def load(self, device: torch.device) -> StackedSamples:
        """Images ``[3, 8, 8]``."""
        return StackedSamples(Digits().load(device))


@dataclass(frozen=True)
class StackedMnist(Source):
    """Triples of MNIST's digits.

    Args:
        path: its ``train-images-idx3-ubyte.gz``.
    """

    path: Path

    @property
    def name(self) -> str:
        """``"stacked-mnist"``."""
        return "stacked-mnist"

    @property
    def features(self) -> str:
        """Those of MNIST's classifier."""
        return "mnist"

    def load(self, device: torch.device) -> StackedSamples:
        """Images ``[3, 32, 32]``.

        Raises:
            ValueError: the file is missing, damaged, or holds something else.
        """
        return StackedSamples(Idx(self.path, resolution=32).load(device))
