"""Records and results as JSON. Numbers that are not finite are written as ``null`` and read as NaN."""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, TypeVar, get_origin

import cattrs
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.strategies import configure_tagged_union

from paripassu.files import AnyPath, NotAFileError, opened, read_whole, sealed, sync, unsealed
from paripassu.records.run import RUN_FILE, End, Pace, Record, RunImages
from paripassu.records.schema import SCHEMA

T = TypeVar("T")

NOT_NEGATIVE = frozenset({"gradient", "magnitude", "ratio", "seconds", "step", "update", "weight"})
"""Fields of records that are counts, norms or seconds."""

_LARGEST = 2**63

_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook(float, lambda value, _: math.nan if value is None else float(value))
_converter.register_unstructure_hook(float, lambda value: value if math.isfinite(value) else None)
_if_any = override(omit_if_default=True)
_converter.register_unstructure_hook(
    RunImages, make_dict_unstructure_fn(RunImages, _converter, classes=_if_any, labels=_if_any)
)


def dump(value: object) -> str:
    """Any schema object as indented JSON text that carries its own SHA-256."""
    return sealed(_converter.unstructure(value))


def load(path: AnyPath, kind: type[T]) -> T:
    """Read a file that `dump` wrote.

    Raises:
        OtherSchemaError: the file is of another schema version.
        ValueError: it was changed or damaged, or is not a ``kind``.
    """
    path = Path(path)
    try:
        data = unsealed(read_whole(path))
        check_schema(data.get("schema"), path)
        return _converter.structure(data, kind)
    except (OtherSchemaError, OSError, MemoryError):
        raise
    except Exception as error:  # whatever damage may have made of it
        raise _corrupt(path, kind.__name__) from error


def _corrupt(path: Path, kind: str) -> ValueError:
    return ValueError(f"{path} is corrupt or not a {kind}: restore it or delete its folder")


class OtherSchemaError(ValueError):
    """Another version of paripassu wrote a file. It is whole for that one, so it is never begun anew."""


def check_schema(schema: object, path: AnyPath) -> None:
    """Raise `OtherSchemaError` unless a file's schema version is ours."""
    if schema != SCHEMA:
        raise OtherSchemaError(
            f"{path} has schema version {schema}, and this paripassu reads version {SCHEMA}: "
            "read it with the paripassu that wrote it, or run it anew in another folder"
        )


@dataclass
class RecordWriter:
    """Appends records to a run's ``records.jsonl``, each a whole line.

    A last line that a kill cut short is dropped, so that what is appended begins a line of its own. An `End`
    gets the digest of all lines.

    Args:
        path: the file; ``run.json`` beside it, if there is one, says whose records they are.

    Example:
        >>> import tempfile
        >>> from paripassu.records import Metric
        >>> with RecordWriter(tempfile.mkdtemp() + "/records.jsonl") as write:
        ...     write(Metric(1, "modes@100", 8.0))
    """

    path: AnyPath
    key: str = field(init=False)
    _stream: Any = field(init=False, repr=False)
    _digest: Any = field(init=False, repr=False)
    _bytes: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        path = Path(self.path)
        before = read_whole(path) if path.exists() else b""
        self.key = key_of(path.parent)
        self._bytes = before.rfind(b"\n") + 1
        if self._bytes < len(before):
            os.truncate(path, self._bytes)
        self._digest = hashlib.sha256(self.key.encode() + before[: self._bytes])
        self._stream = path.open("ab")

    def __call__(self, record: Record) -> None:
        """Append one record."""
        if isinstance(record, End):
            record = replace(record, sha256=_digest_with(self._digest, record))
        line = _line(record).encode()
        self._stream.write(line)
        self._stream.flush()
        self._bytes += len(line)
        self._digest.update(line)

    def rest(self) -> tuple[int, str]:
        """Bring all records to the disk.

        Returns:
            How many bytes they have, and their digest: what a checkpoint keeps of them.
        """
        os.fsync(self._stream.fileno())
        return self._bytes, self._digest.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def key_of(folder: AnyPath) -> str:
    """The key of the run in a folder; empty without a ``run.json``.

    Raises:
        ValueError: it is damaged.
    """
    path = Path(folder) / RUN_FILE
    try:
        return str(unsealed(read_whole(path)).get("key", ""))
    except FileNotFoundError:
        return ""
    except NotAFileError:
        raise
    except ValueError as error:
        raise _corrupt(path, "RunHeader") from error


