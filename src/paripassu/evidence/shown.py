"""Objects that show what they hold, in a terminal and in a notebook."""

import html

import polars as pl

_ROWS = 20  # of a table in a notebook


class Shown:
    """An object with a title and a table that sums it up; text in them is no markup."""

    def _title(self) -> str:
        raise NotImplementedError

    def _summary(self) -> pl.DataFrame:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{self._title()}\n{self._summary()}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._title())}</p>{_as_html(self._summary())}"


def _as_html(frame: pl.DataFrame) -> str:
    rows = [frame.columns, *(map(_cell, row) for row in frame.head(_ROWS).iter_rows())]
    lines = ["".join(f"<td>{html.escape(text)}</td>" for text in row) for row in rows]
    more = len(frame) - _ROWS
    rest = f"<p>and {more:,} more rows</p>" if more > 0 else ""
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>{rest}"


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
