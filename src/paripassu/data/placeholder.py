"""Data that a recipe is for and that a person has to supply."""

from dataclasses import dataclass
from typing import NoReturn

import torch

from paripassu.data.source import Source


@dataclass(frozen=True)
class Placeholder(Source):
    """Images by what they are; they can be named, not loaded.

    Args:
        images: what they are, such as ``"CIFAR-10"``.
        resolution: height and width, in px.
    """

    images: str
    resolution: int

    @property
    def name(self) -> str:
        """``"cifar-10"`` for CIFAR-10."""
        return self.images.lower().replace(" ", "-")

    def labelled(self, device: torch.device, column: str | None = None) -> NoReturn:  # noqa: ARG002 - the interface's
        """As `load`."""
        self.load(device)

    def load(self, device: torch.device) -> NoReturn:  # noqa: ARG002 - the interface's
        """Raise ``ValueError``: there is nothing to load."""
        raise ValueError(
            f"this recipe is for {self.images} at {self.resolution} px: "
            "give its images, or your own, as --data"
        )
