"""Running a study: tuning, choosing, confirming, summing up. What is done is never done again."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from paripassu.engine import Engine, LocalEngine
from paripassu.metrics import better
from paripassu.records import (
    RECORDS_FILE,
    RUN_FILE,
    STUDY_FILE,
    ArmResult,
    DatasetResult,
    Environment,
    Metric,
    RateResult,
    StudyResult,
    dump,
    end_of,
    environment,
    is_empty,
    load,
    read_records,
    write_atomic,
)
from paripassu.report.statistics import estimate
from paripassu.studies import protocol
from paripassu.studies.protocol import FIRST_CONFIRMATION_SEED, Arm, Dataset, Evidence, Scale, Study, grid
from paripassu.train import FolderInUseError, Run, held, train

RUNS = "runs"
_HERE = LocalEngine()
_LAPSE = 120.0  # seconds that a shared file system may keep the lock of a node that died
_REWORDED = (
    "The study's words, those of its protocol and verdict rule among them, were edited after runs had begun."
)


@dataclass(frozen=True)
class Job:
    """One run of a study, where it goes and what asked for it."""

    folder: Path
    run: Run
    command: str


def run_study(
    study: Study,
    scale_name: str,
    out: Path,
    *,
    command: str,
    engine: Engine = _HERE,
    progress: Callable[[int], object] = lambda _: None,
) -> StudyResult:
    """Run what is missing of a study in ``out`` and write its ``study.json``.

    Args:
        study: what to run.
        scale_name: one of its scales.
        out: the study's folder; made if it does not exist.
        command: how a person would ask for it, shown on the page.
        engine: where to run; processes on this machine, one per core, without it.
        progress: called with the generator updates done, of `total_steps`.

    Raises:
        ValueError: ``out`` holds another study or other files, or the engine cannot be had.
        RuntimeError: a worker process was killed, or another process works in ``out``.
    """
    _check_folder(study, scale_name, out)
    out.mkdir(parents=True, exist_ok=True)
    with held(out):
        return _run_study(study, scale_name, out, environment(command, study.device), engine, progress)


def _run_study(
    study: Study,
    scale_name: str,
    out: Path,
    where: Environment,
    engine: Engine,
    progress: Callable[[int], object],
) -> StudyResult:
    scale = study.scales[scale_name]
    if not (out / RUNS).exists():
        write_atomic(out / STUDY_FILE, dump(_result(study, scale_name, [], where)))

    done = 0
    progress(done)

    def carry_out(jobs: list[Job]) -> None:
        nonlocal done
        for job, _ in engine.execute(_run_job, jobs):
            done += job.run.steps
            progress(done)

    pairs, command = _pairs(study, scale), where.command
    carry_out([job for pair in pairs for job in _tuning_jobs(scale, *pair, out, command)])
    carry_out([job for pair in pairs for job in _confirmation_jobs(scale, *pair, out, command)])
    return summarise(study, scale_name, out, where)


def total_steps(study: Study, scale_name: str) -> int:
    """Generator updates of all runs of a study."""
    scale = study.scales[scale_name]
    return sum(scale.steps[dataset.name] * _runs_per_arm(scale) for dataset, _ in _pairs(study, scale))


def plan(study: Study, scale_name: str) -> list[str]:
    """Every run in words, one line each; confirmation rates are open until tuning is done."""
    scale = study.scales[scale_name]
    lines: list[str] = []
    for dataset, arm in _pairs(study, scale):
        rates = [f"{lr:g}" for lr in _rates(scale, dataset, arm)]
        where = f"{dataset.name}, {arm.name}, {scale.steps[dataset.name]:,} updates"
        lines += [f"{where}: tune lr {lr}, seed {seed}" for lr in rates for seed in range(scale.tuning_seeds)]
        chosen = f"the best of {', '.join(rates)}" if rates else f"{dataset.chosen[arm.name]:g}"
        lines += [f"{where}: confirm lr {chosen}, seed {seed}" for seed in _confirmation_seeds(scale)]
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
    datasets = [_dataset_result(study, scale, dataset, out) for dataset in _datasets(study, scale)]
    result = _result(study, scale_name, datasets, where or held_before.environment)
    result = replace(result, remarks=_remarks(held_before, result, _left_out(study, scale, out)))
    write_atomic(out / STUDY_FILE, dump(result))
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


def _left_out(study: Study, scale: Scale, out: Path) -> int:
    """Runs in the folder that the study does not ask for."""
    asked = {folder for pair in _pairs(study, scale) for folder in _asked(scale, *pair, out)}
    return sum(path.parent not in asked for path in (out / RUNS).glob(f"*/*/*/{RUN_FILE}"))


def _remarks(before: StudyResult, now: StudyResult, left_out: int) -> list[str]:
    remarks: list[str] = []
    words = [(r.question, r.claim, r.protocol) for r in (before, now)]
    if _REWORDED in before.remarks or words[0] != words[1]:
        remarks.append(_REWORDED)
    if left_out:
        runs = "1 run" if left_out == 1 else f"{left_out:,} runs"
        remarks.append(
            f"{runs} in the folder, of before the study was edited or of a rate it no longer chooses, "
            "are kept and left out."
        )
    return remarks


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


def _datasets(study: Study, scale: Scale) -> list[Dataset]:
    return [dataset for dataset in study.datasets if dataset.name in scale.steps]


def _pairs(study: Study, scale: Scale) -> list[tuple[Dataset, Arm]]:
    return [(dataset, arm) for dataset in _datasets(study, scale) for arm in study.arms]


def _runs_per_arm(scale: Scale) -> int:
    return (scale.rates * scale.tuning_seeds if scale.rates > 1 else 0) + scale.confirmation_seeds


def _rates(scale: Scale, dataset: Dataset, arm: Arm) -> list[float]:
    return grid(dataset.centres[arm.name], scale.rates) if scale.rates > 1 else []


def _jobs(
    scale: Scale, dataset: Dataset, arm: Arm, lr: float, seeds: Iterable[int], out: Path, command: str
) -> list[Job]:
    runs = [dataset.run(arm.rule, lr, scale.steps[dataset.name], seed) for seed in seeds]
    return [Job(out / _place(dataset, arm, lr, run), run, command) for run in runs]


def _place(dataset: Dataset, arm: Arm, lr: float, run: Run) -> Path:
    # The key keeps runs apart whose settings a later version of the study has changed.
    slug = arm.name.replace(" ", "-")
    return Path(RUNS) / dataset.name / slug / f"lr-{lr:g}-seed-{run.seed}-{run.key()}"


def _tuning_jobs(scale: Scale, dataset: Dataset, arm: Arm, out: Path, command: str) -> list[Job]:
    seeds = range(scale.tuning_seeds)
    rates = _rates(scale, dataset, arm)
    return [job for lr in rates for job in _jobs(scale, dataset, arm, lr, seeds, out, command)]


def _confirmation_jobs(scale: Scale, dataset: Dataset, arm: Arm, out: Path, command: str) -> list[Job]:
    lr = _choose(scale, dataset, arm, out)
    return _jobs(scale, dataset, arm, lr, _confirmation_seeds(scale), out, command)


def _asked(scale: Scale, dataset: Dataset, arm: Arm, out: Path) -> list[Path]:
    """The folders of an arm's runs."""
    both = (_tuning_jobs, _confirmation_jobs)
    return [job.folder for jobs in both for job in jobs(scale, dataset, arm, out, "")]


