"""SNGAN's residual networks: every weight of the discriminator is divided by its largest singular value.

Miyato et al. 2018, arXiv:1802.05957, Tables 3 to 5; 64 px as in mimicry (Lee & Town 2020, arXiv:2005.02494).
The singular values are torch's estimates, one power iteration for each pass in training.

The conditional form is that of Miyato & Koyama 2018, arXiv:1802.05637: class-conditional batch normalisation
in the generator's blocks, and a projection in the discriminator, whose embedding is normalised as its other
weights. Widths are those of the plans below.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch.nn.utils.parametrizations import spectral_norm

from paripassu.models import residual
from paripassu.models.architecture import Architecture, Pair
from paripassu.sizes import check_sizes


class _Plan(NamedTuple):
    start: int  # px of the generator's first feature maps
    up: tuple[int, ...]  # the generator's widths, in multiples of the architecture's
    down: tuple[int, ...]  # the discriminator's
    halvings: int  # of the discriminator's blocks, from the first


_PLANS: Mapping[int, _Plan] = {
    32: _Plan(4, (4, 4, 4, 4), (2, 2, 2, 2), halvings=2),
    48: _Plan(6, (8, 4, 2, 1), (1, 2, 4, 8, 16), halvings=4),
    64: _Plan(4, (16, 8, 4, 2, 1), (1, 2, 4, 8, 16), halvings=5),
    128: _Plan(4, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), halvings=5),
}


@dataclass(frozen=True)
class SNGAN(Architecture):
    """Residual networks, spectral normalisation of the discriminator, a sum over space at its end.

    Args:
        latent: length of z, >= 1.
        width: the unit of all widths, >= 1; the discriminator's first block has as many channels (twice as
            many at 32 px).
    """

    resolutions: ClassVar = tuple(_PLANS)
    latent: int = 128
    width: int = 64

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent, width=self.width)

    @property
    def name(self) -> str:
        """``"sngan"``."""
        return "sngan"

    def build(self, shape: tuple[int, ...]) -> Pair:
        """Networks for square images of 32, 48, 64 or 128 px."""
        return self._build(shape, 0)

    def build_conditional(self, shape: tuple[int, ...], classes: int) -> Pair:
        """The same with a projection discriminator and class-conditional batch normalisation."""
        return self._build(shape, classes)

    def _build(self, shape: tuple[int, ...], classes: int) -> Pair:
        channels, resolution = self.square(shape)
        plan = _PLANS[resolution]
        up, down = ([self.width * unit for unit in units] for units in (plan.up, plan.down))
        return Pair(
            residual.generator(self.latent, plan.start, up, channels, classes),
            residual.discriminator(channels, down, plan.halvings, "sum", spectral_norm, classes),
        )
