"""Measurements and pictures of a generator, for the data it was trained on."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from paripassu.data import Samples
from paripassu.metrics import FeatureMetric
from paripassu.train import pictures
from paripassu.train.checkpoint import checkpoints, load_checkpoint
from paripassu.train.device import check_device
from paripassu.train.folder import check_images, data_of
from paripassu.train.measures import Progress, measure_for, no_progress
from paripassu.train.memory import data_fit, measuring_fits, networks_fit
from paripassu.train.precision import eagerly
from paripassu.train.random import Stream, generator, seeded
from paripassu.train.reference import at_once
from paripassu.train.run import Run
from paripassu.train.state import initial_state
from paripassu.train.trial import own_errors

_SHOWN = 64  # images in a picture
_POINTS = 2500  # points in a picture


class Evaluator:
    """Measures and draws generators of one run against its data, always at the same latents.

    `paripassu.train.measures` says what is measured. None of it needs a download unless ``metrics`` do.
    """

    def __init__(
        self,
        run: Run,
        real: Samples,
        samples: int | None = None,
        metrics: Sequence[FeatureMetric] = (),
        progress: Progress = no_progress,
    ) -> None:
        """``samples`` replaces the run's ``eval_samples``, ``metrics`` what is measured without them.

        Raises:
            ValueError: the metrics do not fit the data.
        """
        self._run, self._real, self._progress = run, real, progress
        self._measure = measure_for(run, real, samples or run.eval_samples, tuple(metrics), progress)

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Every metric by its name.

        Raises:
            RuntimeError: the GPU has too little memory for it.
        """
        with measuring_fits(self._run, self._real.shape):
            return self._measure(partial(self._generate, network, stream=Stream.EVALUATION))

    def draw(self, network: nn.Module, path: Path) -> bool:
        """Write a picture of samples as PNG: a grid of images, or points in the plane.

        Returns:
            Whether there is a picture: samples of other shapes have none.

        Raises:
            RuntimeError: the GPU has too little memory for it.
        """
        with measuring_fits(self._run, self._real.shape):
            if self._real.shape == (2,):
                points = torch.cat([*self._generate(network, _POINTS, Stream.PICTURES)])
                modes = self._real.modes
                pictures.scatter(points, modes.centres if modes else self._drawn(), path, rings=bool(modes))
                return True
            if len(self._real.shape) == 3 and self._real.shape[0] in (1, 3):
                pictures.grid(torch.cat([*self._generate(network, _SHOWN, Stream.PICTURES)]), path)
                return True
        return False

    def _drawn(self) -> Tensor:
        device = torch.device(self._run.device)
        return self._real.draw(_POINTS, generator(self._run.seed, Stream.PICTURES, 2, device))

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


def evaluate(
    run: Run,
    folder: Path,
    samples: int | None = None,
    metrics: Sequence[FeatureMetric] = (),
    progress: Progress = no_progress,
) -> tuple[int, dict[str, float]]:
    """Measure the last checkpoint of ``run`` in ``folder``; nothing is written there.

    Args:
        run: what was trained, or that run on another device.
        folder: its run folder.
        samples: generated samples of what the training measured, >= 2; the run's ``eval_samples`` without
            it.
        metrics: what to measure instead; they say how many samples themselves.
        progress: called with each stage and how many of its samples are done.

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
    with data_fit(run), own_errors(run):
        real = data_of(run, folder).load(torch.device(run.device))
    check_images(real.images, folder)
    with networks_fit(run, real.shape), own_errors(run):
        state = initial_state(run, real.shape)
        load_checkpoint(folder, state)
    return state.step, Evaluator(run, real, samples, metrics, progress).measure(state.shown())
