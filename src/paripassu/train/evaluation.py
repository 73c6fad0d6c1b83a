"""Measurements and pictures of a generator, for the data it was trained on."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from paripassu.data import Digits, ImageSet, MixtureSamples, Samples
from paripassu.metrics import (
    DigitFeatures,
    FeatureNetwork,
    PixelFeatures,
    frechet_distance,
    kernel_distance,
    mode_coverage,
)
from paripassu.train import pictures
from paripassu.train.random import Stream, generator
from paripassu.train.run import Run

_BATCH = 500  # samples generated at once: bounds memory, changes no value
_SHOWN = 64  # images in a picture
_POINTS = 2500  # points in a picture

Measure = Callable[[Tensor], dict[str, float]]


class Evaluator:
    """Measures generators of one run against its data, always at the same latents.

    Points are measured by the modes they reach, digits by Fréchet and kernel distance on the digit
    classifier's features, other images on 8 x 8 pixels, for no network of ours fits them.
    """

    def __init__(self, run: Run, real: Samples, samples: int | None = None) -> None:
        """``samples`` replaces the run's ``eval_samples``."""
        self._run, self._real = run, real
        self._count = samples or run.eval_samples
        self._measure = _measure(run, real, self._count)

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Every metric by its name."""
        return self._measure(self._generate(network, self._count, Stream.EVALUATION))

    def draw(self, network: nn.Module, path: Path) -> None:
        """Write a picture of samples as PNG."""
        if isinstance(self._real, MixtureSamples):
            points = self._generate(network, _POINTS, Stream.PICTURES)
            pictures.scatter(points, self._real.centres, path)
        else:
            pictures.grid(self._generate(network, _SHOWN, Stream.PICTURES), path)

    @torch.no_grad()
    def _generate(self, network: nn.Module, count: int, stream: Stream) -> Tensor:
        rng = generator(self._run.seed, stream, 0, torch.device(self._run.device))
        latents = torch.randn((count, self._run.model.latent), generator=rng, device=self._run.device)
        was_training = network.training
        network.eval()
        try:
            return torch.cat([network(z) for z in latents.split(_BATCH)])
        finally:
            network.train(was_training)


def _measure(run: Run, real: Samples, count: int) -> Measure:
    if isinstance(real, MixtureSamples):
        return lambda fake: _coverage(fake, real)
    if isinstance(real, ImageSet):
        return _distances(
            DigitFeatures() if isinstance(run.data, Digits) else PixelFeatures(), real.all(), count
        )
    raise TypeError(f"no metric is known for {type(real).__name__}")


def _coverage(fake: Tensor, real: MixtureSamples) -> dict[str, float]:
    coverage = mode_coverage(fake, real.centres, real.std)
    return {
        f"mode-overlap@{len(fake)}": coverage.overlap,
        f"high-quality@{len(fake)}": coverage.high_quality,
        f"modes@{len(fake)}": float(coverage.captured),
    }


def _distances(network: FeatureNetwork, real: Tensor, count: int) -> Measure:
    reference = network(real)

    def measure(fake: Tensor) -> dict[str, float]:
        features = network(fake)
        return {
            f"fd-{network.name}@{count}": frechet_distance(reference, features),
            f"kd-{network.name}@{count}": kernel_distance(reference, features),
        }

    return measure
