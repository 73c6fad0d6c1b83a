"""What a sweep is: which runs, and in which order.

A sweep is a frozen dataclass with stages. A stage takes the outcomes so far and returns its batches. Rates
are chosen on some seeds and judged on others, as in comparisons of GANs.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple, Protocol

import polars as pl

from paripassu.protocol.study import FIRST_CONFIRMATION_SEED
from paripassu.protocol.sweeps.batch import Batch, without_no_pace
from paripassu.sizes import check_sizes
from paripassu.theory.collapse.lanes import WIDTH

Rates = tuple[float, ...]
Stage = Callable[[pl.DataFrame], Sequence[Batch]]

MOST_STEPS = 2**53
MOST_SEEDS = 100_000

METHODS = ("nsgda", "sgda")
"""The methods that the exact reduction plays."""

_HALF_DECADE = 10**0.5


class Tables(NamedTuple):
    """The tables of all runs of a sweep; a table that no run has is empty."""

    outcomes: pl.DataFrame
    paths: pl.DataFrame
    neurons: pl.DataFrame


class Sweep(Protocol):
    """What a `SweepDesign` needs of a sweep."""

    kind: ClassVar[str]

    def settings(self) -> dict[str, Any]:
        """All that makes it another sweep, as JSON reads it back."""
        ...

    @property
    def run_steps(self) -> int:
        """Steps of all runs of all stages, for progress."""
        ...

    def stages(self) -> Sequence[Stage]:
        """The stages in order; each takes the outcomes of those before."""
        ...

    def check(self) -> None:
        """Raise ``ValueError`` where data in files that its runs need are missing or of another kind."""
        ...


class PlainSettings:
    """A frozen dataclass of plain fields, which are its settings."""

    def settings(self) -> dict[str, Any]:
        """The fields as JSON reads them back, with lists for tuples."""
        return json.loads(json.dumps(without_no_pace(asdict(self))))  # pyright: ignore[reportArgumentType] - a dataclass

    def check(self) -> None:
        """Plain fields need no files."""


def half_decades(low: float, high: float) -> Rates:
    """Rates from ``low`` to ``high``, half a decade apart, rounded to two digits."""
    rates: list[float] = []
    while low * _HALF_DECADE ** len(rates) <= high * 1.01:
        rates.append(float(f"{low * _HALF_DECADE ** len(rates):.1e}"))
    return tuple(rates)


def best_rates(outcomes: pl.DataFrame, method: str, part: str) -> tuple[float, float]:
    """The best pair: most runs recover every mode; then most have them at the end; then soonest."""
    own = outcomes.filter((pl.col("method") == method) & (pl.col("part") == part))
    time = pl.min_horizontal("first_recovery", "steps")
    ranked = (
        own.group_by("lr_d", "lr_g", maintain_order=True)
        .agg(
            (pl.col("ever") == "all").sum().alias("recovered"),
            (pl.col("end") == "all").sum().alias("kept"),
            time.mean().alias("time"),
        )
        .sort("recovered", "kept", "time", descending=[True, True, False], maintain_order=True)
    )
    return float(ranked["lr_d"][0]), float(ranked["lr_g"][0])


def groups_of(seeds: range, size: int = WIDTH) -> list[tuple[int, ...]]:
    """Seeds in groups of as many as the kernel plays at once."""
    return [tuple(seeds[n : n + size]) for n in range(0, len(seeds), size)]


def check_methods(methods: Sequence[str], known: Sequence[str]) -> None:
    """Raise ``ValueError`` unless at least one method is named, each is known and none is named twice."""
    for method in methods:
        if method not in known:
            raise ValueError(f"method must be one of {', '.join(known)}, got {method!r}")
    if not methods or len(set(methods)) < len(methods):
        raise ValueError(f"name each method once and at least one, got {', '.join(methods) or 'none'}")


def check_counts(steps: int, patience: int = 1, **seeds: int) -> None:
    """Raise ``ValueError`` for the first count that is no whole number or out of range.

    Args:
        steps: of a run; with ``patience`` times as many they are still exact as float64.
        patience: at least 1.
        seeds: numbers of seeds, at least 1. In a sweep with ``fresh_seeds``, others stay below the first of
            these.
    """
    check_sizes(1, steps=steps, patience=patience, **seeds)
    if steps * patience > MOST_STEPS:
        what = "steps" if patience == 1 else f"steps times patience ({patience})"
        raise ValueError(f"{what} must be at most 2**53, got {steps * patience}")
    for name, count in seeds.items():
        most = FIRST_CONFIRMATION_SEED if name == "seeds" and "fresh_seeds" in seeds else MOST_SEEDS
        if count > most:
            raise ValueError(f"{name} must be at most {most:,}, got {count}")


def check_once(name: str, values: Sequence[float]) -> None:
    """Raise ``ValueError`` for a value that is named twice: its runs would count twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"{name} must have each value once, got {', '.join(map(str, values))}")


def check_rates(name: str, rates: Rates) -> None:
    """Raise ``ValueError`` unless there is a learning rate, each is finite, > 0 and there once."""
    if not rates:
        raise ValueError(f"{name} is an empty grid: give at least one learning rate")
    for rate in rates:
        if not 0 < rate < float("inf"):
            raise ValueError(f"{name} must be finite and > 0, got {rate}")
    check_once(name, rates)
