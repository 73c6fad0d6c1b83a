"""Tables of a sweep over the synthetic framework: outcomes, paths, neurons."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from paripassu.evidence.sealed import SealedTables
from paripassu.records import StudyResult

T = TypeVar("T")

_INDEX = "tables.json"

OUTCOMES_TABLE, PATHS_TABLE, NEURONS_TABLE = "outcomes", "paths", "neurons"

METHODS = {
    "nsgda": "nSGDA",
    "sgda": "SGDA",
    "shares": "Shares",
    "adam": "Adam",
    "ada-nsgda": "Ada-nSGDA",
    "adadir": "AdaDir",
}
"""Titles of the methods, in the order of legends."""

VARIED = ("rarest", "gamma", "modes", "n_generator", "n_discriminator")
"""The settings that a sweep of kind vary varies, each the column that has its values."""


def sweep_tables(kind: str, settings: Mapping[str, Any], folder: Path) -> SealedTables:
    """A sweep's tables, made from its chunks.

    Args:
        kind: of the sweep.
        settings: as ``study.json`` has them.
        folder: the sweep's.
    """
    return SealedTables(folder / _INDEX, {"kind": kind, "settings": settings})


def has_table(result: StudyResult, folder: Path, name: str) -> bool:
    """Whether a sweep has a table.

    Raises:
        ValueError: the index of its tables is missing, damaged or of another sweep.
    """
    return name in _or_repair(sweep_tables(result.kind, result.settings, folder).names)


def sweep_table(result: StudyResult, folder: Path, name: str) -> pl.DataFrame:
    """One of a sweep's tables.

    Raises:
        ValueError: it is missing, damaged or of another sweep.
    """
    return _or_repair(lambda: sweep_tables(result.kind, result.settings, folder).read(name))


def _or_repair(read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"{error}: give the sweep's command again to write it") from error


def deciding_outcomes(result: StudyResult, folder: Path) -> pl.DataFrame:
    """The runs that sum a sweep up: those of the fresh seeds where the sweep chose rates, else all.

    Returns:
        The columns of the table of outcomes. A sweep of kind vary also has ``setting``, the value of what
        its ``part`` varies.

    Raises:
        ValueError: the table is missing or damaged.
    """
    outcomes = sweep_table(result, folder, OUTCOMES_TABLE)
    if result.kind in ("phase", "scaling"):
        return outcomes.filter(pl.col("part").str.starts_with("fresh"))
    if result.kind == "vary":
        parts = [outcomes.filter(pl.col("part") == part) for part in VARIED]
        return pl.concat(
            own.with_columns(setting=pl.col(part).cast(pl.Float64))
            for part, own in zip(VARIED, parts, strict=True)
        )
    return outcomes
