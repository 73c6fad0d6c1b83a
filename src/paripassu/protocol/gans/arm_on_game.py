"""One arm on one game: its runs, the learning rates it tries and the one it chooses.

All of this is computed from the runs that have ended, so a study continues where it was stopped.
"""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from paripassu.evidence.tables import RunEnd, write_run_table
from paripassu.files import FolderInUseError, is_empty, remove
from paripassu.protocol.gans.game import Arm, Game
from paripassu.protocol.search import Search
from paripassu.records import RUN_FILE
from paripassu.train import Run, train
from paripassu.train.folder import header_of

RUNS = "runs"

Ends = Mapping[Path, RunEnd]
"""The ends of runs, by their folders relative to the study's."""

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

    def carry_out(self) -> list[str]:
        """Train, or resume training, and write the table of the records."""
        notices = _begun_anew(self.path)
        deadline = time.monotonic() + _LAPSE
        while True:
            try:
                train(self.run, self.path, command=self.command, notice=notices.append)
            except FolderInUseError:
                # We hold the study's lock, so this lock is from our run on a node that has just died.
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                write_run_table(self.path)
                return [text if str(self.path) in text else f"{self.path}: {text}" for text in notices]


def _begun_anew(folder: Path) -> list[str]:
    """Remove a run that cannot be continued: its settings, which the study knows, are damaged or lost."""
    try:
        is_lost = header_of(folder) is None and folder.is_dir() and not is_empty(folder)
        flaw = f"{folder} has lost its {RUN_FILE}" if is_lost else ""
    except ValueError as error:
        flaw = str(error).partition(":")[0]
    if not flaw:
        return []
    remove(folder)
    return [f"{flaw}: this run was begun anew"]


@dataclass(frozen=True)
class ArmOnGame:
    """An arm on a game, at one scale of a study.

    Attributes:
        arm: both players' update.
        game: what they play.
        steps: generator updates of each run.
        search: for the learning rate.
        tuning_seeds: seeds of the runs that choose a rate.
        confirmation_seeds: seeds of the runs at the chosen rate; only these runs are reported.
        device: of all runs.
    """

    arm: Arm
    game: Game
    steps: int
    search: Search
    tuning_seeds: range
    confirmation_seeds: range
    device: str = "cpu"
    _jobs: dict[tuple[float, int], Job] = field(default_factory=dict[tuple[float, int], Job], compare=False)

    def tried(self, ends: Ends) -> list[float]:
        """Every learning rate to tune on; the outermost may not have run yet."""
        return self.search.tried(lambda lr: self._score(lr, ends))

    def chosen(self, ends: Ends) -> float | None:
        """The rate with the best mean on the tuning seeds; None until all tuning runs have ended.

        A diverged run is worse than any other.
        """
        if not self.search.grid():
            return self.game.chosen.get(self.arm.name, self.search.centre)
        scores = {lr: self._score(lr, ends) for lr in self.tried(ends)}
        known = {lr: score for lr, score in scores.items() if score is not None}
        return max(known, key=lambda lr: known[lr]) if len(known) == len(scores) else None

    def tuning(self, lr: float) -> list[Job]:
        """The tuning runs at one rate."""
        return self._of(lr, self.tuning_seeds)

    def all_tuning(self, ends: Ends) -> list[Job]:
        """The tuning runs at all rates of `tried`."""
        return [job for lr in self.tried(ends) for job in self.tuning(lr)]

    def confirmation(self, ends: Ends) -> list[Job]:
        """The runs at the chosen rate; none until it is chosen."""
        lr = self.chosen(ends)
        return [] if lr is None else self._of(lr, self.confirmation_seeds)

    def jobs(self, ends: Ends) -> list[Job]:
        """All runs that are needed, as far as it follows from those that have ended."""
        return self.all_tuning(ends) + self.confirmation(ends)

    def _score(self, lr: float, ends: Ends) -> float | None:
        """Mean of the deciding metric, signed so that higher is better; -inf if a run diverged."""
        found = [ends.get(job.folder) for job in self.tuning(lr)]
        finals = [end.finals for end in found if end]
        if len(finals) < len(found):
            return None
        name = self.game.metric
        return sum(self.game.sign * f[name] if name in f else -math.inf for f in finals) / len(finals)

    def _of(self, lr: float, seeds: Iterable[int]) -> list[Job]:
        return [self._job(lr, seed) for seed in seeds]

    def _job(self, lr: float, seed: int) -> Job:
        if (lr, seed) not in self._jobs:
            run = replace(self.game.run(self.arm.rule, lr, self.steps, seed), device=self.device)
            slug = self.arm.name.replace(" ", "-")
            # The key separates runs of different versions of the study.
            place = f"lr-{lr:g}-seed-{run.seed}-{run.key()}"
            self._jobs[lr, seed] = Job(Path(RUNS) / self.game.name / slug / place, run)
        return self._jobs[lr, seed]
