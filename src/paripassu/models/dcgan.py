"""DCGAN: strided convolutions from the image to one number, transposed ones from z to the image.

Radford et al. 2016, arXiv:1511.06434; widths and initialisation as in the PyTorch examples. Both have 64 px
alone. The networks of 8, 16 and 32 px are ours: those of 64 px without the layers of the highest resolutions,
so that the first feature maps are 4 x 4 as theirs, and have 4 times the width at 32 px, not 8 times. Other
people's DCGANs for 32 px start at 2 x 2 or are wider: their figures are no reference for ours.

The conditional form is ours. The generator takes the class beside z (Mirza & Osindero 2014, arXiv:1411.1784).
The discriminator's last convolution has a kernel of each class beside the shared one, which is a projection
(Miyato & Koyama 2018, arXiv:1802.05637).
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Literal, Self, get_args

from torch import nn

from paripassu.models.architecture import Architecture, Pair
from paripassu.models.conditional import BesideLatent, Projection
from paripassu.sizes import check_sizes

Norm = Literal["batch", "none"]

_LAST = 4  # px of the feature maps next to z and to the logit


@dataclass(frozen=True)
class DCGAN(Architecture):
    """4 x 4 stride-2 convolutions, doubling channels as the resolution halves down to 4 x 4.

    Args:
        latent: length of z, >= 1.
        width: channels at the highest hidden resolution, >= 1.
        norm: ``"batch"`` after every hidden convolution but the discriminator's first; ``"none"`` where
            a penalty needs a discriminator that does not mix samples (WGAN-GP, R1).
    """

    resolutions: ClassVar = (8, 16, 32, 64)
    latent: int = 100
    width: int = 64
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent, width=self.width)
        if self.norm not in get_args(Norm):
            raise ValueError(f"norm must be 'batch' or 'none', got {self.norm!r}")

    @property
    def name(self) -> str:
        """``"dcgan"``."""
        return "dcgan"

    @property
    def mixes_samples(self) -> bool:
        """Under batch normalisation."""
        return self.norm == "batch"

    def unmixed(self) -> Self:
        """Without normalisation."""
        return replace(self, norm="none")

    def build(self, shape: tuple[int, ...]) -> Pair:
        """Networks for square images of 64 px, as published, or of 8, 16 or 32 px, which are ours."""
        channels, widths = self._widths(shape)
        return _initialised(
            nn.Sequential(*self._up(self.latent, widths[::-1], channels)),
            nn.Sequential(*self._down(channels, widths)),
        )

    def build_conditional(self, shape: tuple[int, ...], classes: int) -> Pair:
        """The same with the class beside z, and a kernel a class at the discriminator's end."""
        channels, widths = self._widths(shape)
        up = nn.Sequential(*self._up(self.latent + classes, widths[::-1], channels))
        down = self._down(channels, widths)
        embedding = nn.Embedding(classes, widths[-1] * _LAST**2)
        return _initialised(
            BesideLatent(up, classes),
            Projection(nn.Sequential(*down[:-2]), nn.Sequential(*down[-2:]), embedding),
        )

    def _widths(self, shape: tuple[int, ...]) -> tuple[int, list[int]]:
        """Channels of the images, and of the hidden layers from the image inwards."""
        channels, resolution = self.square(shape)
        # 8 px has one hidden width, 64 px four.
        return channels, [self.width * 2**i for i in range((resolution // _LAST).bit_length() - 1)]

    def _up(self, inputs: int, widths: list[int], channels: int) -> list[nn.Module]:
        layers: list[nn.Module] = [nn.Unflatten(1, (inputs, 1, 1))]
        layers += [
            nn.ConvTranspose2d(inputs, widths[0], _LAST, 1, 0, bias=self._biased),
            *self._normed(widths[0]),
        ]
        layers += [nn.ReLU()]
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.ConvTranspose2d(fan_in, fan_out, 4, 2, 1, bias=self._biased)]
            layers += [*self._normed(fan_out), nn.ReLU()]
        return [*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=self._biased), nn.Tanh()]

    def _down(self, channels: int, widths: list[int]) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise([channels, *widths]):
            normed = self._normed(fan_out) if layers else []
            layers += [nn.Conv2d(fan_in, fan_out, 4, 2, 1, bias=self._biased), *normed, nn.LeakyReLU(0.2)]
        return [*layers, nn.Conv2d(widths[-1], 1, _LAST, 1, 0, bias=self._biased), nn.Flatten(0)]

    @property
    def _biased(self) -> bool:
        # As in the source: none, for batch normalisation takes every mean away and adds its own.
        return self.norm == "none"

    def _normed(self, channels: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(channels)] if self.norm == "batch" else []


def _initialised(generator: nn.Module, discriminator: nn.Module) -> Pair:
    pair = Pair(generator, discriminator)
    for network in pair:
        network.apply(_initialise)
    return pair


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
