"""Stacked digits: three digits as the red, green and blue of one image, a thousand modes that can be counted.

Metz et al. 2017 (arXiv:1611.02163) stack MNIST; here scikit-learn's digits, which need no download.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.data.digits import Digits
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

    def load(self, device: torch.device) -> StackedSamples:
        """Images ``[3, 8, 8]``."""
        return StackedSamples(Digits().load(device))
