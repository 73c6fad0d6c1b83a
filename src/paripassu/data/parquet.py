"""Encoded images in a column of a Parquet file, as Hugging Face's datasets write them."""

import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import polars as pl


def image_column(path: Path) -> tuple[int, Callable[[int], bytes]]:
    """The number of rows, and a function that reads one row's image. Threads may call it.

    Raises:
        ValueError: the file is damaged, or has no column of image bytes; the function, the row has none.
    """
    try:
        frame = pl.scan_parquet(path)
        schema = frame.collect_schema()
        count = frame.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error) or type(error).__name__
        raise ValueError(f"{path} is no intact Parquet file ({said}): write it anew") from error
    if not any(_bytes_of(name, kind) is not None for name, kind in schema.items()):
        raise ValueError(
            f"{path} has no column of image bytes, only {', '.join(schema)}: "
            "write encoded images to a binary column"
        )
    version = path.stat().st_mtime_ns
    one_at_a_time = threading.Lock()

    def read(row: int) -> bytes:
        with one_at_a_time:  # otherwise every thread would load the column
            data = _column(path, version)[row]
        if data is None:
            raise ValueError("no bytes")
        return data

    return count, read


def _bytes_of(name: str, kind: pl.DataType) -> pl.Expr | None:
    if kind == pl.Binary:
        return pl.col(name)
    if isinstance(kind, pl.Struct) and any(f.name == "bytes" and f.dtype == pl.Binary for f in kind.fields):
        return pl.col(name).struct.field("bytes")
    return None


# Rows are read in order. One file is in memory at a time, and a second one while threads finish the first.
@lru_cache(maxsize=2)
def _column(path: Path, version: int) -> pl.Series:  # noqa: ARG001 - a changed file is another one
    schema = pl.read_parquet_schema(path)
    expressions = (_bytes_of(name, kind) for name, kind in schema.items())
    first = next(expression for expression in expressions if expression is not None)
    return pl.scan_parquet(path).select(first).collect().to_series()
