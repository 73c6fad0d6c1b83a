"""The residual networks of WGAN-GP for 32 px, unconditional.

Gulrajani et al. 2017, arXiv:1704.00028, App. F; details as in the authors' ``gan_cifar_resnet.py``. No layer
of the discriminator mixes samples, as the penalty asks.
"""

from dataclasses import dataclass
from typing import ClassVar

from paripassu.models import residual
from paripassu.models.architecture import Architecture, Pair
from paripassu.sizes import check_sizes

_START = 4  # px of the generator's first feature maps
_BLOCKS = 3  # each doubles: 32 px
_HALVINGS = 2  # of the discriminator's four blocks


@dataclass(frozen=True)
class WganGPResNet(Architecture):
    """Three residual blocks up; two down, two level and a mean over space; one width throughout.

    Args:
        latent: length of z, >= 1.
        width: channels of every block, >= 1.
    """

    resolutions: ClassVar = (_START * 2**_BLOCKS,)
    latent: int = 128
    width: int = 128

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent, width=self.width)

    @property
    def name(self) -> str:
        """``"wgangp-resnet"``."""
        return "wgangp-resnet"

    def build(self, shape: tuple[int, ...]) -> Pair:
        """Networks for square images of 32 px."""
        channels, _ = self.square(shape)
        return Pair(
            residual.generator(self.latent, _START, [self.width] * (1 + _BLOCKS), channels),
            residual.discriminator(channels, [self.width] * 4, _HALVINGS, "mean"),
        )
