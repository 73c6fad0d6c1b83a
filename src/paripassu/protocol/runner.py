"""Runs any study: do the missing work, then judge and write the result. No work is done twice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from paripassu.engine import Engine, LocalEngine
from paripassu.files import is_empty, locked, write_whole
from paripassu.protocol.study import Study, Unit, Work, too_small
from paripassu.records import STUDY_FILE, Environment, StudyResult, environment
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
) -> StudyResult:
    """Do the missing work of a study in ``out`` and write its ``study.json``.

    Args:
        study: what to run.
        scale: the name of one of its scales.
        out: the study's folder; made if it does not exist.
        command: the command that a person typed, shown on the page.
        engine: where to run; without it, processes on this machine, one per core.
        progress: called with the steps done and all steps that are known to be needed, which may grow.

    Raises:
        ValueError: the study has no such scale, ``out`` holds another study or other files, or the engine is
            not available.
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
        carried_out: set[Path] = set()
        while work.missing:
            _carry_out_all(work, carried_out, engine, progress)
            work = chosen.design.work(out, command)  # results may show that more is needed
        progress(work.done, work.needed)
        return _write_result(study, scale, out, where)


def summarise(study: Study, scale: str, out: Path) -> StudyResult:
    """Write ``study.json`` and the study's tables again, from the runs in ``out``.

    Args:
        study: the study that was run.
        scale: the name of its scale.
        out: the study's folder.

    Raises:
        ValueError: ``out`` holds another study, or this one is not finished.
    """
    chosen = study.scale(scale)
    _check_folder(study, scale, out)
    before = load(out / STUDY_FILE, StudyResult)
    if chosen.design.work(out, before.environment.command).missing:
        raise ValueError(f"{out} is not finished: give its command again to continue where it stopped")
    return _write_result(study, scale, out, before.environment)


def _carry_out_all(work: Work, carried_out: set[Path], engine: Engine, progress: Progress) -> None:
    """Carry out the missing units, and add their paths to ``carried_out``."""
    missing, done, needed = work
    lost = next((unit for unit in missing if unit.path in carried_out), None)
    if lost:
        raise RuntimeError(f"{lost.path} was carried out and has no result: is the folder writable?")
    progress(done, needed)
    for unit, _ in engine.execute(_carry_out, missing):
        carried_out.add(unit.path)
        done += unit.cost
        progress(done, needed)


def _carry_out(unit: Unit) -> None:
    unit.carry_out()


def _write_result(study: Study, scale: str, out: Path, where: Environment) -> StudyResult:
    chosen = study.scale(scale)
    judged = chosen.design.judge(study.claim, out)
    findings = judged.findings
    if not chosen.decides:
        findings = [replace(finding, verdict=too_small(finding.verdict)) for finding in findings]
    result = replace(
        _unfinished(study, scale, where),
        finished=True,
        findings=findings,
        games=judged.games,
        fits=judged.fits,
    )
    before = load(out / STUDY_FILE, StudyResult)
    result = replace(result, remarks=[*_reworded(before, result), *judged.remarks])
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
