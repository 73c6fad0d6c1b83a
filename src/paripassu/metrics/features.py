"""What a feature network is, and what distances require from two sets of features."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from torch import Tensor

# Of a feature: its sixth power, times any number of samples, is a float64. No float32 is larger.
_LARGEST = 1e45


class FeatureNetwork(ABC):
    """A fixed map from images to features in which distances mean something; a frozen value.

    Attributes:
        aliases: what a metric is called on these features, such as ``fid`` for ``fd`` on Inception's.
    """

    aliases: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @property
    @abstractmethod
    def name(self) -> str:
        """Part of the metric's name: distances on other features are other metrics."""

    @property
    def digest(self) -> str | None:
        """SHA-256 of its weights; None where features are as fast to compute as to read from a disk."""
        return None

    def check_installed(self) -> None:
        """Check that its package is there; it needs none without another word.

        Raises:
            ValueError: an extra is missing; the message says how to install it.
        """
        return

    @abstractmethod
    def __call__(self, images: Tensor) -> Tensor:
        """Features ``[N, D]``, float32 and without gradient, of images ``[N, C, H, W]`` in [-1, 1].

        Raises:
            ValueError: the network takes no images of this shape; the message says which it takes.
        """


def as_rgb(images: Tensor, network: str) -> Tensor:
    """Images ``[N, 3, H, W]``, grey ones with three equal channels; ``ValueError`` for anything else."""
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"{network} takes images [N, 1 or 3, H, W], got {list(images.shape)}")
    return images.expand(-1, 3, -1, -1)


def in_float64(features: Tensor) -> Tensor:
    """Without gradient, where they are, or on the CPU if their device has no float64."""
    features = features.detach()
    return (features.cpu() if features.device.type == "mps" else features).double()


def check_finite(features: Tensor, whose: str = "") -> None:
    """Raise ``ValueError`` where a value is not finite, or so large that its powers are not."""
    if not features.isfinite().all():
        raise ValueError(f"{whose}features hold NaN or inf: look for where their images became so")
    if features.numel() and (largest := features.abs().max().item()) > _LARGEST:
        raise ValueError(f"{whose}features reach {largest:.3g}, and at most {_LARGEST:.0g} is measured")


def check_features(real: Tensor, fake: Tensor) -> None:
    """Raise ``ValueError`` unless both sets are finite, ``[N, D]`` and ``[M, D]`` with N, M >= 2."""
    for whose, features in (("real", real), ("fake", fake)):
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(
                f"{whose} features must be [N, D] with N >= 2, got {list(features.shape)}: pass more samples"
            )
        check_finite(features, f"{whose} ")
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"real features have {real.shape[1]} dimensions and fake ones {fake.shape[1]}: "
            "pass both through the same network"
        )
