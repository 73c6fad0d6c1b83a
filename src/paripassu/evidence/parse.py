"""A file of records as one table, read at once where its lines are as we write them."""

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import polars as pl

from paripassu.files import AnyPath, read_whole
from paripassu.records import Outcome, Record
from paripassu.records.codec import NOT_NEGATIVE, read_records

_KINDS: tuple[type, ...] = get_args(Record)
FIELDS: dict[str, dict[str, Any]] = {
    kind.__name__: {field.name: field.type for field in fields(kind)} for kind in _KINDS
}
_DTYPES = {int: pl.Int64, float: pl.Float64}
SCHEMA: Mapping[str, Any] = {"kind": pl.String} | {
    name: _DTYPES.get(dtype, pl.String)
    for own in FIELDS.values()
    for name, dtype in own.items()
    if name != "sha256"
}
"""Columns of a run's table: ``kind``, and every field of any record but the digest of an end."""

# JSON as the records' writer makes it, which reads faster than any JSON.
_VALUES = {
    int: r"[0-9]{1,18}",
    float: r"(?:-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|null)",
    str: r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*"',
    Outcome: '"(?:{})"'.format("|".join(get_args(Outcome))),
}


def _pattern(name: str, dtype: Any, kind: str) -> str:
    is_size = name in NOT_NEGATIVE or (kind, name) == ("Pace", "value")
    return _VALUES[dtype].replace("-?[0-9]+(?:", "[0-9]+(?:") if is_size else _VALUES[dtype]


_LINE = "^(?:{})$".format(
    "|".join(
        r"\{"
        + "".join(f'"{name}": {_pattern(name, dtype, kind)}, ' for name, dtype in own.items())
        + f'"kind": "{kind}"'
        + r"\}"
        for kind, own in FIELDS.items()
    )
)


def parse(records: AnyPath) -> pl.DataFrame:
    """Records as a table with the columns of `SCHEMA`; without a file it has no rows.

    Those that are not written as we write them go through the slow reader.

    Raises:
        ValueError: a line is not a record, or is of an earlier step than the line before; the message names
            file and line.
    """
    records = Path(records)
    table = _read(records)
    back = table["step"].diff().lt(0).arg_true()
    if len(back):
        raise ValueError(
            f"{records}, line {back[0] + 1}: a record of step {table['step'][back[0]]} comes after one of "
            f"step {table['step'][back[0] - 1]}: restore the file or delete its run"
        )
    return table


def _read(records: Path) -> pl.DataFrame:
    try:
        data = read_whole(records)
    except FileNotFoundError:
        return pl.DataFrame(schema=SCHEMA)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole:
        return pl.DataFrame(schema=SCHEMA)
    try:
        lines = pl.Series(whole.decode().split("\n")[:-1])
        if not lines.str.contains(_LINE).all():
            return _slowly(records)
        table = pl.read_ndjson(whole, schema=SCHEMA)
    except (UnicodeDecodeError, pl.exceptions.PolarsError):
        return _slowly(records)
    numbers = [name for name, dtype in SCHEMA.items() if dtype == pl.Float64]
    if table.select(pl.any_horizontal(pl.col(numbers).is_infinite().any())).item():
        return _slowly(records)
    return _with_nan(table)


def _slowly(records: Path) -> pl.DataFrame:
    """The same by `read_records`, which says of a damaged line where it is and what to do."""
    rows = [{"kind": type(record).__name__} | vars(record) for record in read_records(records)]
    for row in rows:
        row.pop("sha256", None)
    return _with_nan(pl.DataFrame(rows, schema=SCHEMA))


def _with_nan(table: pl.DataFrame) -> pl.DataFrame:
    """NaN for each number that a record has and could not be written."""
    numbers = [name for name, dtype in SCHEMA.items() if dtype == pl.Float64]
    return table.with_columns(
        pl.when(pl.col("kind").is_in([kind for kind, own in FIELDS.items() if name in own]))
        .then(pl.col(name).fill_null(math.nan))
        .otherwise(pl.col(name))
        for name in numbers
    )
