"""Runs any study: do the missing work, then judge and write the result. No work is done twice."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from paripassu.engine import Engine, LocalEngine
from paripassu.evidence.under_way import UnderWay
from paripassu.files import NotAFileError, is_empty, locked, write_whole
from paripassu.protocol.sitting import Notice, OfRuns, Progress, Sitting, reached
from paripassu.protocol.study import Study, too_small
from paripassu.records import STUDY_FILE, Environment, StudyResult, environment
from paripassu.records.codec import OtherSchemaError, dump, load

REWORDED = "The study's question, claim, rule or protocol was edited after runs had begun."
RESTORED = f"{STUDY_FILE} was lost and made anew after runs had begun. Its words may have been others before."

_HERE = LocalEngine()


def _no_progress(done: int, needed: int) -> None:
    pass


def _nothing_of_runs(runs: Sequence[UnderWay]) -> None:
    pass


def _no_notice(text: str) -> None:
    pass


def run_study(
    study: Study,
    scale: str,
    out: Path,
    *,
    command: str = "",
    engine: Engine = _HERE,
    progress: Progress = _no_progress,
    of_runs: OfRuns = _nothing_of_runs,
    notice: Notice = _no_notice,
    minutes: float | None = None,
) -> StudyResult:
    """Do the missing work of a study in ``out`` and write its ``study.json``.

    With ``minutes``, the largest part of the work that can be judged by then is done, with the same number of
    trials for every arm. A unit is begun only if it is expected to end in time, by the time of those that
    have ended. The first of a game or a sweep are begun without knowing. A sweep is judged when all its work
    is done. Calling again goes on, and the finished study is the same as one that was never stopped. A call
    that computes nothing keeps the environment and the command that the result has.

    Args:
        study: what to run.
        scale: the name of one of its scales.
        out: the study's folder; made if it does not exist.
        command: the command that a person typed, shown on the page.
        engine: where to run; without it, processes on this machine, one per core.
        progress: called about once a second, in a thread, with the steps done and all steps that are known
            to be needed, which may grow.
        of_runs: called with it, with the training runs that have begun in this call.
        notice: called with what a person should know, such as damage that was mended, one sentence a call.
        minutes: for which to work, > 0; without it, until the study is finished.

    Raises:
        ValueError: the study has no such scale, ``out`` holds another study, a damaged one or other files,
            an extra, data or the engine is not available, no unit ends within ``minutes``, or a unit of work
            cannot be done; the message names it.
        OSError: there is no room, or a file cannot be read or written.
        RuntimeError: a worker process was killed, or another process works in ``out``.
    """
    chosen = study.scale(scale)
    chosen.design.check()
    _check_folder(study, scale, out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        where = environment(command, chosen.design.settings().get("device", "cpu"))
        work = chosen.design.work(out, command)
        is_there = (out / STUDY_FILE).exists()
        if not (work.done and is_there):  # the words may change until the first run
            remarks = [RESTORED] if work.done else []
            write_whole(out / STUDY_FILE, dump(replace(_unfinished(study, scale, where), remarks=remarks)))
        seconds = None if minutes is None else 60 * minutes
        sitting = Sitting(chosen.design, out, command, engine, progress, of_runs, notice, seconds)
        budget = sitting.work_off(work)
        return _write_result(study, scale, out, budget, where if sitting.carried_out else None)


def summarise(study: Study, scale: str, out: Path) -> StudyResult:
    """Write ``study.json`` and the study's tables again, from the runs in ``out``.

    Args:
        study: the study that was run.
        scale: the name of its scale.
        out: the study's folder.

    Raises:
        ValueError: ``out`` holds another study, or too little of this one is done to judge it.
        RuntimeError: another process works in ``out``.
    """
    chosen = study.scale(scale)
    _check_folder(study, scale, out)
    with locked(out):
        if not (out / STUDY_FILE).exists():
            raise ValueError(f"{out} has no {STUDY_FILE}: give the study's command again to make it anew")
        before = load(out / STUDY_FILE, StudyResult)
        budget = reached(chosen.design, out)
        if budget is None:
            missing = chosen.design.work(out, before.environment.command).missing
            raise ValueError(
                f"{out} is not finished ({len(missing):,} units are missing or damaged, {missing[0].path} "
                "among them): give its command again to continue where it stopped"
            )
        return _write_result(study, scale, out, budget)


def _write_result(
    study: Study, scale: str, out: Path, budget: int | None, where: Environment | None = None
) -> StudyResult:
    """Judge and write; without ``where`` nothing was computed, and the file says already where it was."""
    chosen = study.scale(scale)
    before = load(out / STUDY_FILE, StudyResult)
    result = _unfinished(study, scale, where or before.environment)
    remarks = _kept(before, result)
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


def _kept(before: StudyResult, now: StudyResult) -> list[str]:
    """The remarks on the study's words."""
    words = [(r.question, r.claim, r.rule, r.protocol) for r in (before, now)]
    kept = [remark for remark in (RESTORED, REWORDED) if remark in before.remarks]
    return kept if words[0] == words[1] or REWORDED in kept else [*kept, REWORDED]


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
    if (out / STUDY_FILE).exists():
        there, design = _load(out), study.scale(scale).design
        if (there.name, there.scale, there.kind) != (study.name, scale, design.kind):
            raise ValueError(
                f"{out} holds the study {there.name} at scale {there.scale}: "
                f"name another folder for {study.name} at scale {scale}"
            )
        if difference := design.difference(there.settings):
            raise ValueError(
                f"{out} holds {study.name} with other settings ({difference}): name another folder"
            )
    elif out.exists() and not (out.is_dir() and (is_empty(out) or _has_units(study, scale, out))):
        raise ValueError(f"{out} holds files that are no study: name an empty or a new folder")


def _load(out: Path) -> StudyResult:
    """A study's file, which says what the folder is; its results are derived from the units of work."""
    try:
        return load(out / STUDY_FILE, StudyResult)
    except (OtherSchemaError, NotAFileError):
        raise
    except ValueError as error:
        raise ValueError(
            f"{out / STUDY_FILE} is corrupt: restore it, or delete this file alone and give the study's "
            "command again, which makes it anew from the work that is done"
        ) from error


def _has_units(study: Study, scale: str, out: Path) -> bool:
    """Whether units of this study are done in a folder that lacks its study's file."""
    return bool(study.scale(scale).design.work(out, "").done)
