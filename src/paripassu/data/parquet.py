"""Encoded images in a column of a Parquet file, as Hugging Face's datasets write them."""

import hashlib
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import polars as pl

from paripassu.data.listing import LeftOut, on_disk
from paripassu.files import opened, read_whole
from paripassu.printable import printable

_MOST_ROWS = 10**8  # of a damaged file that promises more than anybody's images
_MAGIC = b"PAR1"
_USUAL_LABELS = ("label", "labels", "class")
_USUAL = ("image", "img")  # on the Hub, of the column that is not a mask, a depth or a second view


class ImageColumn(NamedTuple):
    """One column of images.

    Attributes:
        name: the column's.
        rows: their number.
        others: the other columns.
        read: gives one row's image. Threads may call it.
    """

    name: str
    rows: int
    others: tuple[LeftOut, ...]
    read: Callable[[int], bytes]


def has_images(path: Path) -> bool:
    """Whether an intact Parquet file has a column that may hold images."""
    with _explained(path):
        return any(
            _bytes_of(name, kind) is not None
            for name, kind in pl.read_parquet_schema(_readable(path)).items()
        )


def image_column(path: Path, wanted: str | None = None) -> ImageColumn:
    """The column of images in a file.

    Args:
        path: the file.
        wanted: the column's name. None takes the only one, or of several the one called image or img.

    Raises:
        ValueError: the file is damaged, has no column of image bytes, or several and none is wanted; the
            function ``read``, the row has none.
    """
    shown = printable(str(path))
    with _explained(path):
        frame = pl.scan_parquet(_readable(path), glob=False)
        schema = frame.collect_schema()
        count = frame.select(pl.len()).collect().item()
    listed = [printable(f"{name} ({kind})") for name, kind in schema.items()]
    found = [name for name, kind in schema.items() if _bytes_of(name, kind) is not None]
    if not found:
        raise ValueError(
            f"{shown} has no column of image bytes, only {', '.join(listed)}: "
            "write encoded images to a binary column, one in each row"
        )
    there = printable(", ".join(found))
    usual = [name for name in found if name.lower() in _USUAL]
    if wanted is not None and wanted not in found:
        raise ValueError(f"{shown} has no column of images {wanted!r}: choose one of {there} with --column")
    if wanted is None and len(found) > 1 and len(usual) != 1:
        raise ValueError(
            f"{shown} has {len(found)} columns of images, {there}: choose one with --column "
            f"(column={found[0]!r} in Python)"
        )
    name = wanted or (found if len(found) == 1 else usual)[0]
    if count > _MOST_ROWS:
        raise ValueError(f"{shown} promises {count:,} rows and is damaged: write it anew")
    file = on_disk(path, name)
    version = f"{file.version} {file.size}"
    one_at_a_time = threading.Lock()

    def read(row: int) -> bytes:
        with one_at_a_time:  # otherwise every thread would load the column
            column = _column(path, name, version)
        if isinstance(column, str):
            raise ValueError(column)  # noqa: TRY004 - the file is wrong, not an argument
        if row >= len(column):
            raise ValueError(f"the file has {len(column):,} rows, not {count:,}")
        if (data := column[row]) is None:
            raise ValueError("no bytes")
        return data

    others = tuple(
        LeftOut(text, "other columns of images" if column in found else "other columns")
        for text, column in zip(listed, schema, strict=True)
        if column != name
    )
    return ImageColumn(name, count, others, read)


def label_column(path: Path, wanted: str) -> list[int]:
    """The label of each row.

    Args:
        path: the file.
        wanted: the column's name. Empty takes the only one of whole numbers, or of several the one called
            label, labels or class.

    Raises:
        ValueError: there is no such column, it has other values than whole numbers, or rows without any.
    """
    shown = printable(str(path))
    with _explained(path):
        frame = pl.scan_parquet(_readable(path), glob=False)
        schema = frame.collect_schema()
    listed = printable(", ".join(f"{name} ({kind})" for name, kind in schema.items()))
    whole = [name for name, kind in schema.items() if kind.is_integer()]
    usual = [name for name in whole if name.lower() in _USUAL_LABELS]
    found = [wanted] if wanted else whole if len(whole) == 1 else usual
    if len(found) != 1 or found[0] not in whole:
        which = f"no column of whole numbers {wanted!r}" if wanted else "no column that must be its labels"
        raise ValueError(
            f"{shown} has {which}, only {listed}: choose one with --labels, or leave --conditional out"
        )
    with _explained(path):
        column = frame.select(found[0]).collect().to_series()
    if column.null_count():
        raise ValueError(
            f"{shown} has {column.null_count():,} rows without a {printable(found[0])}: give each row a label"
        )
    return column.to_list()


def footer_digest(path: Path) -> str:
    """SHA-256 of a file's footer, which says where its data are and how long; empty if there is none."""
    with opened(path) as file:
        size = file.seek(0, 2)
        if size < 12:
            return ""
        file.seek(size - 8)
        end = file.read(8)
        length = int.from_bytes(end[:4], "little")
        if end[4:] != _MAGIC or length > size - 12:
            return ""
        file.seek(size - 8 - length)
        return hashlib.sha256(file.read(length)).hexdigest()


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, OverflowError) as error:
        raise ValueError(
            f"{printable(str(path))} is no intact Parquet file ({_said(error)}): write it anew"
        ) from error


def _readable(path: Path) -> Path | BytesIO:
    """What polars reads a file by: it takes no names that are not UTF-8."""
    return path if printable(str(path)) == str(path) else BytesIO(read_whole(path))


def _said(error: BaseException) -> str:
    return printable((str(error) or type(error).__name__).partition("\n")[0])


def _bytes_of(name: str, kind: pl.DataType) -> pl.Expr | None:
    if kind == pl.Binary:
        return pl.col(name)
    if isinstance(kind, pl.Struct) and any(f.name == "bytes" and f.dtype == pl.Binary for f in kind.fields):
        return pl.col(name).struct.field("bytes")
    return None


# Rows are read in order. One file is in memory at a time, and a second one while threads finish the first.
# What is wrong with a file is kept too: otherwise it would be read again for each of its rows.
@lru_cache(maxsize=2)
def _column(path: Path, name: str, version: str) -> pl.Series | str:  # noqa: ARG001 - a changed file is another
    try:
        frame = pl.scan_parquet(_readable(path), glob=False)
        expression = _bytes_of(name, frame.collect_schema()[name])
        assert expression is not None
        return frame.select(expression).collect().to_series()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, KeyError) as error:
        return f"a damaged file: {_said(error)}"
