"""Features of digits: the last hidden layer of small classifiers that ship with us.

``tools/train_digit_classifier.py`` trains them; the weights' metadata says how, and how accurate they are.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import ClassVar

import torch
from safetensors.torch import load
from torch import Tensor, nn

from paripassu.metrics.features import FeatureNetwork

_STRIDES = {8: (1, 2), 32: (2, 2, 2)}  # of convolutions, by resolution: all end at 4 x 4


class DigitClassifier(nn.Module):
    """Convolutions and two linear layers; 38 thousand weights at 8 px, 48 thousand at 32.

    Args:
        resolution: of the images, 8 or 32.

    Attributes:
        features: images ``[N, 1, resolution, resolution]`` in [-1, 1] to features ``[N, 64]``.
        head: features to the logits ``[N, 10]``.
    """

    def __init__(self, resolution: int) -> None:
        super().__init__()
        strides = _STRIDES[resolution]
        widths = (1, 16, *[32] * (len(strides) - 1))
        layers: list[nn.Module] = []
        # SiLU, for of 64 rectified features a third never fire on digits.
        for (fan_in, fan_out), stride in zip(pairwise(widths), strides, strict=True):
            layers += [nn.Conv2d(fan_in, fan_out, 3, stride, padding=1), nn.SiLU()]
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.SiLU())
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, 10]``."""
        return self.head(self.features(images))


class ClassifierFeatures(FeatureNetwork):
    """The last hidden layer of a classifier of digits, on the images' device.

    Attributes:
        resolution: of the grey images that it takes.
        weights: its file in this package.
    """

    resolution: ClassVar[int]
    weights: ClassVar[str]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Features ``[N, 64]`` of grey images of its resolution."""
        return self._classifier_for(images).features(images)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """``[N, 10]``: the classifier's probability of each digit; rows sum to 1."""
        return self._classifier_for(images)(images).softmax(dim=1)

    def _classifier_for(self, images: Tensor) -> DigitClassifier:
        size = self.resolution
        if images.shape[1:] != (1, size, size):
            raise ValueError(
                f"the classifier of {self.name} takes grey images of {size} x {size}, "
                f"got {list(images.shape[1:])}: use PixelFeatures for other images"
            )
        return _classifier(self, images.device)


@dataclass(frozen=True)
class DigitFeatures(ClassifierFeatures):
    """The classifier of scikit-learn's digits, 8 px."""

    resolution: ClassVar = 8
    weights: ClassVar = "digits.safetensors"

    @property
    def name(self) -> str:
        """``"digits"``."""
        return "digits"


@dataclass(frozen=True)
class MnistFeatures(ClassifierFeatures):
    """The classifier of MNIST's digits, brought to 32 px."""

    resolution: ClassVar = 32
    weights: ClassVar = "mnist.safetensors"

    @property
    def name(self) -> str:
        """``"mnist"``."""
        return "mnist"


@cache
def _classifier(network: ClassifierFeatures, device: torch.device) -> DigitClassifier:
    # Fresh initial weights would advance torch's global generator, on which reproducible runs depend.
    with torch.device("meta"):
        classifier = DigitClassifier(network.resolution)
    weights = files("paripassu.metrics") / network.weights
    classifier.load_state_dict(load(weights.read_bytes()), assign=True)
    return classifier.requires_grad_(requires_grad=False).to(device)
