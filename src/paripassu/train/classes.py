"""What is measured of each class alone: the Fréchet distance between its images and samples of its label.

Its mean over the classes is the intra-class distance of Miyato & Koyama 2018, arXiv:1802.05637.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch

from paripassu.data import ImageSet
from paripassu.metrics import FeatureNetwork, Moments, frechet_distance, metric_name
from paripassu.train.reference import reference

LEAST_OF_CLASS = 100
"""Images and samples of a class that its own Fréchet distance takes: fewer say more of the count."""


def why_not_by_class(images: ImageSet, count: int) -> str:
    """Why no class is measured alone, in one sentence; empty if all are, or there are none.

    Args:
        images: the data.
        count: generated samples of all classes together.
    """
    if not images.labels:
        return ""
    counts = torch.bincount(images.labels.numbers, minlength=len(images.classes))
    fewest = int(counts.argmin())
    if (there := int(counts[fewest])) < LEAST_OF_CLASS:
        return (
            f"classes are not measured one by one: {images.classes[fewest]} has {there:,} images, and the "
            f"Fréchet distance of a class takes {LEAST_OF_CLASS}"
        )
    if count // len(images.classes) < LEAST_OF_CLASS:
        return (
            f"classes are not measured one by one: the Fréchet distance of a class takes {LEAST_OF_CLASS} "
            f"samples, so measure {LEAST_OF_CLASS * len(images.classes):,} or more"
        )
    return ""


@dataclass(frozen=True)
class ClassDistances:
    """The Fréchet distance of every class.

    Attributes:
        network: whose features.
        count: generated samples of each class.
        real: features of each class's images, by the name that it has in metrics.
    """

    network: FeatureNetwork
    count: int
    real: Mapping[str, Moments]

    @classmethod
    def of(cls, network: FeatureNetwork, count: int, images: ImageSet) -> "ClassDistances":
        """Of labelled images."""
        names = _in_metrics(images.classes)
        of_class = partial(reference, network, progress=lambda _done, _total: None)
        return cls(
            network, count, {name: of_class(images.of_class(i)).moments for i, name in enumerate(names)}
        )

    def values(self, fake: Mapping[str, Moments]) -> dict[str, float]:
        """The distance of each class, and their mean, by the metrics' names.

        Args:
            fake: features of ``count`` samples of each class, by its name.
        """
        distances = {name: frechet_distance(real, fake[name]) for name, real in self.real.items()}
        mean = sum(distances.values()) / len(distances)
        name = partial(metric_name, "fd", self.count, self.network)
        return {name("by-class"): mean} | {name(f"of-{each}"): value for each, value in distances.items()}


def _in_metrics(classes: tuple[str, ...]) -> list[str]:
    """The classes' names where they are words; else numbers."""
    words = ["".join(c if c.isalnum() or c in "._-" else "_" for c in name) for name in classes]
    return words if len(set(words)) == len(words) and all(words) else [*map(str, range(len(words)))]
