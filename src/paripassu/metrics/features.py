"""What a feature network is, and what the distances ask of two sets of features."""

from abc import ABC, abstractmethod

from torch import Tensor


class FeatureNetwork(ABC):
    """A fixed map from images to features in which distances mean something; a frozen value."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Part of the metric's name: distances on other features are other metrics."""

    @abstractmethod
    def __call__(self, images: Tensor) -> Tensor:
        """Features ``[N, D]``, float32 and without gradient, of images ``[N, C, H, W]`` in [-1, 1].

        Raises:
            ValueError: the network takes no images of this shape; the message says which it takes.
        """


def check_features(real: Tensor, fake: Tensor) -> None:
    """Raise ``ValueError`` unless both sets are finite, ``[N, D]`` and ``[M, D]`` with N, M >= 2."""
    for whose, features in (("real", real), ("fake", fake)):
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(
                f"{whose} features must be [N, D] with N >= 2, got {list(features.shape)}: pass more samples"
            )
        if not features.isfinite().all():
            raise ValueError(f"{whose} features hold NaN or inf: look for where their images became so")
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"real features have {real.shape[1]} dimensions and fake ones {fake.shape[1]}: "
            "pass both through the same network"
        )
