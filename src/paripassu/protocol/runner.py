"""Runs any study: do the missing work, then judge and write the result. No work is done twice."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from paripassu.engine import Engine, LocalEngine
from paripassu.files import is_empty, locked, write_whole
from paripassu.protocol.study import Design, Study, Unit, too_small
from paripassu.records import STUDY_FILE, Environment, StudyResult, environment, usable_cores
from paripassu.records.codec import dump, load

Progress = Callable[[int, int], object]
"""Takes the number of steps done, and the number of all steps that are known to be needed."""

REWORDED = "The study's question, claim, rule or protocol was edited after runs had begun."

_HERE = LocalEngine()


def _no_progress(done: int, needed: int) -> None:
    pass


def run_study(
    study: Study,
    scale: str,
    out: Path,
    *,
    command: str = "",
    engine: Engine = _HERE,
    progress: Progress = _no_progress,
    minutes: float | None = None,
) -> StudyResult:
    """Do the missing work of a study in ``out`` and write its ``study.json``.

    With ``minutes``, the largest part of the work that can be judged by then is done, with the same number of
    trials for every arm. A unit is begun only if it is expected to end in time. Calling again goes on, and
    the finished study is the same as one that was never stopped.

    Args:
        study: what to run.
        scale: the name of one of its scales.
        out: the study's folder; made if it does not exist.
        command: the command that a person typed, shown on the page.
        engine: where to run; without it, processes on this machine, one per core.
        progress: called with the steps done and all steps that are known to be needed, which may grow.
        minutes: for which to work, > 0; without it, until the study is finished.

    Raises:
        ValueError: the study has no such scale, ``out`` holds another study or other files, the engine is
            not available, or no unit ends within ``minutes``.
        RuntimeError: a worker process was killed, or another process works in ``out``.
    """
    chosen = study.scale(scale)
    _check_folder(study, scale, out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        where = environment(command, chosen.design.settings().get("device", "cpu"))
        work = chosen.design.work(out, command)
        if not (work.done and (out / STUDY_FILE).exists()):  # the words may change until the first run
            write_whole(out / STUDY_FILE, dump(_unfinished(study, scale, where)))
        shift = _Shift(
            chosen.design, out, command, engine, progress, None if minutes is None else 60 * minutes
        )
        return _write_result(study, scale, out, where, shift.work_off())


def summarise(study: Study, scale: str, out: Path) -> StudyResult:
    """Write ``study.json`` and the study's tables again, from the runs in ``out``.

    Args:
        study: the study that was run.
        scale: the name of its scale.
        out: the study's folder.

    Raises:
        ValueError: ``out`` holds another study, or too little of this one is done to judge it.
    """
    design = study.scale(scale).design
    _check_folder(study, scale, out)
    before = load(out / STUDY_FILE, StudyResult)
    budget = _reached(design, out)
    if budget is None:
        raise ValueError(f"{out} is not finished: give its command again to continue where it stopped")
    return _write_result(study, scale, out, before.environment, budget)


@dataclass
class _Shift:
    """The work of one call of `run_study`.

    Attributes:
        design: the study's, at one scale.
        out: the study's folder.
        command: written into every run.
        engine: where to run.
        progress: as in `run_study`.
        seconds: for which to work; None until all is done.
    """

    design: Design
    out: Path
    command: str
    engine: Engine
    progress: Progress
    seconds: float | None
    began: float = field(default_factory=lambda: time.time())
    carried_out: set[Path] = field(default_factory=set[Path])

    def work_off(self) -> int | None:
        """Do the missing work, or what fits into the time; returns the largest budget that is done."""
        budgets = self.design.budgets
        budget = budgets[-1] if self.seconds is None else budgets[0]
        while True:
            if self.seconds is not None:
                budget = self._affordable(budget)
            work = self.design.work(self.out, self.command, budget)
            if not work.missing:
                if budget == budgets[-1]:
                    self.progress(work.done, work.needed)
                    return budget
                if self._affordable(budget) == budget:
                    break
            elif not self._carry_out_all(budget):
                break
        if not self.carried_out:
            self._refuse()
        return _reached(self.design, self.out)

    def _affordable(self, least: int) -> int:
        """The largest budget whose work is expected to be done in time; at least ``least``."""
        known = self.design.work(self.out, self.command, least)
        if known.seconds_left is None:
            return least
        cores = getattr(self.engine, "workers", None) or usable_cores()
        fitting = [budget for budget in self.design.budgets if budget > least]
        low, high = 0, len(fitting)
        while low < high:
            middle = (low + high) // 2
            left = self.design.work(self.out, self.command, fitting[middle]).seconds_left
            if left is not None and left / cores <= self._left:
                low = middle + 1
            else:
                high = middle
        return fitting[low - 1] if low else least

    @property
    def _left(self) -> float:
        assert self.seconds is not None
        return self.began + self.seconds - time.time()

    def _carry_out_all(self, budget: int) -> bool:
        """Carry out the missing units of a budget; False if time ended before all were begun."""
        work = self.design.work(self.out, self.command, budget)
        lost = next((unit for unit in work.missing if unit.path in self.carried_out), None)
        if lost:
            raise RuntimeError(f"{lost.path} was carried out and has no result: is the folder writable?")
        self.progress(work.done, work.needed)
        deadline = None if self.seconds is None else self.began + self.seconds
        expected = work.seconds or [0.0] * len(work.missing)
        tasks = [_Task(unit, seconds) for unit, seconds in zip(work.missing, expected, strict=True)]
        done, all_begun = work.done, True
        for task, begun in self.engine.execute(partial(_carry_out, deadline), tasks):
            if begun:
                self.carried_out.add(task.unit.path)
                done += task.unit.cost
                self.progress(done, work.needed)
            all_begun &= begun
        return all_begun

    def _refuse(self) -> None:
        """Nothing was done: the time is too short for one unit."""
        work = self.design.work(self.out, self.command, self.design.budgets[-1])
        assert self.seconds is not None
        if work.missing and work.seconds:
            longest = min(work.seconds) / 60
            raise ValueError(
                f"{self.seconds / 60:g} minutes are too short: a run takes about {longest:.2g} minutes here. "
                "Give more, or leave the limit out"
            )


@dataclass(frozen=True)
class _Task:
    """A unit, and the seconds that it is expected to take."""

    unit: Unit
    seconds: float


def _carry_out(deadline: float | None, task: _Task) -> bool:
    """Carry out a unit; does nothing and returns False if it would end after the deadline."""
    if deadline is not None and time.time() + task.seconds > deadline:
        return False
    task.unit.carry_out()
    return True


def _reached(design: Design, out: Path) -> int | None:
    """The largest budget whose work is done; None if there is none."""
    done = (budget for budget in reversed(design.budgets) if not design.work(out, "", budget).missing)
    return next(done, None)


def _write_result(study: Study, scale: str, out: Path, where: Environment, budget: int | None) -> StudyResult:
    chosen = study.scale(scale)
    before = load(out / STUDY_FILE, StudyResult)
    result = _unfinished(study, scale, where)
    remarks = _reworded(before, result)
    if budget is not None:
        judged = chosen.design.judge(study.claim, out, budget)
        findings = judged.findings
        if not chosen.decides:
            findings = [replace(finding, verdict=too_small(finding.verdict)) for finding in findings]
        finished = budget == chosen.design.budgets[-1]
        result = replace(
            result,
            finished=finished,
            reached="" if finished else chosen.design.reached(budget),
            findings=findings,
            games=judged.games,
            fits=judged.fits,
        )
        remarks += judged.remarks
    result = replace(result, remarks=remarks)
    write_whole(out / STUDY_FILE, dump(result))
    return result


def _reworded(before: StudyResult, now: StudyResult) -> list[str]:
    words = [(r.question, r.claim, r.rule, r.protocol) for r in (before, now)]
    return [REWORDED] if REWORDED in before.remarks or words[0] != words[1] else []


def _unfinished(study: Study, scale: str, where: Environment) -> StudyResult:
    """The result of a study that has only begun."""
    chosen = study.scale(scale)
    design = chosen.design
    return StudyResult(
        name=study.name,
        scale=scale,
        kind=design.kind,
        question=study.question,
        claim=study.claim,
        rule=study.rule,
        protocol=design.protocol,
        settings=design.settings(),
        cut=list(chosen.cut),
        decides=chosen.decides,
        finished=False,
        environment=where,
    )


def _check_folder(study: Study, scale: str, out: Path) -> None:
    if (out / STUDY_FILE).is_file():
        there, design = load(out / STUDY_FILE, StudyResult), study.scale(scale).design
        if (there.name, there.scale, there.kind) != (study.name, scale, design.kind):
            raise ValueError(
                f"{out} holds the study {there.name} at scale {there.scale}: "
                f"name another folder for {study.name} at scale {scale}"
            )
        if difference := design.difference(there.settings):
            raise ValueError(
                f"{out} holds {study.name} with other settings ({difference}): name another folder"
            )
    elif out.exists() and not (out.is_dir() and is_empty(out)):
        raise ValueError(f"{out} holds files that are no study: name an empty or a new folder")
