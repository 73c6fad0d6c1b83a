"""Runs as tables: a run's ``records.jsonl`` becomes one Parquet file, once, when the run has ended.

``records.parquet`` is beside the records and is made from them alone. It has one row a record and, in
its metadata, how the run ended and which records it was made from. A table that belongs to other records, or
cannot be read, is made anew.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import polars as pl

from paripassu.files import replacing
from paripassu.records import RECORDS_FILE, End, Metric, Outcome, Record
from paripassu.records.codec import read_records

TABLE_FILE = "records.parquet"

_VERSION = 1
_FILE = "_file"  # no field of a record
_KEY = "paripassu"  # of the Parquet metadata
_TAIL = 4096  # bytes that the last record fits into: an End's reason is a few words

_KINDS: tuple[type, ...] = get_args(Record)
_FIELDS: dict[str, dict[str, Any]] = {
    kind.__name__: {field.name: field.type for field in fields(kind)} for kind in _KINDS
}
_DTYPES = {int: pl.Int64, float: pl.Float64}
SCHEMA: Mapping[str, Any] = {"kind": pl.String} | {
    name: _DTYPES.get(dtype, pl.String) for own in _FIELDS.values() for name, dtype in own.items()
}
"""Columns of a run's table: ``kind``, and every field of any record."""

# JSON as the records' writer makes it, which reads faster than any JSON.
_VALUES = {
    int: r"-?[0-9]{1,18}",
    float: r"(?:-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|null)",
    str: r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*"',
    Outcome: '"(?:{})"'.format("|".join(get_args(Outcome))),
}
_LINE = "^(?:{})$".format(
    "|".join(
        r"\{"
        + "".join(f'"{name}": {_VALUES[dtype]}, ' for name, dtype in own.items())
        + f'"kind": "{kind}"'
        + r"\}"
        for kind, own in _FIELDS.items()
    )
)


@dataclass(frozen=True)
class RunEnd:
    """How a run ended.

    Attributes:
        outcome: finished or diverged.
        step: generator updates done.
        seconds: of training, over all sittings.
        finals: the last value of each metric at the last step, where it is finite; empty where the run
            diverged.
    """

    outcome: Outcome
    step: int
    seconds: float
    finals: dict[str, float]


def write_run_table(folder: Path) -> None:
    """Write a run's table into its folder; does nothing while the run has not ended.

    Args:
        folder: the run's.

    Raises:
        ValueError: a line of ``records.jsonl`` is not a record.
    """
    if _last_line(folder / RECORDS_FILE) is not None:
        _write(folder)


def run_table(folder: Path) -> pl.DataFrame:
    """A run's records, one row each, in the order they were written.

    The table is written into the folder when the run has ended and it is not there yet. A folder without
    records has no rows.

    Args:
        folder: the run's.

    Returns:
        Columns of `SCHEMA`. A field that a kind of record does not have is null; a number that was not finite
        is NaN.

    Raises:
        ValueError: a line of ``records.jsonl`` is not a record.
    """
    if _stored_end(folder) is None:
        return _make(folder)
    try:
        return pl.read_parquet(folder / TABLE_FILE, glob=False, hive_partitioning=False).select(*SCHEMA)
    except pl.exceptions.PolarsError:
        return _make(folder)


def run_tables(folders: Sequence[Path], kinds: Sequence[str]) -> pl.DataFrame:
    """The records of some kinds of many runs.

    Args:
        folders: of runs.
        kinds: names of record types, such as ``"Metric"``.

    Returns:
        ``run``, the run's place in ``folders``; ``kind``, and the fields of those kinds, as in `run_table`.
        Runs are in order, and the rows of each in the order they were written.

    Raises:
        ValueError: as `run_table`.
    """
    columns = ["kind", *(name for name in SCHEMA if any(name in _FIELDS[kind] for kind in kinds))]
    stored = {number: f / TABLE_FILE for number, f in enumerate(folders) if _stored_end(f)}
    try:
        parts = [_scan(stored, kinds, columns)] if stored else []
    except pl.exceptions.PolarsError:
        # One of them is damaged beyond its metadata.
        stored, parts = {}, []
    for number in range(len(folders)):
        if number not in stored:
            own = _make(folders[number]).select(columns).filter(pl.col("kind").is_in(list(kinds)))
            parts.append(own.with_columns(run=pl.lit(number, pl.Int64)))
    if not parts:
        return pl.DataFrame(schema={name: SCHEMA[name] for name in columns} | {"run": pl.Int64})
    return pl.concat(parts).sort("run", maintain_order=True)


