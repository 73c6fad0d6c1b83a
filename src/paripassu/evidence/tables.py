"""Runs as tables: a run's ``records.jsonl`` becomes one Parquet file, once, when the run has ended.

``records.parquet`` is beside the records, has one row a record and is made from them alone. Its index,
``records.parquet.json``, says how the run ended, which records the table was made from, and the table's
SHA-256. A table that is not as it was written, or belongs to other records, is made anew. A run has ended
only if its records are those that were written before its end.
"""

import errno
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.evidence.parse import FIELDS, SCHEMA, parse
from paripassu.files import AnyPath, file_digest, opened, read_whole, replacing, sealed, unsealed, write_whole
from paripassu.records import RECORDS_FILE, End, Metric, Outcome, better
from paripassu.records.codec import proved_end

TABLE_FILE = "records.parquet"
INDEX_FILE = "records.parquet.json"

_VERSION = 3
_FILE = "_file"  # no field of a record
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
_TAIL = 4096  # bytes that the last record fits into: an End's reason is a few words


@dataclass(frozen=True)
class RunEnd:
    """How a run ended.

    Attributes:
        outcome: finished or diverged.
        step: generator updates done.
        seconds: of training, over all sittings.
        finals: the last value of each metric at the last step, where it is finite; empty where the run
            diverged.
        worst: the worst finite value of each metric at any step, before training included.
    """

    outcome: Outcome
    step: int
    seconds: float
    finals: dict[str, float]
    worst: dict[str, float] = field(default_factory=dict[str, float])


def write_run_table(folder: AnyPath) -> None:
    """Write a run's table into its folder; does nothing while the run has not ended.

    Args:
        folder: the run's.

    Raises:
        ValueError: a line of ``records.jsonl`` is not a record.
    """
    _make(Path(folder), must_write=True)


def run_table(folder: AnyPath) -> pl.DataFrame:
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
    folder = Path(folder)
    if not _has_table(folder):
        return _make(folder)
    try:
        content = BytesIO(read_whole(folder / TABLE_FILE))
        return pl.read_parquet(content, glob=False, hive_partitioning=False).select(*SCHEMA)
    except (OSError, pl.exceptions.PolarsError):
        return _make(folder)


def run_tables(folders: Sequence[AnyPath], kinds: Sequence[str]) -> pl.DataFrame:
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
    paths = [Path(folder) for folder in folders]
    columns = ["kind", *(name for name in SCHEMA if any(name in FIELDS[kind] for kind in kinds))]
    whole = {folder for folder in dict.fromkeys(paths) if _has_table(folder) and _is_utf8(folder)}
    stored = {number: folder / TABLE_FILE for number, folder in enumerate(paths) if folder in whole}
    try:
        parts = [_scan(stored, kinds, columns)] if stored else []
    except (OSError, pl.exceptions.PolarsError):
        # One of them was written by another version of polars, or was removed just now.
        stored, parts = {}, []
    for number, folder in enumerate(paths):
        if number not in stored:
            own = _make(folder).select(columns).filter(pl.col("kind").is_in(list(kinds)))
            parts.append(own.with_columns(run=pl.lit(number, pl.Int64)))
    if not parts:
        return pl.DataFrame(schema={name: SCHEMA[name] for name in columns} | {"run": pl.Int64})
    return pl.concat(parts).sort("run", maintain_order=True)


def _is_utf8(path: Path) -> bool:
    """Whether polars takes the path."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _scan(tables: Mapping[int, Path], kinds: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    paths = list(map(str, tables.values()))
    numbers = pl.DataFrame({_FILE: paths, "run": list(tables)})
    frames = pl.scan_parquet(
        list(dict.fromkeys(paths)), glob=False, hive_partitioning=False, include_file_paths=_FILE
    )
    found = frames.filter(pl.col("kind").is_in(list(kinds))).select(_FILE, *columns).collect()
    return found.join(numbers, on=_FILE, maintain_order="left").drop(_FILE)


def run_ends(folders: Sequence[AnyPath]) -> list[RunEnd | None]:
    """How some runs ended; None for a run that has not, or is not there, or whose records were changed.

    All records are read to prove them. An ended run's table is written where it is not there yet.

    Raises:
        ValueError: as `run_table`.
    """
    return [_run_end(Path(folder)) for folder in folders]


def _run_end(folder: Path) -> RunEnd | None:
    if not proved_end(folder / RECORDS_FILE):
        return None
    index = _index(folder)
    return index.end if index else _end_of(_make(folder))


@dataclass(frozen=True)
class _Index:
    """What is known of a run's table without reading it."""

    end: RunEnd
    sha256: str


def _index(folder: Path) -> _Index | None:
    """The index of a run's table; None without one, or with one of other records."""
    try:
        stored = unsealed(read_whole(folder / INDEX_FILE))
        index = _Index(RunEnd(**stored["end"]), stored["table"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    fingerprint = _fingerprint(folder / RECORDS_FILE)
    return index if fingerprint is not None and stored.get("of") == fingerprint else None


def _has_table(folder: Path) -> bool:
    index = _index(folder)
    try:
        return index is not None and file_digest(folder / TABLE_FILE) == index.sha256
    except OSError:
        return False


def _fingerprint(records: Path) -> list[Any] | None:
    """What keeps one file of records from another: its size and its last line, which has their digest."""
    last = _last_line(records)
    return None if last is None else [_VERSION, records.stat().st_size, last]


def _last_line(records: Path) -> str | None:
    """The end's line of an ended run; None where a run has not ended or has no records."""
    try:
        with opened(records) as stream:
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
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _make(folder: Path, *, must_write: bool = False) -> pl.DataFrame:
    """A run's table from its records, written into the folder if the run has ended."""
    records = folder / RECORDS_FILE
    table = parse(records)
    if not proved_end(records):
        return table
    try:
        _write(folder, table)
    except OSError as error:
        # The records have all there is to know: a folder that cannot be written is read all the same.
        if must_write or error.errno not in _NOT_WRITABLE:
            raise
    return table


def _write(folder: Path, table: pl.DataFrame) -> None:
    with replacing(folder / TABLE_FILE) as partial:
        with partial.open("wb") as stream:  # polars takes no path with bytes that are no UTF-8
            table.write_parquet(stream, compression_level=1)
        digest = file_digest(partial)
    end = asdict(_end_of(table))
    stored = {"of": _fingerprint(folder / RECORDS_FILE), "end": end, "table": digest}
    write_whole(folder / INDEX_FILE, sealed(stored))


def _end_of(table: pl.DataFrame) -> RunEnd:
    end = table.filter(kind=End.__name__).row(-1, named=True)
    metrics = table.filter(kind=Metric.__name__).filter(pl.col("value").is_finite())
    finals: dict[str, float] = {}
    if end["outcome"] == "finished":
        finals = dict(metrics.filter(step=end["step"]).select("name", "value").iter_rows())
    extremes = (
        metrics.group_by("name").agg(low=pl.col("value").min(), high=pl.col("value").max()).sort("name")
    )
    worst = {name: low if better(name) == "higher" else high for name, low, high in extremes.iter_rows()}
    return RunEnd(end["outcome"], end["step"], end["seconds"], finals, worst)
