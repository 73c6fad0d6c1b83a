"""Running a study: tuning, choosing, confirming, summing up. What is done is never done again."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby, zip_longest
from pathlib import Path

from paripassu.engine import Engine, LocalEngine
from paripassu.evidence.intervals import estimate
from paripassu.files import FolderInUseError, is_empty, locked, write_whole
from paripassu.metrics import better
from paripassu.protocol import study as protocol
from paripassu.protocol.search import RUNS, Entry, Job
from paripassu.protocol.study import Evidence, Scale, Study
from paripassu.records import (
    RECORDS_FILE,
    RUN_FILE,
    STUDY_FILE,
    ArmResult,
    Environment,
    GameResult,
    Metric,
    RateResult,
    RunHeader,
    StudyResult,
    environment,
)
from paripassu.records.codec import dump, load, read_records
from paripassu.train import train

Progress = Callable[[int, int], object]
"""Is told how much is done, and of how much."""

_HERE = LocalEngine()
_LAPSE = 120.0  # seconds that a shared file system may keep the lock of a node that died


def _untold(done: int, needed: int) -> None:
    pass


def run_study(
    study: Study,
    scale_name: str,
    out: Path,
    *,
    command: str,
    engine: Engine = _HERE,
    progress: Progress = _untold,
) -> StudyResult:
    """Run what is missing of a study in ``out`` and write its ``study.json``.

    Args:
        study: what to run.
        scale_name: one of its scales.
        out: the study's folder; made if it does not exist.
        command: how a person would ask for it, shown on the page.
        engine: where to run; processes on this machine, one per core, without it.
        progress: called with the generator updates done and all that are known to be needed; tuning may
            find that it needs more.

    Raises:
        ValueError: ``out`` holds another study or other files, or the engine cannot be had.
        RuntimeError: a worker process was killed, or another process works in ``out``.
    """
    _check_folder(study, scale_name, out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        return _run_study(study, scale_name, out, environment(command, study.device), engine, progress)


def _run_study(
    study: Study, scale_name: str, out: Path, where: Environment, engine: Engine, progress: Progress
) -> StudyResult:
    if not (out / RUNS).exists():
        write_whole(out / STUDY_FILE, dump(_result(study, scale_name, [], where)))
    entries = _entries(study, study.scales[scale_name], out, where.command)
    carried_out: set[Path] = set()
    while True:
        known = [_known(entry) for entry in entries]
        done = sum(job.run.steps for jobs in known for job in jobs if job.has_ended())
        needed = sum(map(_needed, entries))
        progress(done, needed)
        # By turns, so that what has been done tells how long the rest takes, however long a game's runs are.
        turns = (job for turn in zip_longest(*known) for job in turn if job)
        jobs = [job for job in turns if job.folder not in carried_out and not job.has_ended()]
        if not jobs:
            break
        for job, _ in engine.execute(_run_job, jobs):
            carried_out.add(job.folder)
            done += job.run.steps
            progress(done, needed)
    return summarise(study, scale_name, out, where)


def _known(entry: Entry) -> list[Job]:
    """The runs that are asked for, by what has ended so far: the tuning decides what follows it."""
    tuning = entry.all_tuning()
    return tuning + (entry.confirmation() if all(job.has_ended() for job in tuning) else [])


def _needed(entry: Entry) -> int:
    """Generator updates of all its runs, as far as is known."""
    return entry.steps * (len(entry.all_tuning()) + len(entry.scale.seeds_to_confirm_on))


def plan(study: Study, scale_name: str) -> list[str]:
    """Every run in words, one line each; confirmation rates are open until tuning is done."""
    scale = study.scales[scale_name]
    lines: list[str] = []
    for entry in _entries(study, scale, Path()):
        rates = [f"{lr:g}" for lr in entry.grid()]
        where = f"{entry.dataset.name}, {entry.arm.name}, {entry.steps:,} updates"
        lines += [f"{where}: tune lr {lr}, seed {seed}" for lr in rates for seed in scale.seeds_to_tune_on]
        if rates and scale.beyond:
            lines.append(f"{where}: tune up to {scale.beyond} rates beyond an edge at which the best is")
        chosen = f"the best of {', '.join(rates)}" if rates else f"{entry.chosen():g}"
        lines += [f"{where}: confirm lr {chosen}, seed {seed}" for seed in scale.seeds_to_confirm_on]
    return lines


def summarise(study: Study, scale_name: str, out: Path, where: Environment | None = None) -> StudyResult:
    """Write ``study.json`` anew from the runs in ``out``, all of which must have ended.

    Args:
        study: what was run.
        scale_name: at which scale.
        out: the study's folder.
        where: the environment to report; that of the existing ``study.json`` without it.
    """
    _check_folder(study, scale_name, out)
    held_before = load(out / STUDY_FILE, StudyResult)
    scale = study.scales[scale_name]
    entries = _entries(study, scale, out)
    datasets = [_dataset_result(study, [*own]) for _, own in groupby(entries, lambda entry: entry.dataset)]
    result = _result(study, scale_name, datasets, where or held_before.environment)
    asked = {folder for entry in entries for folder in _folders(entry)}
    remarks = [*_reworded(held_before, result), *_left_out(asked, out), *_mixed(asked)]
    result = replace(result, remarks=remarks)
    write_whole(out / STUDY_FILE, dump(result))
    return result


def _run_job(job: Job) -> None:
    deadline = time.monotonic() + _LAPSE
    while True:
        try:
            train(job.run, job.folder, command=job.command)
        except FolderInUseError:
            # The study's own folder is held: it can only be a run of ours, on a node that has just died.
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def _folders(entry: Entry) -> list[Path]:
    return [job.folder for job in (*entry.all_tuning(), *entry.confirmation())]


def _reworded(before: StudyResult, now: StudyResult) -> list[str]:
    words = [(r.question, r.claim, r.protocol) for r in (before, now)]
    return [protocol.REWORDED] if protocol.REWORDED in before.remarks or words[0] != words[1] else []


def _left_out(asked: set[Path], out: Path) -> list[str]:
    """About runs in the folder that the study does not ask for."""
    count = sum(path.parent not in asked for path in (out / RUNS).glob(f"*/*/*/{RUN_FILE}"))
    if not count:
        return []
    runs = "1 run" if count == 1 else f"{count:,} runs"
    why = "of before the study was edited or of a rate it no longer chooses"
    return [f"{runs} in the folder, {why}, are kept and left out."]


def _mixed(asked: set[Path]) -> list[str]:
    """About runs that were not all made by the same code on the same hardware."""
    where = [load(folder / RUN_FILE, RunHeader).environment for folder in asked]
    made = {
        "commits": {w.commit for w in where},
        "versions of torch": {w.versions["torch"] for w in where},
        "devices": {w.device for w in where},
    }
    told = [f"{what} {', '.join(sorted(each))}" for what, each in made.items() if len(each) > 1]
    return [f"The runs were not all made alike: {'; '.join(told)}."] if told else []


def _check_folder(study: Study, scale_name: str, out: Path) -> None:
    if (out / STUDY_FILE).is_file():
        held = load(out / STUDY_FILE, StudyResult)
        there, here = (held.name, held.scale, held.device), (study.name, scale_name, study.device)
        if there != here:
            raise ValueError(
                "{} holds the study {} at scale {} on {}: ".format(out, *there)
                + "name another folder for {} at scale {} on {}".format(*here)
            )
    elif out.exists() and not (out.is_dir() and is_empty(out)):
        raise ValueError(f"{out} holds files that are no study: name an empty or a new folder")


def _entries(study: Study, scale: Scale, out: Path, command: str = "") -> list[Entry]:
    return [
        Entry(dataset, arm, scale, out, command)
        for dataset in study.datasets
        if dataset.name in scale.steps
        for arm in study.arms
    ]


def _dataset_result(study: Study, entries: Sequence[Entry]) -> GameResult:
    """The result on one dataset, from the entries of all arms."""
    dataset, scale = entries[0].dataset, entries[0].scale
    extremes = _extremes(folder for entry in entries for folder in _folders(entry))
    measured = _measured(study, entries)
    arms = [_arm_result(entry, extremes, measured[entry.arm.name]) for entry in entries]
    goodness = {a.arm: [dataset.sign * v for v in a.estimates[dataset.metric].values] for a in arms}
    names = arms[0].estimates
    estimates = {name: {a.arm: a.estimates[name].values for a in arms} for name in names}
    verdict = study.verdict(Evidence(dataset, goodness, estimates))
    if not scale.decides:
        verdict = protocol.too_small(verdict)
    return GameResult(
        dataset=dataset.name,
        setting=f"{dataset.setting}, {entries[0].steps:,} generator updates",
        metric=dataset.metric,
        better=dataset.better,
        arms=arms,
        verdict=verdict,
        measures=list(study.measures),
    )


def _measured(study: Study, entries: Sequence[Entry]) -> dict[str, dict[str, list[float]]]:
    """Each measure of the confirmation runs by arm and name, the largest in place of a diverged run's."""
    by_arm: dict[str, dict[str, list[float]]] = {entry.arm.name: {} for entry in entries}
    if not study.measures:
        return by_arm
    for entry in entries:
        for job in entry.confirmation():
            records = list(read_records(job.folder / RECORDS_FILE)) if job.finals() else []
            for name, measure in study.measures.items():
                value = measure(records) if records else math.nan
                by_arm[entry.arm.name].setdefault(name, []).append(value)
    for name in study.measures:
        finite = [v for values in by_arm.values() for v in values[name] if math.isfinite(v)]
        for values in by_arm.values():
            values[name] = [v if math.isfinite(v) else max(finite, default=math.nan) for v in values[name]]
    return by_arm


