"""Measurements and pictures of a generator, for the data it was trained on."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from paripassu.data import Digits, ImageSet, MixtureSamples, Samples, StackedSamples, to_unit
from paripassu.metrics import (
    DigitFeatures,
    FeatureNetwork,
    PixelFeatures,
    frechet_distance,
    kernel_distance,
    metric_name,
    mode_coverage,
    triple_coverage,
)
from paripassu.train import pictures
from paripassu.train.checkpoint import checkpoints, load_checkpoint
from paripassu.train.random import Stream, generator, seeded
from paripassu.train.run import Run
from paripassu.train.state import initial_state

# Samples generated and measured at once, less of those with more pixels: bounds memory.
_BATCH = 500
_PIXELS = 2**21
_KERNEL_SAMPLES = 5000  # the kernel distance takes 1 GB for as many
_SHOWN = 64  # images in a picture
_POINTS = 2500  # points in a picture


class _Measure(NamedTuple):
    seen: Callable[[Tensor], Tensor]  # what is kept of a batch of samples
    scores: Callable[[Tensor], dict[str, float]]  # of all that was kept


class Evaluator:
    """Measures generators of one run against its data, always at the same latents.

    Points are measured by the modes they reach, stacked digits by their triples, digits by Fréchet and kernel
    distance on the digit classifier's features, other images on 8 x 8 pixels, for no network of ours fits
    them.
    """

    def __init__(self, run: Run, real: Samples, samples: int | None = None) -> None:
        """``samples`` replaces the run's ``eval_samples``."""
        self._run, self._real = run, real
        self._count = samples or run.eval_samples
        self._measure = _measure(run, real, self._count)

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Every metric by its name."""
        return self._measure.scores(
            self._generate(network, self._count, Stream.EVALUATION, self._measure.seen)
        )

    def draw(self, network: nn.Module, path: Path) -> None:
        """Write a picture of samples as PNG."""
        if isinstance(self._real, MixtureSamples):
            points = self._generate(network, _POINTS, Stream.PICTURES)
            pictures.scatter(points, self._real.centres, path)
        else:
            pictures.grid(self._generate(network, _SHOWN, Stream.PICTURES), path)

    @torch.no_grad()
    def _generate(
        self,
        network: nn.Module,
        count: int,
        stream: Stream,
        seen: Callable[[Tensor], Tensor] = lambda samples: samples,
    ) -> Tensor:
        device = torch.device(self._run.device)
        rng = generator(self._run.seed, stream, 0, device)
        latents = torch.randn((count, self._run.model.latent), generator=rng, device=device)
        was_training = network.training
        network.eval()
        try:
            with seeded(self._run.seed, stream, 1, device):
                return torch.cat([seen(network(z)) for z in latents.split(_at_once(self._real.shape))])
        finally:
            network.train(was_training)


def _at_once(shape: tuple[int, ...]) -> int:
    return max(1, min(_BATCH, _PIXELS // math.prod(shape[1:])))


def _measure(run: Run, real: Samples, count: int) -> _Measure:
    if isinstance(real, MixtureSamples):
        return _Measure(lambda samples: samples, lambda fake: _coverage(fake, real))
    if isinstance(real, ImageSet):
        network = DigitFeatures() if isinstance(run.data, Digits) else PixelFeatures()
        return _Measure(network, _distances(network, real, count))
    if isinstance(real, StackedSamples):
        return _Measure(_digits_shown, _triples)
    raise TypeError(f"no metric is known for {type(real).__name__}")


def _coverage(fake: Tensor, real: MixtureSamples) -> dict[str, float]:
    coverage = mode_coverage(fake, real.centres, real.std)
    return {
        metric_name("mode-overlap", len(fake)): coverage.overlap,
        metric_name("high-quality", len(fake)): coverage.high_quality,
        metric_name("modes", len(fake)): float(coverage.captured),
    }


def _digits_shown(images: Tensor) -> Tensor:
    """``[N, 3]``: what the classifier takes each channel for."""
    channels = images.flatten(end_dim=1).unsqueeze(1)
    return DigitFeatures().probabilities(channels).argmax(dim=1).view(len(images), -1)


def _triples(shown: Tensor) -> dict[str, float]:
    coverage, network = triple_coverage(shown), DigitFeatures()
    return {
        metric_name("modes", len(shown), network): float(coverage.captured),
        metric_name("kl", len(shown), network): coverage.divergence,
    }


def _distances(network: FeatureNetwork, real: ImageSet, count: int) -> Callable[[Tensor], dict[str, float]]:
    batches = real.pixels.split(_at_once(real.shape))
    reference = torch.cat([network(to_unit(batch)) for batch in batches])
    # The kernel distance's estimator takes equal counts; files in a folder are sorted by class.
    paired = min(len(reference), count, _KERNEL_SAMPLES)
    shuffled = torch.randperm(len(reference), generator=torch.Generator().manual_seed(0))
    few = reference[shuffled[:paired].to(reference.device)]

    def scores(features: Tensor) -> dict[str, float]:
        return {
            metric_name("fd", count, network): frechet_distance(reference, features),
            metric_name("kd", paired, network): kernel_distance(few, features[:paired]),
        }

    return scores


def evaluate(run: Run, folder: Path, samples: int | None = None) -> tuple[int, dict[str, float]]:
    """Measure the last checkpoint of ``run``.

    Args:
        run: what was trained.
        folder: its run folder.
        samples: generated samples, >= 2; the run's ``eval_samples`` without it.

    Returns:
        The checkpoint's step and every metric by its name.

    Raises:
        ValueError: ``samples`` < 2, or the run has no checkpoint yet.
        RuntimeError: every checkpoint is damaged.
    """
    if samples is not None and samples < 2:
        raise ValueError(f"samples must be >= 2, got {samples}")
    if not checkpoints(folder):
        raise ValueError(f"{folder} has no checkpoint yet: train it first")
    real = run.data.load(torch.device(run.device))
    state = initial_state(run, real.shape)
    load_checkpoint(folder, state)
    return state.step, Evaluator(run, real, samples).measure(state.shown())
