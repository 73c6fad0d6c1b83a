"""A further metric that decides, measured of the last checkpoint of each confirmation run.

A run that diverged has the metric of its untrained networks measured instead, from its first checkpoint. So
it is known what a generator is worth that has learned nothing, and a diverged run counts as no better.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paripassu.evidence.tables import RunEnd
from paripassu.files import read_whole, sealed, unsealed, write_whole
from paripassu.metrics import FeatureMetric
from paripassu.protocol.gans.arm_on_game import ArmOnGame, Ends
from paripassu.train import Run, evaluate

DECIDING_FILE = "deciding.json"


@dataclass(frozen=True)
class Measurement:
    """A run's value of a metric.

    Attributes:
        value: of the metric, finite.
        seconds: that measuring took.
    """

    value: float
    seconds: float


def step_measured(end: RunEnd) -> int | None:
    """The step of the checkpoint that is measured: 0 of a run that diverged; None is the last one.

    Args:
        end: how the run ended.
    """
    return None if end.finals else 0


def measurement(folder: Path, run: Run, metric: FeatureMetric, step: int | None) -> Measurement | None:
    """What a `MeasureUnit` left in a run's folder; None for another run, metric or step, or a damaged file.

    Args:
        folder: the run's.
        run: what was trained there.
        metric: what was measured.
        step: of the checkpoint; None is the last one.
    """
    try:
        stored = unsealed(read_whole(folder / DECIDING_FILE))
    except (OSError, ValueError):
        return None
    if (stored.get("run"), stored.get("metric"), stored.get("step")) != (run.key(), metric.name, step):
        return None
    return Measurement(stored["value"], stored["seconds"])


@dataclass(frozen=True)
class MeasureUnit:
    """One run and one metric, as a unit of work.

    Attributes:
        folder: the run's, which has ended.
        run: what was trained there.
        metric: what is measured of a checkpoint.
        step: of the checkpoint; None is the last one.
    """

    folder: Path
    run: Run
    metric: FeatureMetric
    step: int | None

    @property
    def cost(self) -> int:
        """No generator updates."""
        return 0

    @property
    def path(self) -> Path:
        """The file with the value."""
        return self.folder / DECIDING_FILE

    @property
    def runs(self) -> Sequence[Path]:
        """None: it trains nothing."""
        return []

    def carry_out(self) -> list[str]:
        """Measure, and write the file.

        Raises:
            ValueError: the checkpoint is lost or damaged, or the metric's network is not installed.
        """
        began = time.monotonic()
        try:
            _, values = evaluate(self.run, self.folder, metrics=[self.metric], step=self.step)
        except ValueError as error:
            raise ValueError(f"{error}. If you remove {self.folder}, the study trains it again") from error
        seconds = time.monotonic() - began
        of_run: dict[str, Any] = {"run": self.run.key(), "metric": self.metric.name}
        if self.step is not None:
            of_run["step"] = self.step
        write_whole(self.path, sealed(of_run | {"value": values[self.metric.name], "seconds": seconds}))
        return []


def measurements_left(
    arms: Sequence[ArmOnGame], folder: Path, ends: Ends, budget: int
) -> tuple[list[MeasureUnit], list[float], float]:
    """What is left to measure of confirmation runs.

    Args:
        arms: of a study, on its games.
        folder: the study's.
        ends: of all runs.
        budget: number of trials that count.

    Returns:
        The runs that have ended without their deciding metric; the seconds that each is expected to
        take, and those of all that are left, runs that have not ended included. They are 0 while nothing is
        measured.
    """
    missing: list[MeasureUnit] = []
    seconds: list[float] = []
    left = 0
    for each in arms:
        metric = each.game.judged_by
        if metric is None:
            continue
        left += len(each.confirmation_seeds)
        for job in each.confirmation(ends, budget):
            path, end = folder / job.folder, ends.get(job.folder)
            if not end:
                continue
            step = step_measured(end)
            if step == end.step:  # it diverged at once, and has no checkpoint
                left -= 1
            elif found := measurement(path, job.run, metric, step):
                seconds.append(found.seconds)
                left -= 1
            else:
                missing.append(MeasureUnit(path, job.run, metric, step))
    mean = sum(seconds) / len(seconds) if seconds else 0.0
    return missing, [mean] * len(missing), mean * left
