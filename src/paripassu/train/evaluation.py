"""Measurements and pictures of a generator, for the data it was trained on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from paripassu.data import (
    Digits,
    ImageSet,
    MixtureSamples,
    Samples,
    Source,
    StackedDigits,
    StackedSamples,
)
from paripassu.metrics import (
    MAX_PAIRED_SAMPLES,
    DigitFeatures,
    FeatureMetric,
    FeatureNetwork,
    FeatureSample,
    MnistFeatures,
    PixelFeatures,
    metric_name,
    mode_coverage,
    score,
    triple_coverage,
)
from paripassu.train import pictures
from paripassu.train.checkpoint import checkpoints, load_checkpoint
from paripassu.train.device import check_device
from paripassu.train.folder import check_images
from paripassu.train.memory import data_fit, measuring_fits, networks_fit
from paripassu.train.precision import eagerly
from paripassu.train.random import Stream, generator, seeded
from paripassu.train.reference import at_once, reference
from paripassu.train.run import Run
from paripassu.train.state import initial_state

_SHOWN = 64  # images in a picture
_POINTS = 2500  # points in a picture

Progress = Callable[[str, int, int], object]
"""Is told what is measured, how many samples are done, and of how many."""


def _no_progress(what: str, done: int, total: int) -> None:
    pass


class Evaluator:
    """Measures generators of one run against its data, always at the same latents.

    Unless metrics are given, points are measured by the modes they reach, stacked digits by their triples,
    digits by Fréchet and kernel distance on the digit classifier's features, other images on 8 x 8 pixels,
    for these need no download.
    """

    def __init__(
        self,
        run: Run,
        real: Samples,
        samples: int | None = None,
        metrics: Sequence[FeatureMetric] = (),
        progress: Progress = _no_progress,
    ) -> None:
        """``samples`` replaces the run's ``eval_samples``, ``metrics`` what is measured without them.

        Raises:
            ValueError: the metrics do not fit the data.
        """
        self._run, self._real, self._progress = run, real, progress
        self._count = samples or run.eval_samples
        self._metrics = tuple(metrics)
        self._references: dict[FeatureNetwork, FeatureSample] = {}
        if isinstance(real, ImageSet):
            self._metrics = self._metrics or _usual(run.data, real, self._count)
            for metric in self._metrics:
                _check(metric, real)
                if metric.network not in self._references:
                    told = partial(progress, f"{metric.network.name} of the data")
                    with measuring_fits(run, real.shape):
                        self._references[metric.network] = reference(metric.network, real, told)
        elif metrics:
            raise ValueError(f"{run.data.name} holds no images for {metrics[0].name}: leave the metric out")

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Every metric by its name.

        Raises:
            RuntimeError: the GPU has too little memory for it.
        """
        with measuring_fits(self._run, self._real.shape):
            return self._measured(network)

    def draw(self, network: nn.Module, path: Path) -> None:
        """Write a picture of samples as PNG.

        Raises:
            RuntimeError: the GPU has too little memory for it.
        """
        with measuring_fits(self._run, self._real.shape):
            if isinstance(self._real, MixtureSamples):
                points = torch.cat([*self._generate(network, _POINTS, Stream.PICTURES)])
                pictures.scatter(points, self._real.centres, path)
            else:
                pictures.grid(torch.cat([*self._generate(network, _SHOWN, Stream.PICTURES)]), path)

    def _measured(self, network: nn.Module) -> dict[str, float]:
        if isinstance(self._real, MixtureSamples):
            points = torch.cat([*self._generate(network, self._count, Stream.EVALUATION)])
            return _coverage(points, self._real)
        if isinstance(self._real, StackedSamples):
            classifier = DigitFeatures() if isinstance(self._run.data, StackedDigits) else MnistFeatures()
            return _triples(self._generate(network, self._count, Stream.EVALUATION), classifier)
        values: dict[str, float] = {}
        for metric in self._metrics:
            if metric.name not in values:
                count = self._generated(metric)
                together = [
                    m for m in self._metrics if m.network == metric.network and self._generated(m) == count
                ]
                images = self._generate(network, count, Stream.EVALUATION)
                most = max((m.count for m in together if m.compares), default=0)
                fake = FeatureSample.gather(map(metric.network, images), most)
                values |= score(together, self._references[metric.network], fake)
        return {metric.name: values[metric.name] for metric in self._metrics}

    def _generated(self, metric: FeatureMetric) -> int:
        """How many samples are made for a metric: where the usual ones do, its own are among them."""
        return max(metric.count, self._count) if metric.compares else metric.count

    @torch.no_grad()
    def _generate(self, network: nn.Module, count: int, stream: Stream) -> Iterator[Tensor]:
        device = torch.device(self._run.device)
        rng = generator(self._run.seed, stream, 0, device)
        latents = torch.randn((count, self._run.model.latent), generator=rng, device=device)
        was_training = network.training
        network.eval()
        done = 0
        try:
            with seeded(self._run.seed, stream, 1, device):
                for z in latents.split(at_once(self._real.shape)):
                    with eagerly(self._run):
                        images = network(z)
                    yield images
                    done += len(z)
                    if stream is Stream.EVALUATION:
                        self._progress("generated samples", done, count)
        finally:
            network.train(was_training)