def _confirmation_seeds(scale: Scale) -> range:
    return range(FIRST_CONFIRMATION_SEED, FIRST_CONFIRMATION_SEED + scale.confirmation_seeds)


def _choose(scale: Scale, dataset: Dataset, arm: Arm, out: Path) -> float:
    """The rate with the best mean on the tuning seeds; a diverged run is worse than any other."""
    rates = _rates(scale, dataset, arm)
    if not rates:
        return dataset.chosen[arm.name]

    def mean(lr: float) -> float:
        jobs = _jobs(scale, dataset, arm, lr, range(scale.tuning_seeds), out, "")
        return sum(_final(dataset, job) for job in jobs) / len(jobs)

    return max(rates, key=mean)


def _final(dataset: Dataset, job: Job) -> float:
    """The last value of the deciding metric, signed so that higher is better; -inf for a diverged run."""
    value = _finals(job.folder).get(dataset.metric)
    return -math.inf if value is None else _sign(dataset) * value


def _sign(dataset: Dataset) -> float:
    return 1.0 if dataset.better == "higher" else -1.0


@cache
def _finals(folder: Path) -> dict[str, float]:
    """A run's last value of each metric; empty where it diverged. An ended run never changes."""
    path = folder / RECORDS_FILE
    records = list(read_records(path)) if path.is_file() else []
    end = end_of(records)
    if end is None:
        raise RuntimeError(f"{folder} has not ended: run the study again to finish it")
    last = (r for r in records if isinstance(r, Metric) and r.step == end.step and math.isfinite(r.value))
    return {r.name: r.value for r in last} if end.outcome == "finished" else {}


