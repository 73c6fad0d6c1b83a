"""``paripassu study``: many runs, tuned and confirmed on separate seeds."""

import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from paripassu import studies
from paripassu.cli import choices, theory
from paripassu.cli.engines import EngineOptions
from paripassu.cli.progress import stage_bars
from paripassu.engine import Engine
from paripassu.evidence.changes import StudyChanges, study_changes
from paripassu.evidence.sweep_changes import sweep_changes
from paripassu.files import is_empty
from paripassu.protocol import study as protocol
from paripassu.records import STUDY_FILE, SWEEP_FILE, StudyResult
from paripassu.records.codec import dump, load
from paripassu.report.study import write_study_page
from paripassu.report.terminal import changes_table, study_table


@dataclass
class List:
    """Name every study, its question, the claim it tests and its scales."""

    def __call__(self) -> None:
        """Print the table."""
        table = Table("study", "question, and the claim under test", "scales", show_lines=True)
        for name, study in studies.find().items():
            table.add_row(name, f"{study.question}\n{study.claim}", ", ".join(study.scales))
        Console().print(table)


@dataclass(kw_only=True)
class RunStudy(EngineOptions):
    """Run what is missing of a study; stop it anywhere, the same command goes on."""

    name: tyro.conf.Positional[str]
    """The study, as `paripassu study list` names it."""
    scale: str = "small"
    """A size of the study, as `paripassu study list` names it."""
    data: tuple[str, ...] = ()
    """NAME=PATH: play on data in files instead, for studies that take some: cifar10=FOLDER."""
    device: str = "cpu"
    """What the networks of all runs are on: cpu, or cuda, whose GPUs they share."""
    run_gpus: float | None = None
    """GPUs of each run with --device cuda; 1 without it, 0.25 puts four runs on one."""
    out: Path | None = None
    """The study's folder; runs/NAME-SCALE, the data's names and the GPU, without it."""
    dry_run: bool = False
    """Print every run, and run none."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """The result as JSON."""

    def __call__(self) -> None:
        """Run, write the page, print the result."""
        study = _study(self.name, self.scale, self.data)
        out = _folder(self.name, self.scale, self.data, self.out, self.device)
        engine = self.chosen_engine(out, self._gpus(on_networks=not isinstance(study, studies.SweepStudy)))
        if self.dry_run:
            sweeps = isinstance(study, studies.SweepStudy)
            for line in study.plan(self.scale) if sweeps else studies.plan(study, self.scale):
                print(line)
            return
        if self.engine == "local":
            choices.device(self.device)
        if isinstance(study, studies.SweepStudy):
            sweep, purpose = study.scales[self.scale].sweep, study.purpose(self.scale)
            swept = theory.run(sweep, out, purpose=purpose, engine=engine, quiet=self.quiet)
            theory.show(swept, out, as_json=self.json)
            return
        result = run(study.on_device(self.device), self.scale, out, engine=engine, quiet=self.quiet)
        show(result, write_study_page(out), as_json=self.json)

    def _gpus(self, *, on_networks: bool) -> float:
        if self.device == "cpu":
            if self.run_gpus is not None:
                raise ValueError("--run-gpus is for --device cuda: add it")
            return 0.0
        if not on_networks:
            raise ValueError(f"{self.name} does nothing on a GPU: leave out --device")
        gpus = 1.0 if self.run_gpus is None else self.run_gpus
        if not 0 < gpus <= 1:
            raise ValueError(f"--run-gpus must be in (0, 1], for a run uses one GPU, got {gpus}")
        return gpus


@dataclass
class ReportStudy:
    """Write a study's result and page anew from the runs it has."""

    name: tyro.conf.Positional[str]
    """The study, as `paripassu study list` names it."""
    scale: str = "small"
    """The size it was run at."""
    data: tuple[str, ...] = ()
    """NAME=PATH, as it was run on."""
    device: str = "cpu"
    """What it was run on: cpu or cuda."""
    out: Path | None = None
    """The study's folder; runs/NAME-SCALE, the data's names and the GPU, without it."""
    json: bool = False
    """The result as JSON."""

    def __call__(self) -> None:
        """Sum up, write the page, print the result."""
        study = _study(self.name, self.scale, self.data)
        out = _folder(self.name, self.scale, self.data, self.out, self.device)
        if not out.exists() or (out.is_dir() and is_empty(out)):
            raise ValueError(f"{out} holds no study yet: run `{self._run()}` first")
        if isinstance(study, studies.SweepStudy):
            sweep, purpose = study.scales[self.scale].sweep, study.purpose(self.scale)
            theory.show(studies.summarise_sweep(sweep, out, purpose), out, as_json=self.json)
            return
        result = studies.summarise(study.on_device(self.device), self.scale, out)
        show(result, write_study_page(out), as_json=self.json)

    def _run(self) -> str:
        """The command that makes what is asked for."""
        words = ["paripassu", "study", "run", self.name, "--scale", self.scale]
        words += ["--data", *self.data] if self.data else []
        words += ["--device", self.device] if self.device != "cpu" else []
        words += ["--out", str(self.out)] if self.out else []
        return shlex.join(words)


