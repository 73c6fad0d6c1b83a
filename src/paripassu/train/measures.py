"""What is measured of a generator, chosen by what its data say of themselves.

| data | measured |
|---|---|
| `Samples.modes` | the modes that points reach |
| `Samples.is_stacked` | the triples of digits that images show |
| `Samples.images` | Fréchet and kernel distance on the features that `Source.features` names |
| `Samples.classes` | the Fréchet distance of each class too, if each has enough images and samples |
| none of these | nothing |
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from paripassu.data import ImageSet, Mixture, Modes, Samples, Source, StackedDigits, StackedMnist
from paripassu.metrics import (
    MAX_PAIRED_SAMPLES,
    NETWORKS,
    ClassifierFeatures,
    FeatureMetric,
    FeatureNetwork,
    FeatureSample,
    metric_name,
    mode_coverage,
    score,
    triple_coverage,
)
from paripassu.train.classes import ClassDistances, why_not_by_class
from paripassu.train.memory import measuring_fits
from paripassu.train.reference import reference
from paripassu.train.run import Run

Generate = Callable[..., Iterator[Tensor]]
"""Gives so many generated samples, in batches, always from the same latents; all of one class, if its number
is the second argument."""

Progress = Callable[[str, int, int], object]
"""Called with what is measured, how many samples are done, and of how many."""


def no_progress(what: str, done: int, total: int) -> None:
    """Report nothing."""


class NotFiniteError(ValueError):
    """What a generator makes, or what is measured of it, is not finite; the message says which."""


def check_finite(what: str, values: Tensor) -> Tensor:
    """``values``; raises `NotFiniteError` unless all of them are finite."""
    if not values.isfinite().all():
        raise NotFiniteError(f"{what} is not finite")
    return values


class Measure(Protocol):
    """Takes the generated samples it needs and returns every metric by its name."""

    def __call__(self, generate: Generate, /) -> dict[str, float]:
        """Measure."""
        ...


def measure_for(
    run: Run, real: Samples, count: int, metrics: Sequence[FeatureMetric], progress: Progress
) -> Measure:
    """The measure of a run's generators.

    Args:
        run: whose.
        real: its data.
        count: generated samples of what is measured without ``metrics``.
        metrics: what to measure instead; they fit images alone.
        progress: called while features of the data are computed.

    Raises:
        ValueError: the metrics, or the features that the source names, do not fit the data.
    """
    if real.images and not real.is_stacked:
        return _distances(run, real.images, count, metrics, progress)
    if metrics:
        raise ValueError(f"{run.data.name} holds no images for {metrics[0].name}: leave the metric out")
    if real.modes:
        return partial(_coverage, real.modes, count)
    if real.is_stacked:
        network = _features(run)
        if not isinstance(network, ClassifierFeatures):
            raise ValueError(
                f"{run.data.name} is measured on {network.name}, which does not classify digits: "
                "let its features be digits or mnist"
            )
        return partial(_triples, network, count)
    return lambda _: {}


def check_measured(run: Run, real: Samples) -> None:
    """Raise ``ValueError`` if a training on these data could not be measured; nothing is measured yet."""
    if real.images is None:
        return
    if len(real.images) < 2:
        raise ValueError(
            f"{run.data.name} has one image, and a distance between sets takes two of each: give more images"
        )
    network, first = _features(run), torch.zeros(1, dtype=torch.long)
    with torch.random.fork_rng(devices=[]), measuring_fits(run, real.images.shape):
        network(real.images.at(first))


def has_images(source: Source) -> bool:
    """Whether a source's samples may be images on which a `FeatureMetric` is measured."""
    return not isinstance(source, Mixture | StackedDigits | StackedMnist)


def metrics_of(run: Run) -> list[str]:
    """What a training may measure that has a score, as far as it is known before the data are read.

    A person's own source may turn out to be any kind of data, so that all kinds are named. Metrics of one
    class are left out.

    Args:
        run: the training's.
    """
    name = partial(metric_name, count=run.eval_samples)
    points = [name("mode-overlap"), name("high-quality"), name("modes")]
    if isinstance(run.data, Mixture):
        return points
    network = _features(run)
    triples = [name("modes", network=network), name("kl", network=network)]
    if not has_images(run.data):
        return triples
    images = [name("fd", network=network)]
    is_own = not type(run.data).__module__.startswith("paripassu.")
    return [*images, *points, *triples] if is_own else images