def digest_of(path: AnyPath, size: int) -> str | None:
    """The digest that a `RecordWriter` had when a file of records had ``size`` bytes.

    Returns:
        None if the file is shorter.

    Raises:
        ValueError: ``run.json`` beside it is damaged.
    """
    path = Path(path)
    try:
        with opened(path) as stream:
            records = stream.read(size)
    except FileNotFoundError:
        records = b""
    if len(records) < size:
        return None
    return hashlib.sha256(key_of(path.parent).encode() + records).hexdigest()


def proved_end(path: AnyPath) -> End | None:
    """The end of a run whose records before it are those that were written; None without one.

    Raises:
        ValueError: ``run.json`` beside the records is damaged.
    """
    path = Path(path)
    try:
        data = read_whole(path)
    except FileNotFoundError:
        return None
    whole = data[: data.rfind(b"\n") + 1]
    before = whole[:-1].rfind(b"\n") + 1
    try:
        end = _record(json.loads(whole[before:]))
    except Exception:
        return None
    if not isinstance(end, End):
        return None
    records = hashlib.sha256(key_of(path.parent).encode() + whole[:before])
    proved = replace(end, sha256=_digest_with(records, end))
    return end if _line(proved).encode() == whole[before:] else None


def _digest_with(records: Any, end: End) -> str:
    """The digest of a run's records and of its end, but for the digest in that."""
    together = records.copy()
    together.update(_line(replace(end, sha256="")).encode())
    return together.hexdigest()


def read_records(path: AnyPath) -> Iterator[Record]:
    """Records in the order written; a last line cut short by a kill is left out.

    Raises:
        ValueError: a line before the last is not a record, or has a number out of range.
    """
    path = Path(path)
    lines = read_whole(path).split(b"\n")
    # What follows the last newline is empty or a line that was never finished.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield _record(json.loads(line, parse_constant=_refused))
        except MemoryError:
            raise
        except Exception as error:  # whatever a line may hold
            raise ValueError(
                f"{path}, line {number} is no record of schema version {SCHEMA}: read it with the paripassu "
                "that wrote it, restore the file or delete its run"
            ) from error


def truncate(path: AnyPath, size: int) -> None:
    """Drop what a file of records has after ``size`` bytes, so that a resumed run writes it again."""
    with Path(path).open("ab") as stream:
        stream.truncate(size)
        os.fsync(stream.fileno())
    sync(Path(path).parent)


def _line(record: Record) -> str:
    return json.dumps(_converter.unstructure(record, Record), allow_nan=False) + "\n"


def _strict() -> cattrs.Converter:
    """Reads no text as a number and no number as text: what damage made of a record is named."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook_func(lambda kind: get_origin(kind) is Literal, _one_of)
    configure_tagged_union(Record, converter, tag_name="kind")
    return converter


def _record(data: Any) -> Record:
    record: Record = _strict_converter.structure(data, Record)  # pyright: ignore[reportArgumentType]
    for name, value in vars(record).items():
        is_size = name in NOT_NEGATIVE or (isinstance(record, Pace) and name == "value")
        if is_size and value < 0:
            raise ValueError(f"{name} is {value}")
    return record


def _whole(value: Any, _: object) -> int:
    if type(value) is not int or not -_LARGEST <= value < _LARGEST:
        raise ValueError(f"{value!r} is no whole number of 64 bits")
    return value


def _number(value: Any, _: object) -> float:
    if value is None:
        return math.nan
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


def _text(value: Any, _: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    value.encode()  # a lone surrogate cannot be
    return value


def _one_of(value: Any, kind: Any) -> str:
    if value not in kind.__args__:
        raise ValueError(f"{value!r} is none of {kind.__args__}")
    return value


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


configure_tagged_union(Record, _converter, tag_name="kind")
_strict_converter = _strict()
