"""One arm on one dataset: its runs, the learning rates it tries and the one it chooses.

A grid at whose edge an arm is best has not found the arm's best rate. So one more rate is tried beyond that
edge, and another while the outermost is the best, for every arm alike and up to a bound. Which rates those
are follows from the runs that have ended, so that a study goes on where it was stopped.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paripassu.protocol.study import Arm, Dataset, Scale, rate
from paripassu.records import RECORDS_FILE, Metric
from paripassu.records.codec import end_of, read_records
from paripassu.train import Run

RUNS = "runs"


class UnendedError(RuntimeError):
    """A run was asked for its result before it had one."""


@dataclass(frozen=True)
class Job:
    """One run of a study, where it goes and what asked for it."""

    folder: Path
    run: Run
    command: str

    def has_ended(self) -> bool:
        """Whether nothing of it is left to do."""
        try:
            self.finals()
        except UnendedError:
            return False
        return True

    def finals(self) -> dict[str, float]:
        """The last value of each metric; empty where the run diverged.

        Raises:
            UnendedError: it has not ended.
        """
        return _finals(self.folder)


@dataclass(frozen=True)
class Entry:
    """An arm on a dataset, at one scale of a study.

    Attributes:
        dataset: what is played.
        arm: who plays.
        scale: how many rates, seeds and steps.
        out: the study's folder.
        command: how a person asked for the study, kept in every run.
    """

    dataset: Dataset
    arm: Arm
    scale: Scale
    out: Path
    command: str = ""

    @property
    def steps(self) -> int:
        """Generator updates of each run."""
        return self.scale.steps[self.dataset.name]

    def grid(self) -> list[float]:
        """The learning rates that are tuned on in any case; none where the scale does not tune."""
        return [self._rate(place) for place in self._grid()]

    def rates(self) -> list[float]:
        """Every learning rate to tune on, in order: the grid and those beyond its edges.

        They become more as runs end, and the outermost may not have been run.
        """
        return [self._rate(place) for place in self._places()]

    def chosen(self) -> float:
        """The rate with the best mean on the tuning seeds; a diverged run is worse than any other.

        Raises:
            UnendedError: a tuning run has not ended.
        """
        places = self._places()
        return self._rate(max(places, key=self._mean)) if places else self.dataset.chosen[self.arm.name]

    def tuning(self, lr: float) -> list[Job]:
        """The runs that judge a rate."""
        return self._jobs(lr, self.scale.seeds_to_tune_on)

    def confirmation(self) -> list[Job]:
        """The runs at the chosen rate, which alone are reported.

        Raises:
            UnendedError: a tuning run has not ended.
        """
        return self._jobs(self.chosen(), self.scale.seeds_to_confirm_on)

    def all_tuning(self) -> list[Job]:
        """The runs at all `rates`."""
        return [job for lr in self.rates() for job in self.tuning(lr)]

    def _grid(self) -> range:
        """Half-decades from the grid's centre."""
        half = self.scale.rates // 2
        return range(-half, half + 1) if half else range(0)

    def _places(self) -> range:
        places = self._grid()
        for _ in range(self.scale.beyond if places else 0):
            if not all(job.has_ended() for place in places for job in self.tuning(self._rate(place))):
                break
            best = max(places, key=self._mean)
            if best == places[0]:
                places = range(places[0] - 1, places.stop)
            elif best == places[-1]:
                places = range(places[0], places.stop + 1)
        return places

    def _rate(self, place: int) -> float:
        return rate(self.dataset.centres[self.arm.name], place)

    def _mean(self, place: int) -> float:
        """Of the deciding metric, signed so that higher is better; -inf where a run diverged."""
        jobs = self.tuning(self._rate(place))
        sign, name = self.dataset.sign, self.dataset.metric
        finals = (job.finals() for job in jobs)
        return sum(sign * f[name] if name in f else -math.inf for f in finals) / len(jobs)

    def _jobs(self, lr: float, seeds: Iterable[int]) -> list[Job]:
        runs = [self.dataset.run(self.arm.rule, lr, self.steps, seed) for seed in seeds]
        return [Job(self.out / self._place_of(lr, run), run, self.command) for run in runs]

    def _place_of(self, lr: float, run: Run) -> Path:
        # The key keeps runs apart whose settings a later version of the study has changed.
        slug = self.arm.name.replace(" ", "-")
        return Path(RUNS) / self.dataset.name / slug / f"lr-{lr:g}-seed-{run.seed}-{run.key()}"


@cache
def _finals(folder: Path) -> dict[str, float]:
    # An ended run never changes, so it is read once.
    path = folder / RECORDS_FILE
    records = list(read_records(path)) if path.is_file() else []
    end = end_of(records)
    if end is None:
        raise UnendedError(f"{folder} has not ended: run the study again to finish it")
    last = (r for r in records if isinstance(r, Metric) and r.step == end.step and math.isfinite(r.value))
    return {r.name: r.value for r in last} if end.outcome == "finished" else {}