def _extremes(folders: Iterable[Path]) -> dict[str, tuple[float, float]]:
    """The least and the greatest value of each metric that any of some runs ever showed."""
    extremes: dict[str, tuple[float, float]] = {}
    for folder in folders:
        for record in read_records(folder / RECORDS_FILE):
            if isinstance(record, Metric) and math.isfinite(record.value):
                low, high = extremes.get(record.name, (math.inf, -math.inf))
                extremes[record.name] = (min(low, record.value), max(high, record.value))
    return extremes


def _arm_result(
    entry: Entry, extremes: dict[str, tuple[float, float]], measured: dict[str, list[float]]
) -> ArmResult:
    worst = {name: low if better(name) == "higher" else high for name, (low, high) in extremes.items()}

    def values(name: str, jobs: Sequence[Job]) -> list[float]:
        return [job.finals().get(name, worst[name]) for job in jobs]

    def diverged(jobs: Sequence[Job]) -> int:
        return sum(not job.finals() for job in jobs)

    rates: list[RateResult] = []
    for lr in entry.rates():
        jobs = entry.tuning(lr)
        rates.append(RateResult(lr, estimate(values(entry.dataset.metric, jobs)), diverged(jobs)))
    lr, confirmed = entry.chosen(), entry.confirmation()
    metrics = {name: values(name, confirmed) for name in sorted(extremes)}
    return ArmResult(
        arm=entry.arm.name,
        description=entry.arm.description,
        grid=rates,
        lr=lr,
        on_edge=bool(rates) and lr in (rates[0].lr, rates[-1].lr),
        estimates={name: estimate(of_seeds) for name, of_seeds in (metrics | measured).items()},
        diverged=diverged(confirmed),
        runs=[str(job.folder.relative_to(entry.out)) for job in confirmed],
    )


def _result(study: Study, scale_name: str, datasets: list[GameResult], where: Environment) -> StudyResult:
    scale = study.scales[scale_name]
    return StudyResult(
        name=study.name,
        question=study.question,
        claim=study.claim,
        protocol=f"{protocol.__doc__}\n{study.rule}",
        scale=scale_name,
        cut=list(scale.cut),
        tuning_seeds=list(scale.seeds_to_tune_on),
        confirmation_seeds=list(scale.seeds_to_confirm_on),
        datasets=datasets,
        environment=where,
        device=study.device,
    )
