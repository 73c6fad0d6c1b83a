"""One arm on one game: its runs, the settings that it tries and those that it chooses.

All of this is computed from the runs that have ended, so a study continues where it was stopped.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from paripassu.evidence.tables import RunEnd, run_ends, write_run_table
from paripassu.files import FolderInUseError, is_empty, remove
from paripassu.metrics import better
from paripassu.protocol.gans.game import Arm, Game
from paripassu.protocol.gans.tuning import Tuning
from paripassu.records import RUN_FILE, Settings
from paripassu.records.codec import OtherSchemaError
from paripassu.train import Run, training
from paripassu.train.folder import header_of
from paripassu.train.rounds import Rounds, finished
from paripassu.train.shared import SharedData
from paripassu.train.world import one_world

RUNS = "runs"

Ends = Mapping[Path, RunEnd]
"""The ends of runs, by their folders relative to the study's."""

_FIRST_TUNING_SEED = 0
_LAPSE = 120.0  # seconds for which a shared file system may keep the lock of a node that died


@dataclass(frozen=True)
class Job:
    """A run of a study, and its folder relative to the study's."""

    folder: Path
    run: Run


@dataclass(frozen=True)
class RunUnit:
    """A run as a unit of work, and the command that a person typed for it."""

    path: Path
    run: Run
    command: str

    @property
    def cost(self) -> int:
        """Generator updates."""
        return self.run.steps

    @property
    def runs(self) -> list[Path]:
        """Its own folder."""
        return [self.path]

    def carry_out(self) -> list[str]:
        """Train, or resume training, and write the table of the records."""
        with one_world(self.run):
            return finished(self.in_rounds())

    def in_rounds(self, shared: SharedData | None = None) -> Rounds[list[str]]:
        """As `carry_out`, in the world of all runs that have their rounds in turn."""
        notices = _begun_anew(self.path)
        deadline = time.monotonic() + _LAPSE
        while True:
            try:
                yield from training(
                    self.run, self.path, command=self.command, notice=notices.append, shared=shared
                )
            except FolderInUseError:
                # We hold the study's lock, so this lock is from our run on a node that has just died.
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
                yield
            else:
                write_run_table(self.path)
                return notices


def _begun_anew(folder: Path) -> list[str]:
    """Remove a run that cannot be continued: its settings, which the study knows, are damaged or lost."""
    try:
        is_lost = header_of(folder) is None and folder.is_dir() and not is_empty(folder)
        flaw = f"{folder} has lost its {RUN_FILE}" if is_lost else ""
    except OtherSchemaError:
        raise
    except ValueError as error:
        flaw = str(error).partition(":")[0]
    if not flaw:
        return []
    remove(folder)
    return [f"{flaw}: this run was begun anew"]


