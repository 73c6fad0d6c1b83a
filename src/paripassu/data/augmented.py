"""Images changed at each draw: mirrored, or with their grey levels spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor

from paripassu.data.labels import Batch
from paripassu.data.source import ImageSet, Samples, SourceAround, to_unit


@dataclass(frozen=True)
class AugmentedSamples(Samples):
    """Images that are changed when they are drawn; the images themselves stay the same."""

    unchanged: ImageSet
    flip: bool = False
    dequantize: bool = False

    @property
    def images(self) -> ImageSet:
        """Unchanged."""
        return self.unchanged

    @property
    def shape(self) -> tuple[int, ...]:
        """``[C, H, W]``."""
        return self.unchanged.shape

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, C, H, W]`` images in [-1, 1]."""
        return self.batch(count, generator).samples

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the images."""
        return self.unchanged.classes

    def batch(self, count: int, generator: torch.Generator) -> Batch:
        """As `draw`, with the images' classes."""
        device = self.unchanged.device
        chosen, labels = self.unchanged.batch_bytes(count, generator)
        if self.flip:
            mirrored = torch.rand((count, 1, 1, 1), generator=generator, device=device) < 0.5
            chosen = torch.where(mirrored, chosen.flip(3), chosen)
        if not self.dequantize:
            return Batch(to_unit(chosen), labels)
        noise = torch.rand(chosen.shape, generator=generator, device=device)
        return Batch((chosen + noise) / 128 - 1, labels)

    def draw_labels(self, count: int, generator: torch.Generator) -> Tensor | None:
        """As the images do."""
        return self.unchanged.draw_labels(count, generator)

    def expect(self, seed: int, counts: Sequence[int]) -> None:
        """As the images do."""
        self.unchanged.expect(seed, counts)


@dataclass(frozen=True)
class Augmented(SourceAround):
    """Another source's images, changed anew at each draw.

    Args:
        source: of images.
        flip: whether each image is mirrored left to right with probability 1/2.
        dequantize: whether uniform noise spreads each of the 256 levels to the next one, so that the data
            have a density: ``2 (x / 256 - 1/2) + U(0, 1/128)`` (Gulrajani et al. 2017, arXiv:1704.00028).
    """

    flip: bool = False
    dequantize: bool = False

    def __post_init__(self) -> None:
        if not (self.flip or self.dequantize):
            raise ValueError("flip and dequantize are both off: use the source itself")

    @property
    def is_labelled(self) -> bool:
        """Whether the source's images are."""
        return self.source.is_labelled

    def labelled(self, device: torch.device, column: str | None = None) -> NoReturn:  # noqa: ARG002 - the interface's
        """Raise ``ValueError``: labels belong to the images, which this is around."""
        raise ValueError(
            f"labels of {self.name} go inside: give Augmented(Labelled(source), ...), not the reverse"
        )

    def load(self, device: torch.device) -> AugmentedSamples:
        """The source's images.

        Raises:
            ValueError: the source's samples are no images.
        """
        images = self.source.load(device)
        if not isinstance(images, ImageSet):
            raise ValueError(  # noqa: TRY004 - a setting is wrong, not an argument
                f"{self.name} holds no images to flip or dequantize: leave that out"
            )
        return AugmentedSamples(images, self.flip, self.dequantize)
