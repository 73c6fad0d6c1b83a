"""A sweep as the design of a study: its stages in order, its tables, its verdict rule."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import polars as pl

from paripassu.evidence.collapse import sweep_tables
from paripassu.protocol.study import Design, Judgement, Unit, Work
from paripassu.protocol.sweeps.chunk import Chunk, ChunkUnit, read
from paripassu.protocol.sweeps.sweep import Sweep, Tables
from paripassu.records.study import flat_settings

SweepVerdict = Callable[[Any, Tables], Judgement]
"""A verdict rule: takes a sweep and its tables, returns the findings."""


@dataclass(frozen=True)
class SweepDesign(Design):
    """A sweep and the verdict rule that judges it.

    Args:
        sweep: what runs, a frozen dataclass of plain settings.
        verdict: applied to the sweep and its tables.
    """

    sweep: Sweep
    verdict: SweepVerdict

    @property
    def kind(self) -> str:
        """The sweep's kind."""
        return self.sweep.kind

    @property
    def protocol(self) -> str:
        """Empty, because each sweep's rule describes its procedure."""
        return ""

    def settings(self) -> dict[str, Any]:
        """The sweep's fields as JSON reads them back, with lists for tuples."""
        return json.loads(json.dumps(asdict(self.sweep)))  # pyright: ignore[reportArgumentType] - a dataclass

    def difference(self, settings: Mapping[str, Any]) -> str:
        """The first setting that differs."""
        there, here = (flat_settings(dict(of)) for of in (settings, self.settings()))
        for name in here | there:
            if there.get(name) != here.get(name):
                return f"{name} is {there.get(name)} there and {here.get(name)} here"
        return ""

    def plan(self) -> list[str]:
        """The chunks of the first stage; later stages depend on their outcomes."""
        first, *rest = self.sweep.stages()
        lines = [
            f"{chunk.part}: {chunk.method}, d = {chunk.framework.d:,}, {len(chunk.rates)} pairs of rates, "
            f"{len(chunk.seeds)} seeds, {chunk.steps:,} steps"
            for chunk in first(pl.DataFrame())
        ]
        return [*lines, *["then the best pairs on fresh seeds"] * len(rest)]

    def work(self, folder: Path, command: str, budget: int | None = None) -> Work:  # noqa: ARG002 - chunks keep no command, and a sweep has one budget
        """The chunks of the first stage that is not done."""
        chunks, missing = self._chunks(folder)
        units: list[Unit] = [ChunkUnit(chunk, folder) for chunk in missing]
        done = sum(c.run_steps for c in chunks) - sum(c.run_steps for c in missing)
        return Work(units, done, self.sweep.run_steps if missing else done)

    def judge(self, claim: str, folder: Path, budget: int | None = None) -> Judgement:  # noqa: ARG002 - findings have their own claims, and a sweep has one budget
        """Write the tables of all chunks, and apply the verdict rule to them."""
        chunks, missing = self._chunks(folder)
        assert not missing, f"{folder} is not finished"
        tables = Tables(*(read(chunks, folder, name) for name in Tables._fields))
        frames = dict(zip(Tables._fields, tables, strict=True))
        sealed = sweep_tables(self.kind, self.settings(), folder)
        sealed.write({name: frame for name, frame in frames.items() if not frame.is_empty()})
        return self.verdict(self.sweep, tables)

    def on_data(self, paths: Mapping[str, Path]) -> Self:
        """This design, unchanged; a sweep takes no data."""
        if paths:
            raise ValueError(f"a sweep of the theory takes no data by path: leave out {', '.join(paths)}")
        return self

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

    def _chunks(self, folder: Path) -> tuple[list[Chunk], list[Chunk]]:
        """All chunks that are known to be needed, and those of them that are not done."""
        chunks, outcomes = list[Chunk](), pl.DataFrame()
        for stage in self.sweep.stages():
            needed = stage(outcomes)
            chunks += needed
            missing = [chunk for chunk in needed if not chunk.is_done(folder)]
            if missing:
                return chunks, missing
            outcomes = read(chunks, folder, "outcomes")
        return chunks, []
