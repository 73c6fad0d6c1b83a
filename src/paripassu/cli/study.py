"""``paripassu study``: many runs that answer one question."""

import json
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from paripassu.cli import output
from paripassu.cli.engines import EngineOptions
from paripassu.files import is_empty
from paripassu.records import StudyResult, usable_cores

if TYPE_CHECKING:
    from paripassu import protocol
    from paripassu.engine import Engine
    from paripassu.evidence.under_way import UnderWay
    from paripassu.train import PackSize


@dataclass
class List:
    """List every study with its question, the claim it tests and its scales."""

    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the list as JSON."""

    def __call__(self) -> None:
        """Print the table."""
        from paripassu import studies
        from paripassu.report.terminal_table import TerminalTable

        if self.json:
            found = {
                name: {"question": study.question, "claim": study.claim, "scales": [*study.scales]}
                for name, study in studies.find().items()
            }
            print(json.dumps(found, indent=2, ensure_ascii=False))
            return

        columns = ("study", "question, and the claim under test", "scales")
        rows = [
            (name, f"{study.question}\n{study.claim}", ", ".join(study.scales))
            for name, study in studies.find().items()
        ]
        output.show(TerminalTable(columns, rows, spaced=True))


@dataclass(kw_only=True)
class _StudyOptions:
    """Which study, at which scale, on which data, where."""

    name: tyro.conf.Positional[str]
    """The study, as `paripassu study list` names it, or a Python file with a STUDY."""
    scale: str = "small"
    """A size of the study, as `paripassu study list` names it."""
    data: tuple[str, ...] = ()
    """NAME=PATH, for example cifar10=FOLDER: play on data in files instead, if the study takes some."""
    games: tuple[str, ...] = ()
    """Some of the study's games. Without it: all. Others may follow in the same folder."""
    device: str = "cpu"
    """Where the networks of all runs are: cpu or cuda. Runs share the GPUs."""
    out: Path | None = None
    """The study's folder. Without it: runs/NAME-SCALE, with the data's names and the device."""
    json: bool = False
    """Print the result as JSON."""

    def study(self) -> "protocol.Study":
        """The study that these options name."""
        from paripassu import studies
        from paripassu.cli import choices

        if self.device not in ("cpu", "cuda"):
            raise ValueError(
                f"a study's --device must be cpu or cuda, and its runs share the GPUs, got {self.device!r}"
            )
        if self.name.endswith(".py"):
            study = studies.load(self.name)
        else:
            study = choices.choose("study", self.name, studies.find())
        choices.choose(f"scale of {study.name}", self.scale, study.scales)
        named = [_named(given) for given in self.data]
        paths = {name: Path(path) for name, path in named}
        if len(paths) < len(named):
            raise ValueError(f"--data names one set twice, got {' '.join(self.data)}: give one path for each")
        return study.on_data(paths).on_games(self.games).on_device(self.device)

    def folder(self, study: "protocol.Study") -> Path:
        """The folder of the study's results."""
        on = [named for named, _ in map(_named, self.data)] + ([] if self.device == "cpu" else [self.device])
        return self.out or Path("runs") / "-".join([study.name, self.scale, *on])


@dataclass(kw_only=True)
class RunStudy(_StudyOptions, EngineOptions):
    """Do the missing runs of a study. Stop it anywhere; the same command continues where it stopped."""

    run_gpus: float | None = None
    """GPUs per run with --device cuda. Without it: 1. With 0.25, four runs share one GPU."""
    pack: Annotated[str | None, tyro.conf.arg(metavar="auto|N")] = None
    """With --device cuda: runs that share a GPU in one process; auto adds runs while that is faster."""
    minutes: float | None = None
    """Work about this long, then judge what is done, with equal trials for all arms. Repeat it to go on."""
    dry_run: bool = False
    """Print every run and do none."""
    quiet: bool = False
    """Show no progress."""

    def __call__(self) -> None:
        """Run, write the page, print the result."""
        from paripassu.cli import choices

        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise ValueError(f"--minutes must be finite and > 0, got {self.minutes}")
        study = self.study()
        out = self.folder(study)
        engine = self.chosen_engine(out, self._gpus(), self._pack())
        if self.dry_run:
            design = study.scale(self.scale).design
            design.check()
            for line in design.plan():
                output.line(line)
            return
        if self.engine == "local":
            choices.device(self.device)
        result = run(study, self.scale, out, engine=engine, quiet=self.quiet, minutes=self.minutes)
        show(result, out, as_json=self.json)

    def _gpus(self) -> float:
        if self.device == "cpu":
            if self.run_gpus is not None:
                raise ValueError("--run-gpus is for --device cuda: add it")
            return 0.0
        gpus = 1.0 if self.run_gpus is None else self.run_gpus
        if not 0 < gpus <= 1:
            raise ValueError(f"--run-gpus must be in (0, 1], because a run uses one GPU, got {gpus}")
        return gpus

    def _pack(self) -> "PackSize | None":
        from paripassu.train.pack_size import MOST

        if self.pack is None:
            return None
        if self.device == "cpu":
            raise ValueError(
                "--pack is for --device cuda, because a core has no room for a second run: add it"
            )
        if self.run_gpus is not None:
            raise ValueError("--pack gives each pack a whole GPU, and --run-gpus a part of it: leave one out")
        if self.pack == "auto":
            return "auto"
        if not (self.pack.isdecimal() and 1 <= int(self.pack) <= MOST):
            raise ValueError(f"--pack must be auto or in 1 to {MOST}, got {self.pack!r}")
        return int(self.pack)


