"""Cells whose rates are chosen on some seeds and played on others, and cells that are shown as one table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import polars as pl

from paripassu.evidence.dissection import Column
from paripassu.protocol.study import fresh_seeds
from paripassu.protocol.sweeps.framework_cell import FrameworkCell
from paripassu.protocol.sweeps.played import Cell, PlayedSweep
from paripassu.theory import Problem

Tuned = TypeVar("Tuned", Cell, FrameworkCell)


def at_best_rate(cell: Tuned, outcomes: pl.DataFrame, criterion: str, seeds: int, **changes: Any) -> Tuned:
    """A tuning cell on fresh seeds, at the first of its rates with the smallest mean.

    Args:
        cell: whose part is ``"tuning"``.
        outcomes: with its runs.
        criterion: the measured number; a run without it counts as infinite.
        seeds: how many fresh ones.
        **changes: of the cell's other fields.
    """
    own = outcomes.filter(condition=cell.condition, arm=cell.arm, part=cell.part)
    runs = own[criterion].fill_nan(math.inf).fill_null(math.inf).to_numpy()
    # Runs are in the order of rates, and of seeds within a rate.
    rate = cell.rates[int(np.argmin(runs.reshape(len(cell.rates), -1).mean(axis=1)))]
    return replace(cell, rates=(rate,), seeds=fresh_seeds(seeds), part="fresh", **changes)


@dataclass(frozen=True)
class TunedCells:
    """Cells on tuning seeds, and what the best rates of each are played on.

    Attributes:
        tuning: the cells, whose part is ``"tuning"``.
        criterion: the measured number whose mean over tuning seeds is to be smallest. A run without it counts
            as infinite.
        seeds: fresh ones.
        problem: for the fresh seeds, if it is another one.
    """

    tuning: Sequence[Cell]
    criterion: str
    seeds: int
    problem: Problem | None = None

    def fresh(self, outcomes: pl.DataFrame) -> list[Cell]:
        """Every cell at its best rates on fresh seeds, from the outcomes on tuning seeds."""
        return [
            at_best_rate(cell, outcomes, self.criterion, self.seeds, problem=self.problem or cell.problem)
            for cell in self.tuning
        ]


@dataclass(frozen=True)
class DissectionSweep(PlayedSweep):
    """Cells with the columns of the table that they are shown in.

    Attributes:
        columns: of the table.
    """

    columns: Sequence[Column] = ()

    kind: ClassVar[str] = "dissection"

    def settings(self) -> dict[str, Any]:
        """Those of its cells, and the columns."""
        return {**super().settings(), "columns": {c.name: c.settings() for c in self.columns}}
