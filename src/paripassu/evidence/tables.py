"""Records of several runs as tidy frames, and those averaged over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.records import RECORDS_FILE, Losses, Metric, Pace, Record, Samples, Shadow, Update
from paripassu.records.codec import read_records

Runs = Mapping[str, Sequence[Path]]  # run folders by arm, one a seed
Records = Mapping[str, Sequence[Sequence[Record]]]  # what each of them recorded


def read_runs(runs: Runs) -> Records:
    """The records of every run, by arm and seed; a folder without records has none."""
    return {arm: [_records(folder) for folder in folders] for arm, folders in runs.items()}


def _records(folder: Path) -> list[Record]:
    path = folder / RECORDS_FILE
    return list(read_records(path)) if path.is_file() else []


def pace_gaps(paths: pl.DataFrame) -> pl.DataFrame:
    """``method, seed, gap, moving`` of a sweep's paths: mean distance of the pace from 1, in decades.

    A step at which a player stands still has no pace and is left out of the mean, as are runs without any
    other; ``moving`` is the share of a run's recorded steps that are in it.
    """
    apart = (pl.col("pace_d") / pl.col("pace_g")).log10().abs()
    usable = pl.col("gap").is_finite()
    by_run = paths.with_columns(gap=apart).group_by("method", "seed", maintain_order=True)
    means = by_run.agg(pl.col("gap").filter(usable).mean(), usable.mean().alias("moving"))
    return means.filter(pl.col("moving") > 0)


def metrics(records: Records) -> pl.DataFrame:
    """``arm, seed, step, name, value``: every measurement."""
    rows = [
        (arm, seed, r.step, r.name, r.value)
        for arm, runs in records.items()
        for seed, run in enumerate(runs)
        for r in run
        if isinstance(r, Metric)
    ]
    schema = {"arm": pl.String, "seed": pl.Int64, "step": pl.Int64, "name": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def losses(records: Records) -> pl.DataFrame:
    """``arm, seed, step, name, value``: both players' losses."""
    rows = [
        (arm, seed, r.step, player, value)
        for arm, runs in records.items()
        for seed, run in enumerate(runs)
        for r in run
        if isinstance(r, Losses)
        for player, value in (("discriminator", r.discriminator), ("generator", r.generator))
    ]
    schema = {"arm": pl.String, "seed": pl.Int64, "step": pl.Int64, "name": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def updates(records: Records) -> pl.DataFrame:
    """``arm, seed, step, player, update, relative, cosine``: whole players' probed steps."""
    rows = [
        (arm, seed, r.step, r.player, r.update, r.update / r.weight if r.weight else None, r.cosine)
        for arm, runs in records.items()
        for seed, run in enumerate(runs)
        for r in run
        if isinstance(r, Update) and not r.layer
    ]
    numbers = dict.fromkeys(("update", "relative", "cosine"), pl.Float64)
    schema = {"arm": pl.String, "seed": pl.Int64, "step": pl.Int64, "player": pl.String} | numbers
    return pl.DataFrame(rows, schema=schema, orient="row")


def pace(records: Records) -> pl.DataFrame:
    """``arm, seed, step, name, value``: of every pair of players, named ``player / against``."""
    rows = [
        (arm, seed, r.step, f"{r.player} / {r.against}", r.value)
        for arm, runs in records.items()
        for seed, run in enumerate(runs)
        for r in run
        if isinstance(r, Pace)
    ]
    schema = {"arm": pl.String, "seed": pl.Int64, "step": pl.Int64, "name": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def layers(records: Records) -> pl.DataFrame:
    """``arm, player, layer, step, rule, magnitude, cosine``: every probed layer of each arm's first run.

    With an empty ``rule`` the two are the length of the step and its cosine with the negative gradient, else
    the ratio of that length to a shadow rule's and the cosine with its step.
    """
    rows: list[tuple[str, str, str, int, str, float, float]] = []
    for arm, runs in records.items():
        for r in runs[0] if runs else ():
            if isinstance(r, Update) and r.layer:
                rows.append((arm, r.player, r.layer, r.step, "", r.update, r.cosine))
            elif isinstance(r, Shadow) and r.layer:
                rows.append((arm, r.player, r.layer, r.step, r.rule, r.ratio, r.cosine))
    texts, numbers = ("player", "layer"), ("magnitude", "cosine")
    schema = {"arm": pl.String} | dict.fromkeys(texts, pl.String) | {"step": pl.Int64, "rule": pl.String}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(numbers, pl.Float64), orient="row")


def over_seeds(frame: pl.DataFrame, value: str = "value") -> pl.DataFrame:
    """``arm, step, mean, low, high``: mean and range over seeds of a column, where it is a finite number."""
    finite = frame.filter(pl.col(value).is_finite())
    grouped = finite.group_by("arm", "step", maintain_order=True)
    column = pl.col(value)
    return grouped.agg(
        column.mean().alias("mean"), column.min().alias("low"), column.max().alias("high")
    ).sort("step")


def pictures(run: Iterable[Record], folder: Path) -> dict[int, Path]:
    """A run's sample pictures that exist, by step."""
    shown = ((r.step, folder / r.path) for r in run if isinstance(r, Samples))
    return {step: path for step, path in shown if path.is_file()}