@dataclass(kw_only=True)
class ReportStudy(_StudyOptions):
    """Write a study's result and page again from its runs."""

    def __call__(self) -> None:
        """Judge, write the page, print the result."""
        from paripassu import protocol

        study = self.study()
        out = self.folder(study)
        if not out.exists() or (out.is_dir() and is_empty(out)):
            raise ValueError(f"{out} holds no study yet: run `{self._run()}` first")
        show(protocol.summarise(study, self.scale, out), out, as_json=self.json)

    def _run(self) -> str:
        """The command that makes this study."""
        words = ["paripassu", "study", "run", self.name, "--scale", self.scale]
        words += ["--data", *self.data] if self.data else []
        words += ["--games", *self.games] if self.games else []
        words += ["--device", self.device] if self.device != "cpu" else []
        words += ["--out", str(self.out)] if self.out else []
        return shlex.join(words)


@dataclass
class DiffStudy:
    """Show what changed between two results of a study by more than noise."""

    old: tyro.conf.Positional[Path]
    """The study's old folder."""
    new: tyro.conf.Positional[Path]
    """The study's new folder."""
    json: bool = False
    """Print the result as JSON."""

    def __call__(self) -> None:
        """Print the changes."""
        from paripassu.evidence.changes import study_changes
        from paripassu.records.codec import dump
        from paripassu.report.terminal import changes_table

        changes = study_changes(self.old, self.new)
        if self.json:
            print(dump(changes), end="")
        else:
            output.show(changes_table(changes))


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
        """Carry out the action."""
        self.action()


def run(
    study: "protocol.Study",
    scale: str,
    out: Path,
    *,
    engine: "Engine",
    quiet: bool,
    minutes: float | None = None,
    of_runs: "Callable[[Sequence[UnderWay]], object]" = lambda _: None,
) -> StudyResult:
    """Run a study and show how far it is. ``of_runs`` gets its runs too, about once a second."""
    from paripassu import protocol
    from paripassu.cli import choices
    from paripassu.cli.progress import study_progress

    with study_progress(f"{study.name}, {scale}, steps", _start(engine), quiet=quiet) as progress:
        return protocol.run_study(
            study,
            scale,
            out,
            command=choices.as_typed(),
            engine=engine,
            progress=progress.steps,
            of_runs=lambda runs: (progress.runs(runs), of_runs(runs)),
            minutes=minutes,
            notice=output.notice,
        )


def _start(engine: "Engine") -> str:
    """What is under way before the first run has begun."""
    from paripassu.engine import LocalEngine

    if not isinstance(engine, LocalEngine):
        return "Starting workers"
    count = engine.workers or usable_cores()
    return f"Starting {count} workers" if count > 1 else "Starting 1 worker"


def show(result: StudyResult, out: Path, *, as_json: bool) -> None:
    """Write a study's page; print its result and the page's path."""
    from paripassu.records.codec import dump
    from paripassu.report.study import write_study_page
    from paripassu.report.terminal import study_table

    page = write_study_page(out)
    if as_json:
        print(dump(result), end="")
        return
    output.show(study_table(result, out))
    output.line(f"Page: {page}")


def _named(given: str) -> tuple[str, str]:
    name, equals, path = given.partition("=")
    if not (name and equals and path):
        raise ValueError(f"--data takes NAME=PATH, got {given!r}: write it as cifar10=FOLDER")
    return name, path
