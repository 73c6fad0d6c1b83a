"""Seconds and memory of a study's page, and of finding what is left of a study, at the paper's scale.

A study is made up: six arms on games, 50 runs each (14 trials, the best 4 again on 4 seeds, the best of them
on 20).
Every run has as many records as a real run of 30,000 updates on the digits with a shadow rule: 1,200 losses,
60 probed steps of both players and their eight layers, seven evaluations. Each phase is a process of its own.
Before it, the study's files are dropped from the page cache. Seconds leave out Python's start and imports.
CPU seconds are those of all its threads.
Memory is the most that the process had resident.

- *tables*: every run's records become a table. Each run's process does this as the run ends.
- *resume*: `paripassu study run` on the finished study finds that nothing is left.
- *summary*: `paripassu study report` computes every estimate, measure and interval anew.
- *page*: `paripassu report` writes the page.

At commit 8dd5980 every phase parsed the records one by one. There a study of 300 such runs took 9.8 CPU
seconds to resume, 25 for the summary and 7.1 for the page. Those of 3,600 runs, by extrapolation: 118, 302
and 86.
"""

import json
import math
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from profiling import dated

from paripassu.evidence.measures import pace_gap, pace_wander, step_wander
from paripassu.evidence.tables import write_run_table
from paripassu.protocol import Comparison, Scale, Study, Tuning, run_study, summarise
from paripassu.protocol.study import FIRST_CONFIRMATION_SEED
from paripassu.records import (
    End,
    Environment,
    Losses,
    Metric,
    Pace,
    Record,
    RunHeader,
    Samples,
    Shadow,
    Update,
    Verdict,
    environment,
)
from paripassu.records.codec import RecordWriter, dump
from paripassu.report.page import PAGE_FOLDER
from paripassu.report.study import write_study_page
from paripassu.studies.arms import (
    ADAM,
    ADAM_DIRECTION,
    ADAM_MAGNITUDE,
    NSGDA_GLOBAL,
    NSGDA_LAYER,
    SGDA,
    arms,
)
from paripassu.studies.games import DIGITS
from paripassu.train import Run

ARMS = [
    arm
    for arm in arms(ADAM, ADAM_MAGNITUDE, ADAM_DIRECTION, NSGDA_LAYER, NSGDA_GLOBAL, SGDA)
    if arm.family == DIGITS.family
]
STEPS = 30_000
LOG_EVERY, PROBE_EVERY, EVAL_EVERY = 25, 500, 5000
LAYERS = {
    "discriminator": ("0.weight", "0.bias", "2.weight", "2.bias"),
    "generator": ("1.weight", "1.bias", "3.weight", "3.bias"),
}
METRICS = ("fd-digits@2500", "kd-digits@1797")
MEASURES = {
    "pace gap": lambda table, _: pace_gap(table),
    "pace wander": lambda table, _: pace_wander(table),
    "step wander": lambda table, run: step_wander(table, run.rate_factor),
}
PHASES = ("tables", "resume", "summary", "page")

# Bounds for 3,600 runs on two cores.
PAGE_SECONDS, PAGE_MIB, RESUME_SECONDS = 30, 1024, 5


