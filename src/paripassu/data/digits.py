"""scikit-learn's handwritten digits: real, 1,797 grey images of 8 x 8, shipped with the library.

Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI (the test part).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from paripassu.data.labels import labels_of
from paripassu.data.source import ImageSet, Source

SIDE, CLASSES = 8, 10
"""Pixels along each side of a digit, and how many digits there are."""


@dataclass(frozen=True)
class Digits(Source):
    """All 1,797 digits; their 17 grey levels are spread over 0..255."""

    @property
    def name(self) -> str:
        """``"digits"``."""
        return "digits"

    @property
    def features(self) -> str:
        """Those of the digits' classifier."""
        return "digits"

    def load(self, device: torch.device) -> ImageSet:
        """``[1797, 1, 8, 8]``."""
        from sklearn.datasets import load_digits  # here: it takes as long to import as a short command

        levels, _ = load_digits(return_X_y=True)
        levels = torch.from_numpy(levels).view(-1, 1, 8, 8)
        return ImageSet.on(device, (levels * (255 / 16)).round().to(torch.uint8))

    def labelled(self, device: torch.device, column: str | None = None) -> ImageSet:
        """The same, with ten classes."""
        if column is not None:
            raise ValueError("digits have one kind of labels: leave --labels out")
        from sklearn.datasets import load_digits

        return replace(self.load(device), labels=labels_of(load_digits(return_X_y=True)[1], self.name))


def labelled_digits() -> tuple[Tensor, Tensor]:
    """All 1,797 digits with their labels, for classifiers.

    Returns:
        Images ``[1797, 8, 8]``, float64 in [0, 1], and labels ``[1797]`` in 0..9.
    """
    from sklearn.datasets import load_digits

    levels, labels = load_digits(return_X_y=True)
    return torch.from_numpy(levels).view(-1, 8, 8) / 16, torch.from_numpy(labels).long()
