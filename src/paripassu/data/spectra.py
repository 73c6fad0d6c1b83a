r"""Synthetic spectral images of mixed materials, where every pixel is a mixture of a few known spectra.

.. math:: x_{b,p} = \sum_k a_{k,p}\, e_{k,b}, \qquad a_{\cdot,p} = \operatorname{softmax}(s_{\cdot,p})

Endmembers e are bumps along the bands. Scores s are independent Gaussian noise, blurred over the image. This
is linear mixing as textbooks have it (Keshava & Mustard 2002, "Spectral unmixing"); the numbers are ours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.data.source import Samples, Source
from paripassu.sizes import check_sizes

_LOWEST, _HIGHEST = 0.1, 0.9  # reflectances of an endmember


@dataclass(frozen=True)
class SpectraSamples(Samples):
    """Fresh mixtures at every draw.

    Attributes:
        endmembers: spectra of the materials ``[K, bands]``, reflectances in [0, 1].
        blur: ``[size, size]``, rows and columns of a score image go through it.
        contrast: standard deviation of scores.
    """

    endmembers: Tensor
    blur: Tensor
    contrast: float

    @property
    def shape(self) -> tuple[int, ...]:
        """``[bands, size, size]``."""
        return (self.endmembers.shape[1], *self.blur.shape)

    def abundances(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, K, size, size]``, positive, with sums over K of 1."""
        size = (count, len(self.endmembers), *self.blur.shape)
        noise = torch.randn(size, generator=generator, device=self.blur.device)
        return (self.contrast * (self.blur @ noise @ self.blur.mT)).softmax(dim=1)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, bands, size, size]``; a reflectance r is stored as 2 r - 1."""
        mixed = torch.einsum("nkhw,kb->nbhw", self.abundances(count, generator), self.endmembers)
        return 2 * mixed - 1


@dataclass(frozen=True)
class Spectra(Source):
    """Square images of mixed materials.

    Args:
        bands: of a spectrum, >= 1.
        materials: endmembers, >= 2.
        size: pixels along each side, >= 1.
        smooth: width of the blur in pixels, >= 0; 0 makes every pixel independent.
        contrast: standard deviation of the scores, > 0. The larger, the purer are pixels.

    Raises:
        ValueError: a setting out of its range.
    """

    bands: int = 31
    materials: int = 4
    size: int = 16
    smooth: float = 2.0
    contrast: float = 2.0

    def __post_init__(self) -> None:
        check_sizes(1, bands=self.bands, size=self.size)
        check_sizes(2, materials=self.materials)
        if not 0 <= self.smooth < float("inf"):
            raise ValueError(f"smooth must be finite and >= 0, got {self.smooth}")
        if not 0 < self.contrast < float("inf"):
            raise ValueError(f"contrast must be finite and > 0, got {self.contrast}")

    def endmembers(self) -> Tensor:
        """``[materials, bands]``: one bump each, from 0.1 to 0.9, the centres evenly spaced."""
        bands = torch.linspace(0, 1, self.bands)
        centres = (torch.arange(self.materials) + 0.5) / self.materials
        width = 0.5 / self.materials
        bumps = (-((bands - centres[:, None]) / width).square() / 2).exp()
        return _LOWEST + (_HIGHEST - _LOWEST) * bumps

    def load(self, device: torch.device) -> SpectraSamples:
        """The materials and the blur; nothing is read."""
        apart = torch.arange(self.size)[:, None] - torch.arange(self.size)
        kernel = (-(apart / max(self.smooth, 1e-3)).square() / 2).exp()
        # Rows of unit norm keep a blurred pixel's variance at 1.
        blur = kernel / kernel.norm(dim=1, keepdim=True)
        return SpectraSamples(self.endmembers().to(device), blur.to(device), self.contrast)
