"""Metrics on features as values: which one, whose features, how many samples."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from paripassu.metrics.features import FeatureNetwork
from paripassu.metrics.frechet import frechet_distance
from paripassu.metrics.manifold import ManifoldScores, manifold_scores
from paripassu.metrics.mmd import kernel_distance
from paripassu.metrics.moments import Moments
from paripassu.metrics.name import metric_name

Kind = Literal["fd", "kd", "precision", "recall", "density", "coverage"]
"""What is computed from features: a distance, or a share of samples."""

_LEAST = {"fd": 2, "kd": 2}  # a covariance's; the others need more than five neighbours
_MOST = 10**12  # where comparing needs no limit: of more, torch cannot count the bytes of their latents

MAX_PAIRED_SAMPLES = 10_000
"""Samples of each kind that a metric takes which compares all with all, in a minute on one core."""


@dataclass(frozen=True)
class FeatureMetric:
    """One number about generated samples.

    Args:
        kind: the Fréchet (``fd``) or kernel (``kd``) distance, or a score of `manifold_scores`.
        network: whose features.
        count: generated samples. All but ``fd``, which takes the whole data, take as many real ones.

    Raises:
        ValueError: a kind that there is not, more samples than it takes, or too few.
    """

    kind: Kind
    network: FeatureNetwork
    count: int

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        least, most = _LEAST.get(self.kind, 6), MAX_PAIRED_SAMPLES if self.compares else _MOST
        if not least <= self.count <= most:
            limits = f"{least} to {most:,}"
            raise ValueError(
                f"{self.name} has {self.count:,} samples, but takes {limits}: choose another number"
            )

    @property
    def compares(self) -> bool:
        """Whether it compares samples with samples, not only their moments."""
        return self.kind != "fd"

    @property
    def name(self) -> str:
        """What its values are called."""
        return metric_name(self.kind, self.count, self.network)


@dataclass
class FeatureSample:
    """What is kept of features that pass by in batches: all their moments, and the first of themselves.

    Attributes:
        moments: of all.
        rows: ``[K, D]``.
    """

    moments: Moments
    rows: Tensor

    @classmethod
    def gather(cls, batches: Iterable[Tensor], keep: int) -> "FeatureSample":
        """Of batches ``[N, D]``, at least one; ``keep`` of their features are kept."""
        moments, rows = None, list[Tensor]()
        for features in batches:
            if moments is None:
                moments = Moments.of(features)
            else:
                moments.add(features)
            # A slice would keep the whole batch in memory.
            rows.append(features[:keep].clone())
            keep -= len(rows[-1])
        assert moments, "there were no batches"
        return cls(moments, torch.cat(rows))


def score(metrics: Iterable[FeatureMetric], real: FeatureSample, fake: FeatureSample) -> dict[str, float]:
    """Each metric's value by its name.

    Args:
        metrics: on the features of one network.
        real: of all real samples; it keeps as many as any metric but ``fd`` has samples.
        fake: the same of as many generated samples as the metrics have, on whose device they are compared.
    """
    values: dict[str, float] = {}
    manifolds: dict[int, ManifoldScores] = {}
    for metric in metrics:
        pair = real.rows[: metric.count].to(fake.rows.device), fake.rows[: metric.count]
        if metric.kind == "fd":
            values[metric.name] = frechet_distance(real.moments, fake.moments)
        elif metric.kind == "kd":
            values[metric.name] = kernel_distance(*pair)
        else:
            if metric.count not in manifolds:
                manifolds[metric.count] = manifold_scores(*pair)
            values[metric.name] = getattr(manifolds[metric.count], metric.kind)
    return values
