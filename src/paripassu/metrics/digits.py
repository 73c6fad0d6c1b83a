"""Features of scikit-learn's 8 x 8 digits: the last hidden layer of a small classifier that ships with us.

``tools/train_digit_classifier.py`` trains it; the weights' metadata says how, and how accurate it is.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch
from safetensors.torch import load
from torch import Tensor, nn

from paripassu.metrics.features import FeatureNetwork

WEIGHTS = files("paripassu.metrics") / "digits.safetensors"


class DigitClassifier(nn.Module):
    """Two convolutions and two linear layers; 38 thousand weights.

    Attributes:
        features: images ``[N, 1, 8, 8]`` in [-1, 1] to features ``[N, 64]``.
        head: features to the logits ``[N, 10]``.
    """

    def __init__(self) -> None:
        super().__init__()
        # SiLU, for of 64 rectified features a third never fire on digits.
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 64),
            nn.SiLU(),
        )
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, 10]``."""
        return self.head(self.features(images))


@dataclass(frozen=True)
class DigitFeatures(FeatureNetwork):
    """The shipped classifier, on whatever device the images are."""

    @property
    def name(self) -> str:
        """``"digits"``."""
        return "digits"

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Features ``[N, 64]`` of grey 8 x 8 images."""
        return _classifier_for(images).features(images)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """``[N, 10]``: how likely the classifier holds each digit, rows sum to 1."""
        return _classifier_for(images)(images).softmax(dim=1)


def _classifier_for(images: Tensor) -> DigitClassifier:
    if images.shape[1:] != (1, 8, 8):
        raise ValueError(
            f"the digit classifier takes grey images of 8 x 8, got {list(images.shape[1:])}: "
            "use PixelFeatures for other images"
        )
    return _classifier(images.device)


@cache
def _classifier(device: torch.device) -> DigitClassifier:
    # Fresh initial weights would advance torch's global generator, on which reproducible runs depend.
    with torch.device("meta"):
        classifier = DigitClassifier()
    classifier.load_state_dict(load(WEIGHTS.read_bytes()), assign=True)
    return classifier.requires_grad_(requires_grad=False).to(device)
