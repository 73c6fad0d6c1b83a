"""Records and results as JSON. Numbers that are not finite are written as ``null`` and read as NaN."""

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import cattrs
from cattrs.strategies import configure_tagged_union

from paripassu.files import write_whole
from paripassu.records.run import End, Record
from paripassu.records.schema import SCHEMA

T = TypeVar("T")

_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook(float, lambda value, _: math.nan if value is None else float(value))
_converter.register_unstructure_hook(float, lambda value: value if math.isfinite(value) else None)
configure_tagged_union(Record, _converter, tag_name="kind")


def dump(value: object) -> str:
    """Any schema object as indented JSON text."""
    return json.dumps(_converter.unstructure(value), indent=2, allow_nan=False) + "\n"


def load(path: Path, kind: type[T]) -> T:
    """Read a file that `dump` wrote.

    Raises:
        ValueError: the file is not JSON, is of another schema version or is not a ``kind``.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        check_schema(data.get("schema"), path)
        return _converter.structure(data, kind)
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, cattrs.BaseValidationError) as error:
        raise ValueError(
            f"{path} is corrupt or not a {kind.__name__}: restore it or delete its folder"
        ) from error


def check_schema(schema: object, path: Path) -> None:
    """Raise ``ValueError`` unless a file's schema version is ours."""
    if schema != SCHEMA:
        raise ValueError(
            f"{path} has schema version {schema}, and this paripassu reads version {SCHEMA}: "
            "read it with the paripassu that wrote it, or run it anew in another folder"
        )


@dataclass
class RecordWriter:
    """Appends records to a run's ``records.jsonl``; each line is whole on disk before the next begins.

    A last line that a kill cut short is dropped, so that what is appended begins a line of its own.
    """

    path: Path
    _stream: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.path.exists():
            whole = self.path.read_bytes().rfind(b"\n") + 1
            if whole < self.path.stat().st_size:
                os.truncate(self.path, whole)
        self._stream = self.path.open("a", buffering=1, encoding="utf-8")

    def __call__(self, record: Record) -> None:
        """Append one record."""
        self._stream.write(_line(record))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def read_records(path: Path) -> Iterator[Record]:
    """Records in the order written; a last line cut short by a kill is left out.

    Raises:
        ValueError: a line before the last is not a record.
    """
    lines = path.read_bytes().split(b"\n")
    # What follows the last newline is empty or a line that was never finished.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield _converter.structure(json.loads(line), Record)  # pyright: ignore[reportArgumentType]
        except (ValueError, cattrs.BaseValidationError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}, line {number} is no record of schema version {SCHEMA}: read it with the paripassu "
                "that wrote it, restore the file or delete its run"
            ) from error


def rewind(path: Path, step: int) -> None:
    """Drop the records after ``step``, and any end, so that a resumed run writes them again."""
    kept = [r for r in read_records(path) if r.step <= step and not isinstance(r, End)]
    write_whole(path, "".join(_line(record) for record in kept))


def end_of(records: Iterable[Record]) -> End | None:
    """The record of a run's end, or None while it has not ended."""
    return next((r for r in records if isinstance(r, End)), None)


def _line(record: Record) -> str:
    return json.dumps(_converter.unstructure(record, Record), allow_nan=False) + "\n"
