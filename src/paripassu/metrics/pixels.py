"""Downsampled pixels as features: for images for which we ship no network.

They see colour and layout, not detail: a distance on them orders generators that are far from the data,
and is no FID.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from paripassu.metrics.features import FeatureNetwork


@dataclass(frozen=True)
class PixelFeatures(FeatureNetwork):
    """The means over ``size x size`` equal areas, per channel.

    Args:
        size: areas along each axis, >= 1.
    """

    size: int = 8

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be >= 1, got {self.size}")

    @property
    def name(self) -> str:
        """``"pixels8"`` for eight by eight."""
        return f"pixels{self.size}"

    def __call__(self, images: Tensor) -> Tensor:
        """``[N, C * size * size]``, in [-1, 1], of images of at least ``size`` px."""
        if images.ndim != 4 or min(images.shape[2:]) < self.size:
            raise ValueError(
                f"{self.name} takes images [N, C, H, W] of at least {self.size} px, got "
                f"{list(images.shape)}: bring them to that size"
            )
        return adaptive_avg_pool2d(images.detach(), self.size).flatten(start_dim=1)
