"""A network on digits as a problem: any rule plays it, many runs at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from paripassu.classifiers.frequency import Frequency, pattern, without_frequency
from paripassu.classifiers.network import Network
from paripassu.data import Labelled, Source
from paripassu.data.digits import CLASSES, SIDE, labelled_digits
from paripassu.sizes import check_sizes
from paripassu.theory.problem import Array, Data, Problem, Weights

TRAINING, VALIDATION, TEST = 1000, 297, 500
"""Sizes of the three parts, which are the same in every run."""

_ALL = TRAINING + VALIDATION + TEST


class Part(NamedTuple):
    """Images ``[N, side, side]`` in [0, 1] and labels ``[N]``."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Classifier(Problem):
    """One player, the network, that minimizes the cross-entropy of digits.

    The digits are divided once, into 1,000 for training, 297 for validation and 500 for the test. More than
    these 1,797 are not used. A run draws its first weights, its labelled images if these are few, and its
    batches. Observed are ``loss`` and ``train_error`` on the run's training images, ``validation_error`` and
    ``test_error``.

    Args:
        network: the classifier.
        per_class: labelled training images of each class, drawn for each run; None for all 1,000.
        batch: images a step, drawn with replacement; None for all training images.
        start_scale: the first weights are multiplied by it, > 0.
        loss_scale: the loss is multiplied by it, > 0; what is observed is not.
        without: a frequency that is projected out of all images; pixels may then leave [0, 1] a little.
            It is for images of side 8.
        tests: how many of the test images are used, in 1..500.
        data: labelled digits in files, of the network's side; None for scikit-learn's. They are read at the
            first use.

    Raises:
        ValueError: a setting out of its range, or data that are no such digits.

    Example:
        >>> from paripassu.classifiers import Classifier, Perceptron
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import play
        >>> paths = play(Classifier(Perceptron((16,))), SGD(), lr=0.3, steps=50, seeds=[0], record=[50])
        >>> bool(paths.observed["test_error"][0, 0] < 0.5)
        True
    """

    network: Network
    per_class: int | None = None
    batch: int | None = 32
    start_scale: float = 1.0
    loss_scale: float = 1.0
    without: Frequency | None = None
    tests: int = TEST
    data: Source | None = None
    players = ("net",)

    def __post_init__(self) -> None:
        if self.per_class is not None:
            check_sizes(per_class=self.per_class)
            if not 1 <= self.per_class <= self._most:
                raise ValueError(f"per_class must be None or in 1..{self._most}, got {self.per_class}")
        if self.batch is not None:
            check_sizes(1, batch=self.batch)
        check_sizes(tests=self.tests)
        if not 1 <= self.tests <= TEST:
            raise ValueError(f"tests must be in 1..{TEST}, got {self.tests}")
        if self.without is not None:
            pattern(self.without)
            if self.network.side != SIDE:
                raise ValueError(
                    f"without is a frequency of images of side {SIDE}: leave it out with a network for side "
                    f"{self.network.side}"
                )
        for name in ("start_scale", "loss_scale"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be finite and > 0, got {getattr(self, name)}")

    def check(self) -> None:
        """Raise ``ValueError`` where ``data`` are missing, or are no digits of the network's side."""
        _ = replace(self).training  # a copy reads them: what this one keeps would go to every worker

    @property
    def _most(self) -> int:
        return int(self.training.labels.bincount().min())

    @property
    def training(self) -> Part:
        """All training images."""
        return self._parts[0]

    @property
    def validation(self) -> Part:
        """The images that choose learning rates."""
        return self._parts[1]

    @property
    def test(self) -> Part:
        """The images that judge."""
        return self._parts[2]

    @cached_property
    def _parts(self) -> tuple[Part, Part, Part]:
        images, labels = labelled_digits() if self.data is None else _labelled(self.data)
        if images.shape[1:] != 2 * (self.network.side,):
            raise ValueError(
                f"the network is for images of side {self.network.side}, got images of "
                f"{' x '.join(map(str, images.shape[1:]))} pixels"
            )
        if self.without is not None:
            images = without_frequency(images, self.without)
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(images)))
        first, second, third = (
            Part(images[own], labels[own]) for own in order[:_ALL].split([TRAINING, VALIDATION, TEST])
        )
        return first, second, Part(third.images[: self.tests], third.labels[: self.tests])

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """The network's, times ``start_scale``."""
        return {"net": [self.start_scale * weight for weight in self.network.start(rng)]}

    def run_data(self, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
        """``labelled``, which training images the run has; nothing if it has all."""
        if self.per_class is None:
            return {}
        labels = self.training.labels.numpy()
        each = [
            rng.permutation(np.flatnonzero(labels == digit))[: self.per_class] for digit in range(CLASSES)
        ]
        return {"labelled": np.concatenate(each)}

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """``batch [steps, batch]``, which of the run's images a step sees; nothing if it sees all."""
        if self.batch is None:
            return {}
        count = TRAINING if self.per_class is None else self.per_class * CLASSES
        return {"batch": rng.integers(count, size=(steps, self.batch))}

    def labelled(self, data: Data) -> Part:
        """The training images of one run, from its data."""
        if self.per_class is None:
            return self.training
        chosen = data["labelled"]
        return Part(self.training.images[chosen], self.training.labels[chosen])

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """Mean cross-entropy of the step's images."""
        images, labels = self.labelled(data)
        if self.batch is not None:
            images, labels = images[data["batch"]], labels[data["batch"]]
        loss = cross_entropy(self.network.logits(weights["net"], images), labels)
        return {"net": self.loss_scale * loss}

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``loss``, ``train_error``, ``validation_error`` and ``test_error``, each ``[]``."""
        own = self.labelled(data)
        logits = self.network.logits(weights["net"], own.images)
        return {
            "loss": cross_entropy(logits, own.labels),
            "train_error": _error(logits, own.labels),
            "validation_error": self._error_on(weights, self.validation),
            "test_error": self._error_on(weights, self.test),
        }

    def _error_on(self, weights: Weights, part: Part) -> Tensor:
        return _error(self.network.logits(weights["net"], part.images), part.labels)


def _labelled(data: Source) -> tuple[Tensor, Tensor]:
    """As `labelled_digits`, from files."""
    found = Labelled(data).load(torch.device("cpu"))
    assert found.labels is not None
    classes = len(found.classes)
    if len(found) < _ALL or found.pixels.shape[1] != 1 or classes != CLASSES:
        raise ValueError(
            f"{data.name} has {len(found):,} images of {found.pixels.shape[1]} channels, {classes} classes: "
            f"give at least {_ALL:,} grey ones of {CLASSES} classes"
        )
    return found.pixels[:, 0].double() / 255, found.labels.numbers


def _error(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(dim=-1) != labels).double().mean()
