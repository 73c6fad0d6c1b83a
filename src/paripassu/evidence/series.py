"""Tidy frames of several runs by arm and seed, and those averaged over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence.tables import run_tables
from paripassu.files import inside
from paripassu.records import REAL_PICTURE

Runs = Mapping[str, Sequence[Path]]
"""Run folders by arm, one a seed."""


def read_arms(runs: Runs, kinds: Sequence[str]) -> pl.DataFrame:
    """The records of some kinds of every run.

    Args:
        runs: to read; a folder without records has no rows.
        kinds: names of record types, such as ``"Metric"``.

    Returns:
        ``arm, seed`` and the columns of `paripassu.evidence.tables.run_tables`. A seed is a place in the
        arm's sequence.

    Raises:
        ValueError: a run's records are damaged.
    """
    places = [(arm, seed) for arm, folders in runs.items() for seed in range(len(folders))]
    table = run_tables([folder for folders in runs.values() for folder in folders], kinds)
    names = pl.DataFrame(places, schema={"arm": pl.String, "seed": pl.Int64}, orient="row")
    return table.select(names[column].gather(table["run"]) for column in names.columns).hstack(
        table.drop("run")
    )


def metrics(table: pl.DataFrame) -> pl.DataFrame:
    """``arm, seed, step, name, value``: every measurement."""
    return table.filter(kind="Metric").select("arm", "seed", "step", "name", "value")


def losses(table: pl.DataFrame) -> pl.DataFrame:
    """``arm, seed, step, name, value``: both players' losses."""
    own = table.filter(kind="Losses").select("arm", "seed", "step", "discriminator", "generator")
    return own.unpivot(index=["arm", "seed", "step"], variable_name="name")


def updates(table: pl.DataFrame) -> pl.DataFrame:
    """``arm, seed, step, player, update, relative, cosine``: whole players' probed steps.

    ``relative`` is the step's length over the weights' norm; not finite where the weights are zero.
    """
    own = table.filter(kind="Update", layer="")
    relative = pl.col("update") / pl.col("weight")
    return own.select("arm", "seed", "step", "player", "update", relative.alias("relative"), "cosine")


def pace(table: pl.DataFrame) -> pl.DataFrame:
    """``arm, seed, step, name, value``: of every pair of players, named ``player / against``."""
    pair = pl.concat_str("player", "against", separator=" / ").alias("name")
    return table.filter(kind="Pace").select("arm", "seed", "step", pair, "value")


def layers(table: pl.DataFrame) -> pl.DataFrame:
    """``arm, player, layer, step, rule, magnitude, cosine``: every probed layer of each arm's first run.

    Where ``rule`` is empty, they are the length of the step and its cosine with the negative gradient. Else
    they are the ratio of that length to a shadow rule's and the cosine with its step.
    """
    own = table.filter(pl.col("seed") == 0, pl.col("layer") != "")
    is_shadow = pl.col("kind") == "Shadow"
    return own.select(
        "arm",
        "player",
        "layer",
        "step",
        pl.col("rule").fill_null(""),
        pl.when(is_shadow).then("ratio").otherwise("update").alias("magnitude"),
        "cosine",
    )


def over_seeds(frame: pl.DataFrame, value: str = "value") -> pl.DataFrame:
    """``arm, step, mean, low, high``: mean and range over seeds of a column, where it is a finite number."""
    finite = frame.filter(pl.col(value).is_finite())
    grouped = finite.group_by("arm", "step", maintain_order=True)
    column = pl.col(value)
    return grouped.agg(
        column.mean().alias("mean"), column.min().alias("low"), column.max().alias("high")
    ).sort("step")


def pictures(table: pl.DataFrame, folder: Path) -> dict[int, Path]:
    """One run's sample pictures that exist, by step.

    Args:
        table: the run's records, of which those of kind ``"Samples"`` are used.
        folder: the run's.

    Raises:
        ValueError: a record names a file that is not a PNG file in the run's ``samples`` folder. A folder
            from somebody else could show any file of this machine on its page otherwise.
    """
    shown = table.filter(kind="Samples").select("step", "path").iter_rows()
    found = {step: inside(folder, path, pattern="samples/*.png") for step, path in shown}
    return {step: path for step, path in found.items() if path.is_file()}


def first_real_picture(folders: Iterable[Path]) -> Path | None:
    """The picture of real data of the first run that has one; None without one."""
    return next(filter(None, map(real_picture, folders)), None)


def real_picture(folder: Path) -> Path | None:
    """The picture of real data that a run's folder has; None without one.

    Raises:
        ValueError: it leads out of the folder.
    """
    path = inside(folder, REAL_PICTURE, pattern=REAL_PICTURE)
    return path if path.is_file() else None
