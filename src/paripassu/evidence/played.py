"""The table of outcomes of a sweep that `play` played: one row a run, one column a measured number."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from paripassu.evidence.collapse import OUTCOMES_TABLE, sweep_table
from paripassu.records import StudyResult

_KEYS = ("condition", "arm", "part", "seed", "diverged_at")
_FEW = 3  # rates that are listed; more are counted


class PlayedArm(NamedTuple):
    """An arm under one condition.

    Attributes:
        condition: in words.
        arm: its name.
        rates: its learning rates, in words.
        runs: how many.
        diverged: of those.
        values: each measured number over the runs that have it, by its name.
    """

    condition: str
    arm: str
    rates: str
    runs: int
    diverged: int
    values: dict[str, list[float]]


def judged_runs(outcomes: pl.DataFrame) -> pl.DataFrame:
    """The runs that are judged: under each condition those on fresh seeds, if it has any, else all.

    Runs for tuning are never judged.

    Args:
        outcomes: of a sweep, one row a run.

    Example:
        >>> runs = {"condition": ["ring", "ring", "digits"], "part": ["tuning", "fresh", "runs"]}
        >>> judged_runs(pl.DataFrame(runs))["part"].to_list()
        ['fresh', 'runs']
    """
    is_fresh = pl.col("part").str.starts_with("fresh")
    is_judged = pl.when(is_fresh.any().over("condition")).then(is_fresh).otherwise(pl.col("part") != "tuning")
    return outcomes.filter(is_judged)


def played_arms(result: StudyResult, folder: Path) -> list[PlayedArm]:
    """What sums a sweep up: its `judged_runs`, by condition and arm.

    Raises:
        ValueError: the table is missing or damaged.
    """
    return list(_arms(judged_runs(sweep_table(result, folder, OUTCOMES_TABLE))))


def _arms(outcomes: pl.DataFrame) -> Iterator[PlayedArm]:
    rates = [name for name in outcomes.columns if name.startswith("lr_")]
    measured = [name for name in outcomes.columns if name not in (*_KEYS, *rates)]
    for (condition, arm), own in outcomes.group_by("condition", "arm", maintain_order=True):
        values = {name: own[name].drop_nulls().drop_nans().to_list() for name in measured}
        yield PlayedArm(
            str(condition), str(arm), _rates(own.select(rates)), len(own),
            int(own["diverged_at"].is_finite().sum()),
            {name: numbers for name, numbers in values.items() if numbers},
        )  # fmt: skip


def _rates(rates: pl.DataFrame) -> str:
    distinct = rates.unique(maintain_order=True)
    if len(distinct) > _FEW:
        return f"{len(distinct):,} rates" if distinct.width == 1 else f"{len(distinct):,} pairs"
    rows = (dict.fromkeys(f"{rate:.3g}" for rate in row if rate is not None) for row in distinct.iter_rows())
    return ", ".join(" and ".join(row) for row in rows)