def _scan(tables: Mapping[int, Path], kinds: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    paths = list(map(str, tables.values()))
    numbers = pl.DataFrame({_FILE: paths, "run": list(tables)})
    frames = pl.scan_parquet(
        list(dict.fromkeys(paths)), glob=False, hive_partitioning=False, include_file_paths=_FILE
    )
    found = frames.filter(pl.col("kind").is_in(list(kinds))).select(_FILE, *columns).collect()
    return found.join(numbers, on=_FILE, maintain_order="left").drop(_FILE)


def run_ends(folders: Sequence[Path]) -> list[RunEnd | None]:
    """How some runs ended; None for a run that has not, or is not there.

    An ended run's table is written where it is not there yet.

    Raises:
        ValueError: as `run_table`.
    """
    return [_run_end(folder) for folder in folders]


def _run_end(folder: Path) -> RunEnd | None:
    if _last_line(folder / RECORDS_FILE) is None:
        return None
    return _stored_end(folder) or _end_of(_make(folder))


def _stored_end(folder: Path) -> RunEnd | None:
    """The end that a run's table has; None where there is no table that belongs to the run's records."""
    try:
        stored = json.loads(pl.read_parquet_metadata(folder / TABLE_FILE)[_KEY])
        end = RunEnd(**stored["end"])
    except (OSError, pl.exceptions.PolarsError, ValueError, KeyError, TypeError):
        return None
    return end if stored["of"] == _fingerprint(folder / RECORDS_FILE) else None


def _fingerprint(records: Path) -> list[Any] | None:
    """What keeps one file of records from another: its size and its last line, which has the seconds."""
    last = _last_line(records)
    return None if last is None else [_VERSION, records.stat().st_size, last]


def _last_line(records: Path) -> str | None:
    """The end's line of an ended run; None where a run has not ended or has no records."""
    try:
        with records.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
            # What follows the last newline is empty or a line that was never finished.
            whole = stream.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    if not whole or b'"End"' not in whole[-1]:
        return None
    try:
        last = whole[-1].decode()
        return last if json.loads(last)["kind"] == "End" else None
    except (ValueError, KeyError, TypeError):
        return None


def _make(folder: Path) -> pl.DataFrame:
    """A run's table from its records, written into the folder if the run has ended."""
    if _last_line(folder / RECORDS_FILE) is None:
        return _parse(folder / RECORDS_FILE)
    # The records have all there is to know: a folder that cannot be written is read all the same.
    with suppress(PermissionError):
        return _write(folder)
    return _parse(folder / RECORDS_FILE)


def _write(folder: Path) -> pl.DataFrame:
    table = _parse(folder / RECORDS_FILE)
    stored = {"of": _fingerprint(folder / RECORDS_FILE), "end": asdict(_end_of(table))}
    with replacing(folder / TABLE_FILE) as partial:
        table.write_parquet(partial, compression_level=1, metadata={_KEY: json.dumps(stored)})
    return table


def _end_of(table: pl.DataFrame) -> RunEnd:
    end = table.filter(kind=End.__name__).row(0, named=True)
    finals: dict[str, float] = {}
    if end["outcome"] == "finished":
        last = table.filter(kind=Metric.__name__, step=end["step"]).filter(pl.col("value").is_finite())
        finals = dict(last.select("name", "value").iter_rows())
    return RunEnd(end["outcome"], end["step"], end["seconds"], finals)


def _parse(records: Path) -> pl.DataFrame:
    """Records as a table; those that are not written as we write them go through the slow reader."""
    try:
        data = records.read_bytes()
    except FileNotFoundError:
        return pl.DataFrame(schema=SCHEMA)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole:
        return pl.DataFrame(schema=SCHEMA)
    try:
        lines = pl.Series(whole.decode().split("\n")[:-1])
        if not lines.str.contains(_LINE).all():
            return _parse_slowly(records)
        table = pl.read_ndjson(whole, schema=SCHEMA)
    except (UnicodeDecodeError, pl.exceptions.PolarsError):
        return _parse_slowly(records)
    return _with_nan(table)


def _parse_slowly(records: Path) -> pl.DataFrame:
    """The same by `read_records`, which says of a damaged line where it is and what to do."""
    rows = [{"kind": type(record).__name__} | vars(record) for record in read_records(records)]
    return _with_nan(pl.DataFrame(rows, schema=SCHEMA))


def _with_nan(table: pl.DataFrame) -> pl.DataFrame:
    """NaN for each number that a record has and could not be written."""
    numbers = [name for name, dtype in SCHEMA.items() if dtype == pl.Float64]
    return table.with_columns(
        pl.when(pl.col("kind").is_in([kind for kind, own in _FIELDS.items() if name in own]))
        .then(pl.col(name).fill_null(math.nan))
        .otherwise(pl.col(name))
        for name in numbers
    )