@dataclass(frozen=True)
class ArmOnGame:
    """An arm on a game, at one scale of a study.

    A *budget* is the number of trials that count.

    Attributes:
        arm: both players' update.
        game: what they play.
        steps: generator updates of each run but for trials, which may be shorter.
        tuning: how settings are chosen; None if they are given.
        confirmation_seeds: seeds of the runs with the chosen settings; only these runs are reported.
        device: of all runs.
    """

    arm: Arm
    game: Game
    steps: int
    tuning: Tuning | None
    confirmation_seeds: range
    device: str = "cpu"
    _jobs: dict[tuple[Settings, int, int], Job] = field(
        default_factory=dict[tuple[Settings, int, int], Job], compare=False
    )

    @property
    def centre(self) -> float:
        """Middle of the range of the generator's rate."""
        return self.game.centres[self.arm.name]

    @cached_property
    def points(self) -> list[Settings]:
        """The points of all trials, in order; none without tuning."""
        return self.tuning.space.trials(self.centre, self.tuning.trials) if self.tuning else []

    def trials(self, budget: int) -> list[Job]:
        """Each trial's run on the first tuning seed."""
        return [self._job(point, _FIRST_TUNING_SEED, self.trial_steps) for point in self.points[:budget]]

    def finalists(self, ends: Ends, budget: int) -> list[Settings] | None:
        """The best trials, best first; None until all trials have ended."""
        trials = self.trials(budget)
        if self.tuning is None or not all(job.folder in ends for job in trials):
            return None
        worst = worst_values(trials, ends)
        ranks = [self._rank([job], ends, worst) for job in trials]
        order = sorted(range(len(ranks)), key=lambda place: ranks[place], reverse=True)
        return [self.points[place] for place in order[: self.tuning.finalists]]

    def again(self, settings: Settings) -> list[Job]:
        """A finalist's runs on the further tuning seeds, as long as those that confirm."""
        first = _FIRST_TUNING_SEED + 1
        seeds = range(first, first + (self.tuning.seeds if self.tuning else 0))
        return [self._job(settings, seed, self.steps) for seed in seeds]

    def chosen(self, ends: Ends, budget: int) -> Settings | None:
        """The finalist with the best mean on the further seeds; None until all tuning runs have ended.

        A diverged run has the worst value of the arm's own tuning runs: others may not have ended yet.
        """
        if self.tuning is None:
            chosen = self.game.chosen.get(self.arm.name)
            return chosen or Settings(self.centre, self.centre, "linear")
        finalists = self.finalists(ends, budget)
        if not finalists or not self.tuning.seeds:
            return finalists[0] if finalists else None
        again = {each: self.again(each) for each in finalists}
        tuned = [*self.trials(budget), *(job for jobs in again.values() for job in jobs)]
        if not all(job.folder in ends for job in tuned):
            return None
        worst = worst_values(tuned, ends)
        return max(finalists, key=lambda each: self._rank(again[each], ends, worst))

    def confirmation(self, ends: Ends, budget: int) -> list[Job]:
        """The runs with the chosen settings; none until they are chosen."""
        chosen = self.chosen(ends, budget)
        return (
            []
            if chosen is None
            else [self._job(chosen, seed, self.steps) for seed in self.confirmation_seeds]
        )

    def jobs(self, ends: Ends, budget: int) -> list[Job]:
        """All runs that are needed, as far as it follows from those that have ended."""
        finalists = self.finalists(ends, budget) or []
        # Seed by seed, so that wherever the study stops all finalists have had the same seeds.
        by_seed = zip(*(self.again(each) for each in finalists), strict=True)
        return [
            *self.trials(budget),
            *(job for of_seed in by_seed for job in of_seed),
            *self.confirmation(ends, budget),
        ]

    def steps_needed(self, budget: int) -> int:
        """Generator updates of all runs of a budget."""
        again = self.tuning.runs_again(budget) if self.tuning else 0
        return budget * self.trial_steps + (again + len(self.confirmation_seeds)) * self.steps

    @property
    def trial_steps(self) -> int:
        """Generator updates of each trial."""
        return max(1, round(self.steps * self.tuning.share)) if self.tuning else self.steps

    def _rank(self, jobs: Sequence[Job], ends: Ends, worst: Mapping[str, float]) -> tuple[float, int]:
        """Mean score and, between equal ones, the number of runs that finished. Higher is better."""
        name = self.game.metric
        finished = sum(bool(ends[job.folder].finals) for job in jobs)
        if name not in worst:  # every run diverged before it was measured
            return -math.inf, finished
        scores = map(self.game.score, values_of(name, jobs, ends, worst))
        return sum(scores) / len(jobs), finished

    def _job(self, settings: Settings, seed: int, steps: int) -> Job:
        key = (settings, seed, steps)
        if key not in self._jobs:
            run = replace(self.game.run(self.arm.rule, settings, steps, seed), device=self.device)
            # The key separates runs of different versions of the study.
            rates = f"lr-{settings.lr_g:g}-{settings.lr_d:g}-{settings.decay}"
            place = f"{rates}-seed-{run.seed}-{run.key()}"
            self._jobs[key] = Job(Path(RUNS) / self.game.name / folder_name(self.arm.name) / place, run)
        return self._jobs[key]


def folder_name(name: str) -> str:
    """The name of an arm's folder."""
    return name.replace(" ", "-")


def worst_values(jobs: Iterable[Job], ends: Ends) -> dict[str, float]:
    """The worst value of each metric in any of some runs that have ended, at any step.

    Args:
        jobs: the runs.
        ends: of all runs.
    """
    found: dict[str, list[float]] = {}
    for job in jobs:
        for name, value in ends[job.folder].worst.items():
            found.setdefault(name, []).append(value)
    return {
        name: min(found[name]) if better(name) == "higher" else max(found[name]) for name in sorted(found)
    }


def values_of(name: str, jobs: Iterable[Job], ends: Ends, worst: Mapping[str, float]) -> list[float]:
    """A metric's value at the end of each run. A run that diverged has the worst value.

    Args:
        name: the metric's.
        jobs: runs that have ended.
        ends: of all runs.
        worst: of each metric, from `worst_values`.
    """
    return [ends[job.folder].finals.get(name, worst[name]) for job in jobs]


def ends_in(folder: Path) -> Ends:
    """The runs in a study's folder that have ended; a damaged one has not, and is trained again.

    A run counts only in a folder that its key names, so that no run stands for another one.
    """
    ends: dict[Path, RunEnd] = {}
    for path in sorted(folder.glob(f"{RUNS}/*/*/*")):
        with suppress(ValueError):
            (end,) = run_ends([path])
            header = header_of(path)  # a table alone does not say whose run it is of
            if end and header and path.name.endswith(f"-{header.key}"):
                ends[path.relative_to(folder)] = end
    return ends


def check_own(job: Job, folder: Path) -> None:
    """Raise ``ValueError`` if the folder of a run holds another one; a damaged header says nothing.

    Args:
        job: the run.
        folder: the study's.
    """
    path = folder / job.folder
    header = None
    with suppress(ValueError):
        header = header_of(path)
    if header and header.key != job.run.key():
        raise ValueError(
            f"{path} holds another run, {header.key or 'one without a key'}: bring back the study's own, or "
            "remove this folder, and the study trains it again"
        )
