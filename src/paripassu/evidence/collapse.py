"""Tables of a sweep over the synthetic framework: outcomes, paths, neurons."""

from pathlib import Path

import polars as pl

from paripassu.records import StudyResult

OUTCOMES_TABLE, PATHS_TABLE, NEURONS_TABLE = "outcomes", "paths", "neurons"

METHODS = {
    "nsgda": "nSGDA",
    "sgda": "SGDA",
    "adam": "Adam",
    "ada-nsgda": "Ada-nSGDA",
    "adadir": "AdaDir",
}
"""Titles of the methods, in the order of legends."""

VARIED = ("rarest", "gamma", "modes", "n_generator", "n_discriminator")
"""The settings that a sweep of kind vary varies, each the column that has its values."""


def has_table(folder: Path, name: str) -> bool:
    """Whether a sweep has a table."""
    return _path(folder, name).is_file()


def sweep_table(folder: Path, name: str) -> pl.DataFrame:
    """One of a sweep's tables.

    Raises:
        ValueError: it is missing or damaged.
    """
    path = _path(folder, name)
    try:
        return pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(
            f"{path} is missing or damaged: give the sweep's command again to write it"
        ) from error


def deciding_outcomes(result: StudyResult, folder: Path) -> pl.DataFrame:
    """The runs that sum a sweep up: those of the fresh seeds where the sweep chose rates, else all.

    Returns:
        The columns of the table of outcomes. A sweep of kind vary also has ``setting``, the value of what
        its ``part`` varies.

    Raises:
        ValueError: the table is missing or damaged.
    """
    outcomes = sweep_table(folder, OUTCOMES_TABLE)
    if result.kind in ("phase", "scaling"):
        return outcomes.filter(pl.col("part").str.starts_with("fresh"))
    if result.kind == "vary":
        parts = [outcomes.filter(pl.col("part") == part) for part in VARIED]
        return pl.concat(
            own.with_columns(setting=pl.col(part).cast(pl.Float64))
            for part, own in zip(VARIED, parts, strict=True)
        )
    return outcomes


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"
