"""``paripassu bench``: speed tables, side by side with what a person would use instead."""

import ast
import json as json_
import math
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from paripassu.cli import output
from paripassu.files import read_whole, write_whole

# src/paripassu/cli/bench.py of a checkout; an installed package has no such folder.
_SCRIPTS = Path(__file__).parents[3] / "benchmarks"

_MOST_ROUNDS, _MOST = 1_000_000, 1000  # a mistyped number is no benchmark of a year

GeneratorName = Literal["DCGAN-64", "SNGAN-32", "StyleGAN2-256"]


@dataclass
class BenchOptim:
    """Time one optimizer step on the parameters of three real generators."""

    generators: list[GeneratorName] = field(default_factory=lambda: ["DCGAN-64", "SNGAN-32", "StyleGAN2-256"])
    """Whose parameters to step."""
    rounds: int = 50
    """Steps of each contestant in each process; contestants take turns."""
    processes: int = 3
    """How often to measure on a generator, each time in a new process, because a machine's speed varies."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where to step. On a GPU, CUDA graphs are replayed too."""
    one_thread: bool = False
    """Use one thread and count its CPU time. This works on a busy machine."""
    out: Path | None = None
    """The table's file. Without it: benchmarks/results/optim-DATE.md, on a GPU optim-cuda-DATE.md."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the result as JSON."""

    def __call__(self) -> None:
        """Measure, write the table, print it."""
        from paripassu.cli import choices

        _check_count("--rounds", self.rounds, _MOST_ROUNDS)
        _check_count("--processes", self.processes, _MOST)
        if not self.generators:
            raise ValueError("--generators needs at least one name: leave it out for all")
        device = choices.device(self.device)
        if self.one_thread and device != "cpu":
            raise ValueError("--one-thread counts the processor's time: leave it out with --device cuda")
        script = load("optim")
        with _counting("bench optim", len(self.generators) * self.processes, quiet=self.quiet) as one_more:
            results, page = script.run(
                self.generators,
                self.rounds,
                self.processes,
                choices.as_typed(),
                one_more,
                device=device,
                one_thread=self.one_thread,
            )
        _finish(results, page, self.out or script.default_page(device), as_json=self.json)


@dataclass
class BenchTheory:
    """Time steps of the synthetic framework beside two ways to write it in torch."""

    rounds: int = 7
    """Rounds of each contestant; contestants take turns."""
    out: Path | None = None
    """The table's file. Without it: benchmarks/results/theory-DATE.md."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the result as JSON."""

    def __call__(self) -> None:
        """Measure, write the table, print it."""
        from paripassu.cli import choices

        _check_count("--rounds", self.rounds, _MOST_ROUNDS)
        script = load("theory")
        with _counting("bench theory", self.rounds, quiet=self.quiet) as one_more:
            results, page = script.run(self.rounds, choices.as_typed(), one_more)
        _finish(results, page, self.out or script.default_page(), as_json=self.json)


@dataclass
class BenchTrain:
    """Time rounds of training, the loop that people write, and the networks alone."""

    rounds: int = 15
    """Rounds of each contestant; contestants take turns."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where to train; the WGAN-GP ResNet has all its 128 channels on a GPU, 32 on the CPU."""
    compile: bool = False
    """Measure torch.compile too, which needs a C++ compiler and minutes."""
    tiny: bool = False
    """Take tiny networks and batches, only to see that everything runs."""
    out: Path | None = None
    """The table's file. Without it: benchmarks/results/train-DATE.md, on a GPU train-cuda-DATE.md."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the result as JSON."""

    def __call__(self) -> None:
        """Measure, write the table, print it."""
        from paripassu.cli import choices

        _check_count("--rounds", self.rounds, _MOST_ROUNDS)
        device = choices.device(self.device)
        script = load("train")
        turns = len(script.loads(device)) * self.rounds
        with _counting("bench train", turns, quiet=self.quiet) as one_more:
            results, page = script.run(
                device, self.rounds, choices.as_typed(), one_more, compiled=self.compile, tiny=self.tiny
            )
        _finish(results, page, self.out or script.default_page(device), as_json=self.json)


@dataclass
class BenchReport:
    """Time a study's page, and finding what is left of a study, with thousands of runs."""

    games: list[int] = field(default_factory=lambda: [3, 6, 12])
    """Games of each study that is made up, in a temporary folder: 300 runs a game, half a megabyte a run."""
    seeds: int = 20
    """Seeds to confirm on; fewer make studies of fewer runs."""
    out: Path | None = None
    """The table's file. Without it: benchmarks/results/report-DATE.md."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the result as JSON."""

    def __call__(self) -> None:
        """Measure, write the table, print it."""
        from paripassu.cli import choices

        for games in self.games or [0]:
            _check_count("--games", games, _MOST)
        _check_count("--seeds", self.seeds, _MOST)
        script = load("report")
        with _counting("bench report", len(self.games) * len(script.PHASES), quiet=self.quiet) as one_more:
            results, page = script.run(self.games, self.seeds, choices.as_typed(), one_more)
        _finish(results, page, self.out or script.default_page(), as_json=self.json)


@dataclass
class List:
    """List every benchmark that comes with the source, and what it measures."""

    def __call__(self) -> None:
        """Print the table."""
        from paripassu.report.terminal_table import TerminalTable

        rows: list[tuple[str, str]] = []
        for path in sorted(_folder().glob("*.py")):
            doc = ast.get_docstring(ast.parse(read_whole(path))) or ""
            rows.append((f"benchmarks/{path.name}", doc.partition("\n")[0]))
        output.show(TerminalTable(("script", "what it measures"), rows))


@dataclass
class Bench:
    """Speed tables, side by side with what a person would use instead."""

    action: (
        Annotated[List, tyro.conf.subcommand("list")]
        | Annotated[BenchOptim, tyro.conf.subcommand("optim")]
        | Annotated[BenchTheory, tyro.conf.subcommand("theory")]
        | Annotated[BenchTrain, tyro.conf.subcommand("train")]
        | Annotated[BenchReport, tyro.conf.subcommand("report")]
    )

    def __call__(self) -> None:
        """Run the chosen benchmark."""
        self.action()


def _check_count(option: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise ValueError(f"{option} must be in 1 to {most:,}, got {number}")


@contextmanager
def _counting(name: str, total: int, *, quiet: bool) -> Generator[Callable[[], None]]:
    """A progress bar of ``total`` rounds. Call what it yields after each round."""
    from paripassu.cli.progress import progress_bar

    rounds = count(1)
    with progress_bar(name, total, quiet=quiet) as advance:
        yield lambda: advance(next(rounds))


def _finish(results: Any, page: str, out: Path, *, as_json: bool) -> None:
    write_whole(out, page)
    if as_json:
        print(json_.dumps(finite(results), indent=2))
    else:
        print(page)
        output.line(f"Table: {out}")


def load(name: str) -> Any:
    """The script of one benchmark, as a module.

    Raises:
        ValueError: there is no folder of benchmarks beside the package.
    """
    # Scripts import what lies beside them, as they do when python runs them.
    if str(_folder()) not in sys.path:
        sys.path.append(str(_folder()))
    return import_module(name)


def _folder() -> Path:
    if not _SCRIPTS.is_dir():
        raise ValueError(
            f"{_SCRIPTS} is not there: benchmarks come with the source, "
            "install the package from a checkout (pip install -e .) and run this again"
        )
    return _SCRIPTS


def finite(value: Any) -> Any:
    """Plain values with null for every number that is not finite: JSON has none."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
