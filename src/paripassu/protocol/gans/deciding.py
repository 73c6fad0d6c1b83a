"""A further metric that decides, measured of the last checkpoint of each confirmation run."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


def measurement(folder: Path, run: Run, metric: FeatureMetric) -> Measurement | None:
    """What a `MeasureUnit` left in a run's folder; None for another run or metric, or a damaged file.

    Args:
        folder: the run's.
        run: what was trained there.
        metric: what was measured.
    """
    try:
        stored = unsealed(read_whole(folder / DECIDING_FILE))
    except (OSError, ValueError):
        return None
    if (stored.get("run"), stored.get("metric")) != (run.key(), metric.name):
        return None
    return Measurement(stored["value"], stored["seconds"])


@dataclass(frozen=True)
class MeasureUnit:
    """One run and one metric, as a unit of work.

    Attributes:
        folder: the run's, which has ended.
        run: what was trained there.
        metric: what is measured of its last checkpoint.
    """

    folder: Path
    run: Run
    metric: FeatureMetric

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
            ValueError: the last checkpoint is damaged, or the metric's network is not installed.
        """
        began = time.monotonic()
        try:
            _, values = evaluate(self.run, self.folder, metrics=[self.metric])
        except ValueError as error:
            raise ValueError(f"{error}. If you remove {self.folder}, the study trains it again") from error
        seconds = time.monotonic() - began
        of_run = {"run": self.run.key(), "metric": self.metric.name}
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
        The runs that have ended well without their deciding metric; the seconds that each is expected to
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
            found = measurement(path, job.run, metric) if end and end.finals else None
            if found:
                seconds.append(found.seconds)
            elif end and end.finals:
                missing.append(MeasureUnit(path, job.run, metric))
            left -= bool(found or (end and not end.finals))
    mean = sum(seconds) / len(seconds) if seconds else 0.0
    return missing, [mean] * len(missing), mean * left
