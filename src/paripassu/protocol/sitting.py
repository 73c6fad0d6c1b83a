"""One sitting of a study: the missing work is done, all of it or what fits into some minutes."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from paripassu.engine import Engine
from paripassu.evidence.under_way import UnderWay
from paripassu.files import FolderInUseError
from paripassu.protocol.study import Design, Unit, Work
from paripassu.protocol.watch import watched
from paripassu.train import Run
from paripassu.train.memory import MemoryFullError
from paripassu.train.rounds import Rounds
from paripassu.train.shared import SharedData

Progress = Callable[[int, int], object]
"""Takes the number of steps done, and the number of all steps that are known to be needed."""

OfRuns = Callable[[Sequence[UnderWay]], object]
"""Takes the runs that have begun in this sitting."""

Notice = Callable[[str], object]
"""Takes a sentence for a person."""

_GO_ON = "; complete results are kept: fix this and give the same command again"


@runtime_checkable
class RunInRounds(Unit, Protocol):
    """A unit that is one run, whose rounds may alternate with those of others."""

    @property
    def run(self) -> Run:
        """What is trained."""
        ...

    def in_rounds(self, shared: SharedData) -> Rounds[Sequence[str]]:
        """As `carry_out`; others may have their rounds wherever this yields.

        Args:
            shared: data that they share.
        """
        ...


@runtime_checkable
class Timed(Unit, Protocol):
    """A unit that knows how long it will take from units that ended after it was named."""

    def expected_seconds(self) -> float | None:
        """As far as is known now; None if nothing is."""
        ...


@dataclass
class Sitting:
    """The work of one call of `paripassu.protocol.run_study`.

    Attributes:
        design: the study's, at one scale.
        out: the study's folder.
        command: written into every run.
        engine: where to run.
        progress: as in `run_study`.
        of_runs: as in `run_study`.
        notice: as in `run_study`.
        seconds: for which to work; None until all is done.
    """

    design: Design
    out: Path
    command: str
    engine: Engine
    progress: Progress
    of_runs: OfRuns
    notice: Notice
    seconds: float | None
    began: float = field(default_factory=lambda: time.time())
    carried_out: set[Path] = field(default_factory=set[Path])
    _said: Counter[str] = field(default_factory=Counter[str])

    def work_off(self, work: Work) -> int | None:
        """Do the missing work, or what fits into the time; returns the largest budget that is done.

        Args:
            work: all that is missing now.
        """
        try:
            return self._finish(work) if self.seconds is None else self._fill_the_time()
        finally:
            for sentence, count in self._said.items():
                if count > 1:
                    self.notice(f"{count - 1:,} more {'says' if count == 2 else 'say'} the same: {sentence}")

    def _finish(self, work: Work) -> int:
        while work.missing:
            self._carry_out_all(work)
            work = self._work(self.design.budgets[-1])  # results may show that more is needed
        self.progress(work.done, work.needed)
        return self.design.budgets[-1]

    def _fill_the_time(self) -> int | None:
        budget, more = self.design.budgets[0], True
        while more:
            budget = self._affordable(budget)
            work = self._work(budget)
            if work.missing:
                more = self._carry_out_all(work)
            elif budget == self.design.budgets[-1]:
                self.progress(work.done, work.needed)
                return budget
            else:
                more = self._affordable(budget) > budget
        if not self.carried_out:
            self._refuse()
        return reached(self.design, self.out)

    def _work(self, budget: int) -> Work:
        return self.design.work(self.out, self.command, budget)

    def _affordable(self, least: int) -> int:
        """The largest budget whose work is expected to be done in time; at least ``least``."""
        if self._work(least).seconds_left is None:
            return least
        at_once = self.engine.at_once
        larger = [budget for budget in self.design.budgets if budget > least]
        low, high = 0, len(larger)
        while low < high:
            middle = (low + high) // 2
            left = self._work(larger[middle]).seconds_left
            if left is not None and left / at_once <= self._left:
                low = middle + 1
            else:
                high = middle
        return larger[low - 1] if low else least

    @property
    def _left(self) -> float:
        assert self.seconds is not None
        return self.began + self.seconds - time.time()

    def _carry_out_all(self, work: Work) -> bool:
        """Carry out the missing units; False if time ended before all were begun."""
        lost = next((unit for unit in work.missing if unit.path in self.carried_out), None)
        if lost:
            raise RuntimeError(f"{lost.path} was carried out and has no result: is the folder writable?")
        deadline = None if self.seconds is None else self.began + self.seconds
        expected = work.seconds or [0.0] * len(work.missing)
        tasks = [Task(unit, seconds) for unit, seconds in zip(work.missing, expected, strict=True)]
        all_begun = True

        def report(done: int, runs: Sequence[UnderWay]) -> None:
            self.progress(work.done + done, work.needed)
            self.of_runs(runs)

        with watched(work.missing, report) as watch:
            for task, sentences in self.engine.execute(_CarryOut(deadline), tasks):
                if sentences is None:
                    all_begun = False
                    continue
                for sentence in sentences:
                    self._pass_on(task.unit, sentence)
                self.carried_out.add(task.unit.path)
                watch.finish(task.unit)
        return all_begun

    def _pass_on(self, unit: Unit, sentence: str) -> None:
        """Say what a unit said, unless another one said the same: of one data set hundreds may."""
        self._said[sentence] += 1
        if self._said[sentence] == 1:
            self.notice(_naming(unit, sentence))

    def _refuse(self) -> None:
        """Nothing was done: the time is too short for one unit."""
        work = self._work(self.design.budgets[-1])
        assert self.seconds is not None
        if work.missing and work.seconds:
            shortest = min(work.seconds) / 60
            raise ValueError(
                f"{self.seconds / 60:g} minutes are too short: a run takes about {shortest:.2g} here. "
                "Give more, or leave the limit out"
            )


def reached(design: Design, out: Path) -> int | None:
    """The largest budget whose work is done; None if there is none."""
    done = (budget for budget in reversed(design.budgets) if not design.work(out, "", budget).missing)
    return next(done, None)


@dataclass(frozen=True)
class Task:
    """A unit, and the seconds that it is expected to take."""

    unit: Unit
    seconds: float


@dataclass(frozen=True)
class _CarryOut:
    """Carries out a unit; an error's message names it.

    The other units that run then are ended. They are complete, or the same command continues them.

    Attributes:
        deadline: a unit that would end later is not begun, and its result is None.
    """

    deadline: float | None

    def __call__(self, task: Task) -> Sequence[str] | None:
        if self._is_too_late(task):
            return None
        with _named(task.unit):
            return task.unit.carry_out()

    def run_of(self, task: Task) -> Run | None:
        return task.unit.run if isinstance(task.unit, RunInRounds) else None

    def in_rounds(self, task: Task, shared: SharedData) -> Rounds[Sequence[str] | None]:
        assert isinstance(task.unit, RunInRounds)
        if self._is_too_late(task):
            return None
        with _named(task.unit):
            return (yield from task.unit.in_rounds(shared))

    def _is_too_late(self, task: Task) -> bool:
        if self.deadline is None:
            return False
        now_known = task.unit.expected_seconds() if isinstance(task.unit, Timed) else None
        return time.time() + (task.seconds if now_known is None else now_known) > self.deadline


@contextmanager
def _named(unit: Unit) -> Generator[None]:
    """Name the unit in errors."""
    try:
        yield
    except FolderInUseError:
        raise
    except (MemoryFullError, MemoryError) as error:
        # Of its own kind, for a pack can go on with fewer runs.
        raise MemoryFullError(f"{_naming(unit, str(error) or type(error).__name__)}{_GO_ON}") from error
    except ValueError as error:
        raise ValueError(_naming(unit, str(error))) from error
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        raise OSError(f"{_naming(unit, what)}{_GO_ON}") from error
    except RuntimeError as error:
        raise RuntimeError(f"{_naming(unit, str(error))}{_GO_ON}") from error


def _naming(unit: Unit, text: str) -> str:
    return text if str(unit.path) in text else f"{unit.path}: {text}"
