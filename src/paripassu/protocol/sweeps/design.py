"""A sweep as the design of a study: its stages in order, its tables, its verdict rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import polars as pl

from paripassu.evidence.collapse import sweep_tables
from paripassu.protocol.alike import not_alike
from paripassu.protocol.study import Design, Judgement, Unit, Work
from paripassu.protocol.sweeps.batch import Batch, BatchUnit, expected_seconds, made_where, read
from paripassu.protocol.sweeps.sweep import Sweep, Tables
from paripassu.records.study import flat_settings

SweepVerdict = Callable[[Any, Tables], Judgement]
"""A verdict rule: takes a sweep and its tables, returns the findings."""


@dataclass(frozen=True)
class SweepDesign(Design):
    """A sweep and the verdict rule that judges it.

    Args:
        sweep: what runs.
        verdict: applied to the sweep and its tables.
        by_path: sweeps on data in files, made from the files' path.
    """

    sweep: Sweep
    verdict: SweepVerdict
    by_path: Mapping[str, Callable[[Path], Sweep]] = field(default_factory=dict[str, Callable[[Path], Sweep]])

    @property
    def kind(self) -> str:
        """The sweep's kind."""
        return self.sweep.kind

    @property
    def protocol(self) -> str:
        """Empty, because each sweep's rule describes its procedure."""
        return ""

    def settings(self) -> dict[str, Any]:
        """The sweep's."""
        return self.sweep.settings()

    def difference(self, settings: Mapping[str, Any]) -> str:
        """The first setting that differs."""
        there, here = (flat_settings(dict(of)) for of in (settings, self.settings()))
        for name in here | there:
            if there.get(name) != here.get(name):
                return f"{name} is {there.get(name)} there and {here.get(name)} here"
        return ""

    def plan(self) -> list[str]:
        """The batches of the first stage; later stages depend on their outcomes."""
        first, *rest = self.sweep.stages()
        lines = [batch.words for batch in first(pl.DataFrame())]
        return [*lines, *["then the best rates on fresh seeds"] * len(rest)]

    def check(self) -> None:
        """The sweep's."""
        self.sweep.check()

    def work(self, folder: Path, command: str, budget: int | None = None) -> Work:  # noqa: ARG002 - a sweep has one budget
        """The batches of the first stage that is not done."""
        batches, missing = self._batches(folder)
        units: list[Unit] = [BatchUnit.of(batch, folder, command) for batch in missing]
        done = sum(each.run_steps for each in batches) - sum(each.run_steps for each in missing)
        needed = self.sweep.run_steps if missing else done
        seconds = [each for each in expected_seconds(missing, folder) if each is not None]
        if len(seconds) < len(missing):
            return Work(units, done, needed)
        return Work(units, done, needed, seconds, sum(seconds))

    def judge(self, claim: str, folder: Path, budget: int | None = None) -> Judgement:  # noqa: ARG002 - findings have their own claims, and a sweep has one budget
        """Write the tables of all batches, and apply the verdict rule to them."""
        batches, missing = self._batches(folder)
        if missing:
            raise OSError(
                f"tables in {folder} that were just there cannot be read: look at the disk, then give the "
                "same command again"
            )
        tables = Tables(*(read(batches, folder, name) for name in Tables._fields))
        frames = dict(zip(Tables._fields, tables, strict=True))
        sealed = sweep_tables(self.kind, self.settings(), folder)
        sealed.write({name: frame for name, frame in frames.items() if not frame.is_empty()})
        judged = self.verdict(self.sweep, tables)
        return replace(judged, remarks=[*judged.remarks, *not_alike(made_where(batches, folder))])

    def on_data(self, paths: Mapping[str, Path]) -> Self:
        """This design with a sweep from ``by_path``; unchanged without paths."""
        for name in paths.keys() - self.by_path.keys():
            takes = f"takes {', '.join(self.by_path)}" if self.by_path else "takes no data by path"
            raise ValueError(f"this study {takes}: leave out {name}")
        if len(paths) > 1:
            raise ValueError(f"this study plays one data set at a time: choose one of {', '.join(paths)}")
        sweeps = [self.by_path[name](path) for name, path in paths.items()]
        return replace(self, sweep=sweeps[0]) if sweeps else self

    def on_games(self, names: Sequence[str]) -> Self:
        """This design, unchanged; a sweep has one problem."""
        if names:
            raise ValueError(f"a sweep of the theory has no games to choose: leave out {', '.join(names)}")
        return self

    def on_device(self, device: str) -> Self:
        """This design, unchanged; a sweep runs on the CPU."""
        if device != "cpu":
            raise ValueError(f"a sweep of the theory does not use a GPU: leave out the device {device}")
        return self

    def _batches(self, folder: Path) -> tuple[list[Batch], list[Batch]]:
        """All batches that are known to be needed, and those of them that are not done."""
        batches, outcomes = list[Batch](), pl.DataFrame()
        for stage in self.sweep.stages():
            needed = stage(outcomes)
            batches += needed
            missing = [batch for batch in needed if not batch.is_done(folder)]
            if missing:
                return batches, missing
            outcomes = read(batches, folder, "outcomes")
        return batches, []
