"""Measurements and pictures of a generator, for the data it was trained on."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path

import torch
from torch import Tensor, nn

from paripassu.data import Samples
from paripassu.files import AnyPath
from paripassu.metrics import FeatureMetric
from paripassu.models import given
from paripassu.train import pictures
from paripassu.train.checkpoint import restore
from paripassu.train.classes import why_not_by_class
from paripassu.train.device import check_device
from paripassu.train.folder import check_images, data_of, header_of
from paripassu.train.measures import NotFiniteError, Progress, check_finite, measure_for, no_progress
from paripassu.train.memory import data_fit, measuring_fits, networks_fit
from paripassu.train.precision import eagerly
from paripassu.train.random import Stream, generator, seeded
from paripassu.train.reference import at_once
from paripassu.train.resume import Notice, to_measure
from paripassu.train.run import LARGEST, Run
from paripassu.train.state import initial_state
from paripassu.train.trial import own_errors
from paripassu.train.world import own_world

_SHOWN = 25  # images in a picture
_POINTS = 2500  # points in a picture
_CLASSES, _OF_CLASS = 10, 8  # rows and columns of a picture of classes


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
            NotFiniteError: a sample, a feature or a metric is not finite.
            RuntimeError: the GPU has too little memory for it.
        """
        with measuring_fits(self._run, self._real.shape):
            return self._measure(partial(self._generate, network, stream=Stream.EVALUATION))

    def draw(self, network: nn.Module, path: Path) -> bool:
        """Write a picture of samples as PNG: a grid of images, or points in the plane.

        Where there are classes, each of the first ten has a row, and each column has the same latents.

        Returns:
            Whether there is a picture: samples of other shapes have none.

        Raises:
            NotFiniteError: a sample is not finite.
            RuntimeError: the GPU has too little memory for it.
        """

        def samples(count: int, label: int | None = None) -> Tensor:
            return torch.cat([*self._generate(network, count, label, stream=Stream.PICTURES)])

        return self._draw(samples, path)

    def draw_real(self, path: Path) -> bool:
        """As `draw`, of the data: what samples should look like."""
        return self._draw(self._drawn, path)

    def _draw(self, samples: Callable[..., Tensor], path: Path) -> bool:
        with measuring_fits(self._run, self._real.shape):
            if self._real.shape == (2,):
                modes = self._real.modes
                centres = modes.centres if modes else self._drawn(_POINTS)
                pictures.scatter(samples(_POINTS), centres, path, rings=bool(modes))
                return True
            if len(self._real.shape) == 3 and self._real.shape[0] in (1, 3):
                if classes := range(min(len(self._real.classes), _CLASSES)):
                    pictures.grid(torch.cat([samples(_OF_CLASS, each) for each in classes]), path, _OF_CLASS)
                else:
                    pictures.grid(samples(_SHOWN), path)
                return True
        return False

    def _drawn(self, count: int, label: int | None = None) -> Tensor:
        device = torch.device(self._run.device)
        rng = generator(self._run.seed, Stream.PICTURES, 2, device)
        if label is None or self._real.images is None:
            return self._real.draw(count, rng)
        return self._real.images.of_class(label).draw(count, rng)

    @torch.no_grad()
    def _generate(
        self, network: nn.Module, count: int, label: int | None = None, *, stream: Stream
    ) -> Iterator[Tensor]:
        device = torch.device(self._run.device)
        rng = generator(self._run.seed, stream, 0, device)
        latents = torch.randn((count, self._run.model.latent), generator=rng, device=device)
        labels = self._labels(count, label, rng)
        was_training = network.training
        network.eval()
        done = 0
        try:
            with seeded(self._run.seed, stream, 1, device):
                together = at_once(self._real.shape)
                parts = repeat(None) if labels is None else labels.split(together)
                for z, of_z in zip(latents.split(together), parts, strict=False):
                    with eagerly(self._run):
                        images = given(network, of_z)(z)
                    yield check_finite("a generated sample", images)
                    done += len(z)
                    if stream is Stream.EVALUATION:
                        self._progress("generated samples", done, count)
        finally:
            network.train(was_training)

    def _labels(self, count: int, label: int | None, rng: torch.Generator) -> Tensor | None:
        """All ``label``, or as frequent as in the data; None where the data have none."""
        if label is None:
            return self._real.draw_labels(count, rng)
        return torch.full((count,), label, device=rng.device)


def evaluate(
    run: Run,
    folder: AnyPath,
    samples: int | None = None,
    metrics: Sequence[FeatureMetric] = (),
    progress: Progress = no_progress,
    *,
    step: int | None = None,
    notice: Notice = lambda _: None,
) -> tuple[int, dict[str, float]]:
    """Measure the last checkpoint of ``run`` in ``folder``; nothing is written there.

    Args:
        run: what was trained, or that run on another device.
        folder: its run folder.
        samples: generated samples of what the training measured, >= 2; the run's ``eval_samples`` without
            it.
        metrics: what to measure instead; they say how many samples themselves.
        progress: called with each stage and how many of its samples are done.
        step: of the checkpoint; the last one without it.
        notice: called with a sentence if no class is measured alone, though the data have classes.

    Returns:
        The checkpoint's step and every metric by its name.

    Raises:
        ValueError: ``samples`` < 2, a device that is not there, metrics that do not fit the data or whose
            network is missing, or the run began with other images; it has no checkpoint yet, or the last one
            is damaged (an earlier one is measured only if ``step`` names it), or something of it is not
            finite.
        RuntimeError: the memory is too small.
    """
    folder = Path(folder)
    if samples is not None and not 2 <= samples < LARGEST:
        raise ValueError(f"samples must be >= 2 and below 2^63, got {samples}")
    check_device(run.device)
    path = to_measure(folder, step)
    header = header_of(folder)
    with own_world(run, header.threads if header else None):
        with data_fit(run), own_errors(run):
            real = data_of(run, folder).load(torch.device(run.device))
        check_images(real.images, folder)
        count = samples or run.eval_samples
        if real.images and not metrics and (why := why_not_by_class(real.images, count)):
            notice(why)
        with networks_fit(run, real.shape), own_errors(run):
            state = initial_state(run, real.shape, len(real.classes))
            restore(path, state)
        try:
            values = Evaluator(run, real, samples, metrics, progress).measure(state.shown())
        except NotFiniteError as error:
            raise ValueError(f"{error} at step {state.step} of {folder}: the run diverged") from error
        return state.step, values