def _usual(data: Source, real: ImageSet, count: int) -> tuple[FeatureMetric, ...]:
    network = DigitFeatures() if isinstance(data, Digits) else PixelFeatures()
    paired = min(len(real), count, MAX_PAIRED_SAMPLES)
    return FeatureMetric("fd", network, count), FeatureMetric("kd", network, paired)


def _check(metric: FeatureMetric, real: ImageSet) -> None:
    if metric.compares and metric.count > len(real):
        raise ValueError(
            f"{metric.name} compares as many generated as real samples, and the data has {len(real):,}: "
            "choose fewer"
        )


def _coverage(fake: Tensor, real: MixtureSamples) -> dict[str, float]:
    coverage = mode_coverage(fake, real.centres, real.std)
    return {
        metric_name("mode-overlap", len(fake)): coverage.overlap,
        metric_name("high-quality", len(fake)): coverage.high_quality,
        metric_name("modes", len(fake)): float(coverage.captured),
    }


def _triples(images: Iterable[Tensor], network: DigitFeatures) -> dict[str, float]:
    shown: list[Tensor] = []
    for batch in images:
        channels = batch.flatten(end_dim=1).unsqueeze(1)
        shown.append(network.probabilities(channels).argmax(dim=1).view(len(batch), -1))
    triples = torch.cat(shown)
    coverage = triple_coverage(triples)
    return {
        metric_name("modes", len(triples), network): float(coverage.captured),
        metric_name("kl", len(triples), network): coverage.divergence,
    }


def evaluate(
    run: Run,
    folder: Path,
    samples: int | None = None,
    metrics: Sequence[FeatureMetric] = (),
    progress: Progress = _no_progress,
) -> tuple[int, dict[str, float]]:
    """Measure the last checkpoint of ``run``.

    Args:
        run: what was trained.
        folder: its run folder.
        samples: generated samples of what the training measured, >= 2; the run's ``eval_samples`` without
            it.
        metrics: what to measure instead; they say how many samples themselves.
        progress: told of each stage how many samples are done.

    Returns:
        The checkpoint's step and every metric by its name.

    Raises:
        ValueError: ``samples`` < 2, a device that is not there, metrics that do not fit the data or whose
            network is missing, or the run has no checkpoint yet or one of other networks, or began with other
            images.
        RuntimeError: every checkpoint is damaged, or the GPU has too little memory.
    """
    if samples is not None and samples < 2:
        raise ValueError(f"samples must be >= 2, got {samples}")
    check_device(run.device)
    if not checkpoints(folder):
        raise ValueError(f"{folder} has no checkpoint yet: train it first")
    with data_fit(run):
        real = run.data.load(torch.device(run.device))
    check_images(real.images, folder)
    with networks_fit(run, real.shape):
        state = initial_state(run, real.shape)
        load_checkpoint(folder, state)
    return state.step, Evaluator(run, real, samples, metrics, progress).measure(state.shown())
