"""Tables of a sweep over the synthetic framework: how many runs recovered every mode, and how time grows."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence.collapse import METHODS, deciding_outcomes
from paripassu.records import StudyResult, span
from paripassu.report.page import Table

EVER = "Ever: at some recorded step within the budget. At the end: at the last step."

_TITLES = {"rarest": "rarer mode", "gamma": "γ", "n_generator": "m_G", "n_discriminator": "m_D", "part": ""}
_KEYS: Mapping[str, tuple[str, ...]] = {
    "run": ("d", "lr_d", "lr_g", "steps"),
    "phase": ("lr_d", "lr_g", "steps"),
    "scaling": ("d", "lr_d", "lr_g"),
    "vary": ("part", "setting"),
}
"""By the kind of sweep: what a row of its summary is of, beside the method."""


def summary(result: StudyResult, folder: Path) -> Table:
    """The table that sums a sweep up.

    Raises:
        ValueError: the sweep's table of outcomes is missing or damaged.
    """
    outcomes = deciding_outcomes(result, folder)
    # Without a rate the generator follows a pace, which is among the settings.
    keys = [key for key in _KEYS[result.kind] if key != "lr_g" or outcomes[key].is_not_nan().all()]
    return recovery(outcomes, keys, to_the_end=result.kind != "scaling")


def recovery(outcomes: pl.DataFrame, keys: Sequence[str], *, to_the_end: bool = True) -> Table:
    """How many runs had every mode ever and at the end, and when first, for each value of ``keys``.

    Args:
        outcomes: one row per run.
        keys: columns that a row is of, beside the method.
        to_the_end: whether runs went on after they had every mode; else their end says nothing.
    """
    rows = outcomes.group_by("method", *keys, maintain_order=True).agg(
        pl.len().alias("runs"),
        (pl.col("ever") == "all").sum(),
        (pl.col("end") == "all").sum(),
        pl.col("first_recovery").median().alias("median"),
        (pl.col("end") == "diverged").sum().alias("diverged"),
    )
    counted = ("ever", "end", "diverged") if to_the_end else ("ever", "diverged")
    titles = {"ever": "ever", "end": "at the end", "diverged": "diverged"}
    return Table(
        (
            "method",
            *(_TITLES.get(key, key) for key in keys),
            *(titles[name] for name in counted),
            "first, median",
        ),
        [
            (
                METHODS[row["method"]],
                *(_cell(row[key]) for key in keys),
                *(f"{row[name]} of {row['runs']}" for name in counted),
                f"{row['median']:,.0f}" if math.isfinite(row["median"]) else "never",
            )
            for row in rows.iter_rows(named=True)
        ],
        caption="Runs that had every mode. "
        + (EVER if to_the_end else "A run stops at the first record with every mode."),
    )


def exponents(result: StudyResult) -> Table:
    """The exponents with which the time to recover every mode grows with the dimension."""
    return Table(
        ("method", "exponent", "95 % interval", "over d"),
        [
            (
                METHODS[fit.method],
                f"{fit.exponent:.2f}" if math.isfinite(fit.exponent) else "none",
                span(fit.low, fit.high, " to ") if math.isfinite(fit.exponent) else "",
                ", ".join(f"{d:,}" for d in fit.dimensions),
            )
            for fit in result.fits
        ],
        caption="Time proportional to d to this power, fitted where most seeds recovered within the budget.",
    )


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