@dataclass
class DiffStudy:
    """Tell what changed from one result of a study, or of a sweep of `theory`, to another beyond noise."""

    old: tyro.conf.Positional[Path]
    """The study's or the sweep's folder as it was."""
    new: tyro.conf.Positional[Path]
    """Its folder as it is."""
    json: bool = False
    """The result as JSON."""

    def __call__(self) -> None:
        """Print the changes."""
        sweeps = any((folder / SWEEP_FILE).is_file() for folder in (self.old, self.new))
        compare = sweep_changes if sweeps else _study_changes
        changes = compare(self.old, self.new)
        if self.json:
            print(dump(changes), end="")
        else:
            Console().print(changes_table(changes))


@dataclass
class Study:
    """Many runs, tuned and confirmed on separate seeds, that answer one question."""

    action: (
        Annotated[List, tyro.conf.subcommand("list")]
        | Annotated[RunStudy, tyro.conf.subcommand("run")]
        | Annotated[ReportStudy, tyro.conf.subcommand("report")]
        | Annotated[DiffStudy, tyro.conf.subcommand("diff")]
    )

    def __call__(self) -> None:
        """Do what was asked."""
        self.action()


def run(study: protocol.Study, scale: str, out: Path, *, engine: Engine, quiet: bool) -> StudyResult:
    """Run a study behind a progress bar over its generator updates."""
    with stage_bars(quiet=quiet) as advance:
        progress = partial(advance, f"{study.name}, {scale}")
        return studies.run_study(
            study, scale, out, command=choices.as_typed(), engine=engine, progress=progress
        )


def show(result: StudyResult, page: Path, *, as_json: bool) -> None:
    """Print a study's result and where its page is."""
    if as_json:
        print(dump(result), end="")
    else:
        console = Console()
        console.print(study_table(result))
        console.print(f"Page: {page}", soft_wrap=True)


def _study_changes(old: Path, new: Path) -> StudyChanges:
    return study_changes(_result(old), _result(new))


def _result(folder: Path) -> StudyResult:
    if not (folder / STUDY_FILE).is_file():
        raise ValueError(f"{folder} holds no study: name a folder that `paripassu study run` wrote")
    return load(folder / STUDY_FILE, StudyResult)


def _study(name: str, scale: str, data: tuple[str, ...]) -> protocol.Study | studies.SweepStudy:
    study = choices.choose("study", name, studies.find())
    choices.choose(f"scale of {name}", scale, study.scales)
    if isinstance(study, studies.SweepStudy):
        if data:
            raise ValueError(f"the study {name} takes no data by path: leave out --data")
        return study
    return study.on({name: Path(path) for name, path in map(_named, data)})


def _named(given: str) -> tuple[str, str]:
    name, equals, path = given.partition("=")
    if not (name and equals and path):
        raise ValueError(f"--data takes NAME=PATH, got {given!r}: write it as cifar10=FOLDER")
    return name, path


def _folder(name: str, scale: str, data: tuple[str, ...], out: Path | None, device: str) -> Path:
    if device not in ("cpu", "cuda"):
        raise ValueError(f"a study's --device is cpu or cuda, whose GPUs its runs share, not {device!r}")
    on = [named for named, _ in map(_named, data)] + ([] if device == "cpu" else [device])
    return out or Path("runs") / "-".join([name, scale, *on])
