"""The runs in a folder, one row each: state, optimizers, rates, steps, last metrics."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.evidence.tables import run_ends, run_table
from paripassu.records import RECORDS_FILE, RUN_FILE, RunHeader, is_of_one_class
from paripassu.records.codec import OtherSchemaError, load

_FIXED = {
    "run": pl.String, "state": pl.String, "data": pl.String, "model": pl.String, "optimizer": pl.String,
    "lr_g": pl.Float64, "lr_d": pl.Float64, "seed": pl.Int64, "steps": pl.Int64, "step": pl.Int64,
}  # fmt: skip


def runs_in(folder: Path) -> pl.DataFrame:
    """Every run below a folder.

    Args:
        folder: of runs, or of studies.

    Returns:
        ``run`` (its folder, relative), ``state`` (finished, diverged, incomplete, damaged, or other version:
        written by another paripassu), ``data``, ``model``, ``optimizer`` (the generator's, and the
        discriminator's if it is another), ``lr_g``, ``lr_d``, ``seed``, ``steps`` (wanted), ``step``
        (reached), and a column for each metric with its last value.

    Raises:
        ValueError: the folder is not there, or holds no run.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name one with runs in it")
    found = sorted(path.parent for path in folder.rglob(RUN_FILE) if (path.parent / RECORDS_FILE).exists())
    if not found:
        raise ValueError(f"{folder} holds no runs: name a folder that has run folders in it")
    rows = [{"run": str(path.relative_to(folder)), **_row(path)} for path in found]
    metrics = dict.fromkeys(name for row in rows for name in row if name not in _FIXED)
    schema = _FIXED | dict.fromkeys(metrics, pl.Float64)
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def _row(folder: Path) -> dict[str, Any]:
    try:
        settings, records = load(folder / RUN_FILE, RunHeader).settings, run_table(folder)
        end = run_ends([folder])[0]
    except OtherSchemaError:
        return {"state": "other version"}
    except ValueError:
        return {"state": "damaged"}
    measured = records.filter(kind="Metric").group_by("name", maintain_order=True).agg(pl.col("value").last())
    players = [settings.get(player) or {} for player in ("generator", "discriminator")]
    rules = list(dict.fromkeys(_rule(player.get("rule")) for player in players))
    return {
        "state": end.outcome if end else "incomplete",
        "data": _part(settings.get("data")),
        "model": _part(settings.get("model")),
        "optimizer": ", ".join(rules),
        "lr_g": players[0].get("lr"),
        "lr_d": players[1].get("lr"),
        "seed": settings.get("seed"),
        "steps": settings.get("steps"),
        "step": records["step"].max() or 0,
    } | {
        name: value
        for name, value in measured.iter_rows()
        if name not in _FIXED and not is_of_one_class(name)
    }


def _part(settings: Any) -> str:
    """A part of a run by its class's name, data by where they are from, own parts by their names."""
    if not isinstance(settings, Mapping):
        return ""
    for wrapped in ("source", "function", "dataset"):
        if isinstance(inner := settings.get(wrapped), Mapping):
            return _part(inner)
    place = settings.get("path") or settings.get("dataset")
    return Path(place).name if isinstance(place, str) else str(settings.get("is", ""))


def _rule(settings: Any) -> str:
    """A rule in a few words, such as ``NSGD layer rms, momentum 0.5`` and ``Graft(Adam, SGD)``."""
    if not isinstance(settings, Mapping):
        return ""
    name = _part(settings)
    inner = [value for value in settings.values() if isinstance(value, Mapping) and "is" in value]
    if name == "Normalize" and inner:
        is_plain = inner[0].get("is") == "SGD"
        own = "NSGD" if is_plain else f"Normalize({_rule(inner[0])})"
        unit = " rms" if settings.get("unit") == "rms" else ""
        return f"{own} {settings.get('scope')}{unit}{_momentum(inner[0]) if is_plain else ''}"
    return f"{name}({', '.join(map(_rule, inner))})" if inner else f"{name}{_momentum(settings)}"


def _momentum(settings: Mapping[str, Any]) -> str:
    momentum = settings.get("momentum")
    return f", momentum {momentum:g}" if isinstance(momentum, float) and momentum else ""


def chosen(table: pl.DataFrame, where: Sequence[str], sort: str) -> pl.DataFrame:
    """The rows of a table that meet every condition, sorted.

    Args:
        table: of `runs_in`.
        where: conditions as ``COLUMN=VALUE``, or with <, <=, > or >= and a number. Words meet a condition
            if they hold the value, whatever the case. NaN meets none.
        sort: a column, with ``-`` before it for the largest first; empty to leave the order. Runs without a
            number are last.

    Raises:
        ValueError: a column does not exist, or a condition is none.

    Example:
        >>> table = pl.DataFrame({"optimizer": ["Adam", "NSGD global"], "steps": [10, 20]})
        >>> chosen(table, ["optimizer=nsgd", "steps>=20"], "")["steps"].to_list()
        [20]
    """
    for condition in where:
        table = table.filter(_condition(table, condition))
    if not sort:
        return table
    column = _known(table, _column(table, sort.removeprefix("-")))
    return table.sort(column, descending=sort.startswith("-"), nulls_last=True, maintain_order=True)


def _condition(table: pl.DataFrame, text: str) -> pl.Expr:
    found = re.search("[<>]=?|=", text)
    if not found:
        raise ValueError(f"a condition is COLUMN=VALUE, or has <, <=, > or >= and a number, got {text!r}")
    name, sign, value = text[: found.start()], found[0], text[found.end() :]
    column = _known(table, _column(table, name.strip()))
    if table.schema[name.strip()] == pl.String:
        if sign != "=":
            raise ValueError(f"{name} holds words: write {name}=VALUE, got {text!r}")
        return column.str.to_lowercase().str.contains(value.strip().lower(), literal=True)
    try:
        number = float(value)
    except ValueError as error:
        raise ValueError(f"{name} holds numbers, got {text!r}") from error
    return {
        "=": column == number,
        "<": column < number,
        "<=": column <= number,
        ">": column > number,
        ">=": column >= number,
    }[sign]


def _known(table: pl.DataFrame, name: str) -> pl.Expr:
    """A column without NaN, which polars takes for the largest number."""
    column = pl.col(name)
    return column.fill_nan(None) if table.schema[name].is_float() else column


def _column(table: pl.DataFrame, name: str) -> str:
    if name not in table.columns:
        raise ValueError(f"there is no column {name!r}: choose from {', '.join(table.columns)}")
    return name
