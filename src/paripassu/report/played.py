"""What a sweep that `play` played rests on: one table a condition, with each arm's measured numbers."""

from itertools import groupby
from pathlib import Path

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.evidence.played import PlayedArm, played_arms
from paripassu.records import StudyResult
from paripassu.report.page import Section, Table

_CAPTION = "Means over runs with bootstrap 95 % intervals, without the runs that have no number."


def sections(result: StudyResult, folder: Path) -> list[Section]:
    """The tables of all conditions."""
    return [Section("Outcomes", [*summary(result, folder)])]


def summary(result: StudyResult, folder: Path) -> list[Table]:
    """One table for each condition, a row for each arm.

    Raises:
        ValueError: the sweep's table of outcomes is missing or damaged.
    """
    arms = sorted(played_arms(result, folder), key=lambda arm: arm.condition)
    return [_table(condition, list(own)) for condition, own in groupby(arms, lambda arm: arm.condition)]


def _table(condition: str, arms: list[PlayedArm]) -> Table:
    names = list(dict.fromkeys(name for arm in arms for name in arm.values))
    rows = [
        (
            arm.arm,
            arm.rates,
            f"{arm.runs:,}" + (f", {arm.diverged:,} diverged" if arm.diverged else ""),
            *(_estimate(arm.values.get(name, [])) for name in names),
        )
        for arm in arms
    ]
    return Table((condition, "rates", "runs", *names), rows, caption=_CAPTION)


def _estimate(values: list[float]) -> str:
    if len(set(values)) < 2:
        return f"{values[0]:.3g}" if values else "none"
    return str(bootstrap_interval(lambda mean: mean, values))