@dataclass(frozen=True)
class Made:
    """A study that is made up.

    Attributes:
        games: how many.
        seeds: to confirm on; there are seven tenths as many trials, and a fifth as many seeds for finalists.
    """

    games: int
    seeds: int

    @property
    def tuning(self) -> Tuning:
        """How each arm is tuned."""
        trials = max(1, 7 * self.seeds // 10)
        return Tuning(trials=trials, finalists=min(4, trials), seeds=self.seeds // 5)

    @property
    def runs(self) -> int:
        """All of them."""
        tuning = self.tuning
        return self.games * len(ARMS) * (tuning.trials + tuning.runs_again(tuning.trials) + self.seeds)

    def design(self) -> Comparison:
        """What runs."""
        return Comparison(
            ARMS,
            [
                replace(DIGITS, name=f"digits-{number}", steps={"paper": STEPS})
                for number in range(self.games)
            ],
            lambda _: Verdict("undecided", "Nothing was trained."),
            "paper",
            tuning=self.tuning,
            confirmation_seeds=self.seeds,
            measures=MEASURES,
        )

    def study(self) -> Study:
        """The study."""
        return Study("made", "How long does a page take?", "None.", "None.", {"paper": Scale(self.design())})


def make(folder: Path, made: Made) -> tuple[float, float]:
    """Carry out a study with runs that are made up.

    Returns:
        Seconds that writing their tables took, and seconds of the processor.
    """
    engine = _Writer()
    run_study(made.study(), "paper", folder, engine=engine)
    assert engine.runs == made.runs
    return engine.seconds, engine.cpu


class _Writer:
    """An engine that writes each run's records and times its table, instead of training it."""

    def __init__(self) -> None:
        self.seconds, self.cpu, self.runs = 0.0, 0.0, 0
        self._where = environment("paripassu bench report")

    @property
    def at_once(self) -> int:
        return 1

    def execute(self, _: object, tasks: Sequence[Any], /) -> Iterator[tuple[Any, Any]]:
        for task in tasks:
            path, run = task.unit.path, task.unit.run
            write_run(path, run, self._where)
            seconds, cpu = timed(lambda path=path: write_run_table(path))
            self.seconds, self.cpu = self.seconds + seconds, self.cpu + cpu
            self.runs += 1
            yield task, []


def write_run(path: Path, run: Run, where: Environment) -> None:
    """The folder of a run whose metric is best at the centre of the search space.

    Only the runs whose pictures a page shows have them.
    """
    rng = random.Random(str(path))  # noqa: S311 - made-up numbers
    path.mkdir(parents=True)
    (path / "run.json").write_text(dump(RunHeader(run.settings(), where, key=run.key())))
    centre = DIGITS.centres[path.parent.name.replace("-", " ")]
    off = abs(math.log10(run.generator.lr / centre))
    parts = rng.choice(between_evaluations())
    with (path / "records.jsonl").open("w") as stream:
        for step, part in zip(range(0, STEPS + 1, EVAL_EVERY), parts, strict=True):
            value = 10 + 5 * off + 1e5 / (1000 + step) + rng.random()
            stream.writelines(line(Metric(step, name, value)) for name in METRICS)
            stream.write(line(Samples(step, shot(step))) + part)
    with RecordWriter(path / "records.jsonl") as write:
        write(End(STEPS, "finished", "", 1000 * rng.random()))
    if run.seed == FIRST_CONFIRMATION_SEED:
        (path / "samples").mkdir()
        for step in range(0, STEPS + 1, EVAL_EVERY):
            (path / shot(step)).write_bytes(picture())


@cache
def between_evaluations(variants: int = 8) -> list[list[str]]:
    """For some runs, the records after each evaluation and before the next as text; none after the last."""
    rng = random.Random(0)  # noqa: S311 - made-up numbers

    def part(after: int) -> str:
        steps = range(after + 1, min(after + EVAL_EVERY, STEPS) + 1)
        return "".join(line(record) for step in steps for record in records_at(step, rng))

    return [[part(after) for after in range(0, STEPS + 1, EVAL_EVERY)] for _ in range(variants)]


def records_at(step: int, rng: random.Random) -> Iterator[Record]:
    """What a run writes at a step, but for evaluations."""
    if step % PROBE_EVERY == 0:
        for player, layers in LAYERS.items():
            for layer in (*layers, ""):
                gradient, update, weight = (rng.lognormvariate(0, 1) for _ in range(3))
                yield Update(step, player, layer, gradient, update, weight, rng.random())
                magnitude, ratio, cosine = (rng.random() for _ in range(3))
                adam = "Adam(betas=(0.0, 0.9), eps=1e-08)"
                yield Shadow(step, player, layer, adam, magnitude, ratio, cosine)
        yield Pace(step, "generator", "discriminator", rng.lognormvariate(0, 1))
    if step % LOG_EVERY == 0:
        yield Losses(step, rng.gauss(0, 1), rng.gauss(0, 1))


def line(record: Record) -> str:
    """A record as its writer writes it."""
    return json.dumps(vars(record) | {"kind": type(record).__name__}) + "\n"


def shot(step: int) -> str:
    """Where a run's samples at a step are."""
    return f"samples/{step:09d}.png"


@cache
def picture() -> bytes:
    """A picture of samples."""
    stream = BytesIO()
    Image.effect_noise((64, 64), 50).save(stream, "PNG")
    return stream.getvalue()


def forget(folder: Path) -> None:
    """Drop a folder's files from the page cache, as if the machine had just been started."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resume(folder: Path, made: Made) -> None:
    """Find that nothing of a finished study is left."""
    assert not made.design().work(folder, "").missing


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that pass while ``work`` runs, and those of this process on the processor."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def phase(name: str, folder: Path, made: Made) -> dict[str, float]:
    """One phase in this process: its seconds, those on the processor, the MiB that were resident at most."""
    if name == "tables":
        seconds, cpu = make(folder, made)
    else:
        work: Callable[[], object] = {
            "resume": lambda: resume(folder, made),
            "summary": lambda: summarise(made.study(), "paper", folder),
            "page": lambda: write_study_page(folder),
        }[name]
        forget(folder)
        seconds, cpu = timed(work)
    return {"seconds": seconds, "cpu": cpu, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run(
    games: Sequence[int], seeds: int, command: str, progress: Callable[[], None]
) -> tuple[dict[int, dict[str, dict[str, float]]], str]:
    """Every phase of a study on each number of games; the figures by runs and phase, and the page."""
    results: dict[int, dict[str, dict[str, float]]] = {}
    for count in games:
        with TemporaryDirectory(prefix="paripassu-report-") as home:
            folder = Path(home) / "made"
            own = results[Made(count, seeds).runs] = {}
            for name in PHASES:
                command_line = [sys.executable, __file__, name, str(folder), str(count), str(seeds)]
                done = subprocess.run(command_line, stdout=subprocess.PIPE, check=True, text=True)
                own[name] = json.loads(done.stdout)
                progress()
            text = folder / PAGE_FOLDER / "index.html"
            own["page"]["text_mib"] = text.stat().st_size / 2**20
    return results, page(results, command)


def page(results: dict[int, dict[str, dict[str, float]]], command: str) -> str:
    """The dated Markdown page."""
    where = environment(command)
    versions = ", ".join(f"{name} {number}" for name, number in where.versions.items())
    rows = ["| runs | phase | seconds | ms a run | CPU seconds | MiB |", "|---|---|---|---|---|---|"]
    for runs, own in results.items():
        for name, got in own.items():
            seconds, each = f"{got['seconds']:.1f}", f"{1000 * got['seconds'] / runs:.1f}"
            memory = f"{got['mib']:,.0f}"
            rows.append(f"| {runs:,} | {name} | {seconds} | {each} | {got['cpu']:.1f} | {memory} |")
    sections = [
        f"# The page of a study of thousands of runs, {datetime.now(UTC):%Y-%m-%d}",
        (__doc__ or "").partition("\n\n")[2].strip(),
        f"```console\n$ {where.command}\n```",
        f"{where.device}, {where.cores} cores; {versions}; commit {where.commit or 'unknown'}.",
        "\n".join(rows),
        met(results),
    ]
    return "\n\n".join(sections) + "\n"


def met(results: dict[int, dict[str, dict[str, float]]]) -> str:
    """Which of the bounds the largest study keeps."""
    runs = max(results)
    of_page, of_resume = results[runs]["page"], results[runs]["resume"]
    bounds = [
        ("page, seconds", of_page["seconds"], PAGE_SECONDS),
        ("page, MiB", of_page["mib"], PAGE_MIB),
        ("resume, seconds", of_resume["seconds"], RESUME_SECONDS),
    ]
    rows = [f"| of {runs:,} runs | at most | is |", "|---|---|---|"]
    rows += [
        f"| {name} | {bound:,} | {value:,.1f}{' **missed**' * (value > bound)} |"
        for name, value, bound in bounds
    ]
    size = f"The page's text has {of_page['text_mib']:.1f} MiB."
    return "\n".join([*rows, "", size])


def default_page() -> Path:
    """Where today's page goes."""
    return dated("report", "cpu")


if __name__ == "__main__":
    name, folder, *sizes = sys.argv[1:]
    print(json.dumps(phase(name, Path(folder), Made(*map(int, sizes)))))
