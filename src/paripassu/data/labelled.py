"""Images with their classes, for conditional networks."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from paripassu.data.labels import Labels
from paripassu.data.source import ImageSet, SourceAround
from paripassu.printable import printable


@dataclass(frozen=True)
class Labelled(SourceAround):
    """Another source's images with their classes: the networks of a run on them are conditional.

    | source | labels |
    |---|---|
    | `ImageFolder` of files | the folder that a file is in: one folder a class |
    | `ImageFolder` of Parquet, `Hub` | ``column``; or the only one of whole numbers, or that called label |
    | `Npz` | the array ``column``; or the only one of as many whole numbers |
    | `Cifar`, `Digits`, `Idx` | those that they come with |
    | `FromDataset` | the second item of each sample |

    Args:
        source: of images. A source of your own writes `Source.labelled`.
        column: which labels, where there may be several.

    Example:
        >>> from paripassu.data import Digits
        >>> real = Labelled(Digits()).load(torch.device("cpu"))
        >>> real.classes[:3], real.batch(5, torch.Generator().manual_seed(0)).labels
        (('0', '1', '2'), tensor([6, 1, 8, 4, 8]))
    """

    column: str | None = None

    def __post_init__(self) -> None:
        if self.source.is_labelled:
            raise ValueError(f"{self.source.name} has labels already: leave one Labelled out")

    @property
    def is_labelled(self) -> bool:
        """Always."""
        return True

    def load(self, device: torch.device) -> ImageSet:
        """The source's images, with labels on the device where images are handed out.

        Raises:
            ValueError: the source has no labels, or they cannot be used.
        """
        images: Any = self.source.labelled(device, self.column)
        labels = images.labels if isinstance(images, ImageSet) else None
        if not isinstance(labels, Labels):
            raise ValueError(  # noqa: TRY004 - a setting is wrong, not an argument
                f"{self.name} gave no images with labels: let its labelled return an ImageSet with labels"
            )
        if len(labels.numbers) != len(images):
            raise ValueError(
                f"{printable(self.name)} has {len(images):,} images and {len(labels.numbers):,} labels: "
                "give one label an image"
            )
        return replace(images, labels=labels._replace(numbers=labels.numbers.to(images.device)))
