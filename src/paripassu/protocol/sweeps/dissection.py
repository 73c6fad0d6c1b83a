"""Cells whose rates are chosen on some seeds and played on others, and cells that are shown as one table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import polars as pl

from paripassu.evidence.dissection import Column
from paripassu.protocol.study import FIRST_CONFIRMATION_SEED
from paripassu.protocol.sweeps.played import Cell, PlayedSweep, Rate
from paripassu.theory import Problem


def best_rate(cell: Cell, outcomes: pl.DataFrame, criterion: str) -> Rate:
    """The first of a tuning cell's rates with the smallest mean; a run without a number counts as infinite.

    Args:
        cell: whose part is ``"tuning"``.
        outcomes: with its runs.
        criterion: the measured number.
    """
    own = outcomes.filter(condition=cell.condition, arm=cell.arm, part=cell.part)
    runs = own[criterion].fill_nan(math.inf).fill_null(math.inf).to_numpy()
    # Runs are in the order of rates, and of seeds within a rate.
    return cell.rates[int(np.argmin(runs.reshape(len(cell.rates), -1).mean(axis=1)))]


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
        seeds = range(FIRST_CONFIRMATION_SEED, FIRST_CONFIRMATION_SEED + self.seeds)
        return [
            replace(
                cell,
                rates=(best_rate(cell, outcomes, self.criterion),),
                seeds=seeds,
                part="fresh",
                problem=self.problem or cell.problem,
            )
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