def _features(run: Run) -> FeatureNetwork:
    name = run.data.features
    if name not in NETWORKS:
        raise ValueError(
            f"{run.data.name} is measured on {name!r}, which there is not: choose from {', '.join(NETWORKS)}"
        )
    return NETWORKS[name]


def _coverage(modes: Modes, count: int, generate: Generate, /) -> dict[str, float]:
    points = torch.cat([*generate(count)])
    coverage = mode_coverage(points, modes.centres, modes.std)
    return {
        metric_name("mode-overlap", count): coverage.overlap,
        metric_name("high-quality", count): coverage.high_quality,
        metric_name("modes", count): float(coverage.captured),
    }


def _triples(network: ClassifierFeatures, count: int, generate: Generate, /) -> dict[str, float]:
    shown: list[Tensor] = []
    for batch in generate(count):
        channels = batch.flatten(end_dim=1).unsqueeze(1)
        shown.append(network.probabilities(channels).argmax(dim=1).view(len(batch), -1))
    triples = torch.cat(shown)
    coverage = triple_coverage(triples)
    return {
        metric_name("modes", len(triples), network): float(coverage.captured),
        metric_name("kl", len(triples), network): coverage.divergence,
    }


def _distances(
    run: Run, images: ImageSet, count: int, metrics: Sequence[FeatureMetric], progress: Progress
) -> Measure:
    by_class: ClassDistances | None = None
    if not metrics:
        network, paired = _features(run), min(len(images), count, MAX_PAIRED_SAMPLES)
        metrics = FeatureMetric("fd", network, count), FeatureMetric("kd", network, paired)
        # Features that take long are not computed twice.
        if images.labels and not why_not_by_class(images, count) and network.digest is None:
            by_class = ClassDistances.of(network, count // len(images.classes), images)
    references: dict[FeatureNetwork, FeatureSample] = {}
    for metric in metrics:
        if metric.compares and metric.count > len(images):
            raise ValueError(
                f"{metric.name} compares as many generated as real samples, and the data has "
                f"{len(images):,}: choose fewer"
            )
        if metric.network not in references:
            advance = partial(progress, f"{metric.network.name} of the data")
            with measuring_fits(run, images.shape):
                references[metric.network] = reference(metric.network, images, advance)
    scores = partial(_scores, metrics, references, count)
    return partial(_with_classes, scores, by_class) if by_class else scores


def _with_classes(scores: Measure, by_class: ClassDistances, generate: Generate, /) -> dict[str, float]:
    features = partial(_features_of, by_class.network)
    fake = {
        name: FeatureSample.gather(map(features, generate(by_class.count, number)), 0).moments
        for number, name in enumerate(by_class.real)
    }
    return scores(generate) | _finite(by_class.values(fake))


def _scores(
    metrics: Iterable[FeatureMetric],
    references: dict[FeatureNetwork, FeatureSample],
    count: int,
    generate: Generate,
    /,
) -> dict[str, float]:
    def generated(metric: FeatureMetric) -> int:
        # A metric that compares takes its samples from among those of the usual metrics.
        return max(metric.count, count) if metric.compares else metric.count

    values: dict[str, float] = {}
    for metric in metrics:
        if metric.name not in values:
            many = generated(metric)
            together = [m for m in metrics if m.network == metric.network and generated(m) == many]
            most = max((m.count for m in together if m.compares), default=0)
            features = partial(_features_of, metric.network)
            fake = FeatureSample.gather(map(features, generate(many)), most)
            values |= score(together, references[metric.network], fake)
    return _finite({metric.name: values[metric.name] for metric in metrics})


def _finite(values: dict[str, float]) -> dict[str, float]:
    for name, value in values.items():
        check_finite(name, torch.tensor(value, dtype=torch.float64))
    return values


def _features_of(network: FeatureNetwork, images: Tensor) -> Tensor:
    return check_finite(f"a feature of {network.name}", network(images))