def _dataset_result(study: Study, scale: Scale, dataset: Dataset, out: Path) -> DatasetResult:
    extremes = _extremes(folder for arm in study.arms for folder in _asked(scale, dataset, arm, out))
    measured = _measured(study, scale, dataset, out)
    arms = [_arm_result(scale, dataset, arm, out, extremes, measured[arm.name]) for arm in study.arms]
    goodness = {a.arm: [_sign(dataset) * v for v in a.estimates[dataset.metric].values] for a in arms}
    names = arms[0].estimates
    estimates = {name: {a.arm: a.estimates[name].values for a in arms} for name in names}
    verdict = study.verdict(Evidence(dataset, goodness, estimates))
    if not scale.decides:
        reason = f"Runs of this size decide nothing. {verdict.reason}"
        verdict = replace(verdict, outcome="undecided", reason=reason)
    return DatasetResult(
        dataset=dataset.name,
        setting=f"{dataset.setting}, {scale.steps[dataset.name]:,} generator updates",
        metric=dataset.metric,
        better=dataset.better,
        arms=arms,
        verdict=verdict,
        measures=list(study.measures),
    )


def _measured(study: Study, scale: Scale, dataset: Dataset, out: Path) -> dict[str, dict[str, list[float]]]:
    """Each measure of the confirmation runs by arm and name, the largest in place of a diverged run's."""
    by_arm: dict[str, dict[str, list[float]]] = {arm.name: {} for arm in study.arms}
    if not study.measures:
        return by_arm
    for arm in study.arms:
        jobs = _confirmation_jobs(scale, dataset, arm, out, "")
        for job in jobs:
            records = list(read_records(job.folder / RECORDS_FILE)) if _finals(job.folder) else []
            for name, measure in study.measures.items():
                value = measure(records) if records else math.nan
                by_arm[arm.name].setdefault(name, []).append(value)
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
    scale: Scale,
    dataset: Dataset,
    arm: Arm,
    out: Path,
    extremes: dict[str, tuple[float, float]],
    measured: dict[str, list[float]],
) -> ArmResult:
    worst = {name: low if better(name) == "higher" else high for name, (low, high) in extremes.items()}

    def values(name: str, jobs: Sequence[Job]) -> list[float]:
        return [_finals(job.folder).get(name, worst[name]) for job in jobs]

    def diverged(jobs: Sequence[Job]) -> int:
        return sum(not _finals(job.folder) for job in jobs)

    rates: list[RateResult] = []
    for lr in _rates(scale, dataset, arm):
        jobs = _jobs(scale, dataset, arm, lr, range(scale.tuning_seeds), out, "")
        rates.append(RateResult(lr, estimate(values(dataset.metric, jobs)), diverged(jobs)))
    lr = _choose(scale, dataset, arm, out)
    confirmed = _confirmation_jobs(scale, dataset, arm, out, "")
    metrics = {name: values(name, confirmed) for name in sorted(extremes)}
    return ArmResult(
        arm=arm.name,
        description=arm.description,
        grid=rates,
        lr=lr,
        on_edge=bool(rates) and lr in (rates[0].lr, rates[-1].lr),
        estimates={name: estimate(of_seeds) for name, of_seeds in (metrics | measured).items()},
        diverged=diverged(confirmed),
        runs=[str(job.folder.relative_to(out)) for job in confirmed],
    )


def _result(study: Study, scale_name: str, datasets: list[DatasetResult], where: Environment) -> StudyResult:
    scale = study.scales[scale_name]
    return StudyResult(
        name=study.name,
        question=study.question,
        claim=study.claim,
        protocol=f"{protocol.__doc__}\n{study.rule}",
        scale=scale_name,
        cut=list(scale.cut),
        tuning_seeds=list(range(scale.tuning_seeds if scale.rates > 1 else 0)),
        confirmation_seeds=list(_confirmation_seeds(scale)),
        datasets=datasets,
        environment=where,
        device=study.device,
    )
