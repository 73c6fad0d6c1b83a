"""``paripassu bench``: speed tables, side by side with what a person would use instead."""

import ast
import json as json_
import math
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from paripassu.cli import choices
from paripassu.cli.progress import progress_bar
from paripassu.records import write_atomic

# src/paripassu/cli/bench.py of a checkout; an installed package has no such folder.
_SCRIPTS = Path(__file__).parents[3] / "benchmarks"

Generator = Literal["DCGAN-64", "SNGAN-32", "StyleGAN2-256"]


@dataclass
class BenchOptim:
    """Time one optimizer step on the parameters of three real generators."""

    generators: list[Generator] = field(default_factory=lambda: ["DCGAN-64", "SNGAN-32", "StyleGAN2-256"])
    """Whose parameters to step."""
    rounds: int = 50
    """Steps of each contestant, taken in turns."""
    one_thread: bool = False
    """Use one thread and count its CPU time: what a busy machine can measure."""
    out: Path | None = None
    """The table's file; benchmarks/results/optim-DATE.md without it."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """The result as JSON."""

    def __call__(self) -> None:
        """Measure, write the table, print it."""
        if self.rounds < 1:
            raise ValueError(f"--rounds must be at least 1, got {self.rounds}")
        script = load("optim")
        done = 0
        with progress_bar("bench optim", len(self.generators) * self.rounds, quiet=self.quiet) as advance:

            def one_more() -> None:
                nonlocal done
                done += 1
                advance(done)

            results, page = script.run(
                self.generators, self.rounds, choices.as_typed(), one_more, one_thread=self.one_thread
            )
        out = self.out or script.default_page()
        write_atomic(out, page)
        print(json_.dumps(finite(results), indent=2) if self.json else f"{page}\nTable: {out}")


@dataclass
class List:
    """Name every benchmark that comes with the source, and the question it answers."""

    def __call__(self) -> None:
        """Print the table."""
        table = Table("script", "what it measures")
        for path in sorted(_folder().glob("*.py")):
            doc = ast.get_docstring(ast.parse(path.read_text())) or ""
            table.add_row(f"benchmarks/{path.name}", doc.partition("\n")[0])
        Console().print(table)


@dataclass
class Bench:
    """Speed tables, side by side with what a person would use instead."""

    action: (
        Annotated[List, tyro.conf.subcommand("list")] | Annotated[BenchOptim, tyro.conf.subcommand("optim")]
    )

    def __call__(self) -> None:
        """Do what was asked."""
        self.action()


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
