"""The numbers of a figure as a table, one row a point, for whoever wants to draw it otherwise."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paripassu.printable import printable

Row = Sequence[Any]
_TAG = re.compile(r"<br\s*/?>")
_FORMULA = ("=", "+", "-", "@")
_NUMBERS = re.compile(r"(?:[-+±\d.,e\[\] ]|to|or more|or less)+")


def as_csv(figure: Mapping[str, Any]) -> str:
    """The figure's points as CSV.

    Args:
        figure: of `paripassu.report.figures`: what plotly.js draws.

    Returns:
        ``series, x, y, low, high``, under the names that the axes have. A series is an arm; ``low`` and
        ``high`` are the ends of a band or of an error bar, if it has one. Where a place on the vertical axis
        says nothing, ``row`` is there for ``y``: what the point is of, such as a seed. A heat map's rows are
        ``series, x, y, value``.
    """
    is_map = any(_is_map(trace) for trace in figure["data"])
    # Maps of several arms share one axis below, which the last of them has.
    has_rows = any("y" in trace.get("meta", {}) for trace in figure["data"])
    unnamed = ("generator updates", "layer") if is_map else ("x", "row" if has_rows else "y")
    axes = zip(("xaxis", "yaxis"), unnamed, strict=True)
    names = [_title(figure["layout"], axis) or name for axis, name in axes]
    heads = ("series", *names, *(("value",) if is_map else ("low", "high")))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(as_cell, heads))
    for trace in figure["data"]:
        for row in _cells(trace) if _is_map(trace) else _points(trace):
            writer.writerow(map(as_cell, row))
    return text.getvalue()


def _is_map(trace: Mapping[str, Any]) -> bool:
    return trace.get("type") == "heatmap"


def _title(layout: Mapping[str, Any], axis: str) -> str:
    return _TAG.sub(" ", layout.get(axis, {}).get("title", {}).get("text", ""))


def as_cell(value: object) -> object:
    """A value for a CSV file; text that a spreadsheet would compute has an apostrophe before it.

    Example:
        >>> as_cell("=1+1"), as_cell("-0.2 ± 0.1"), as_cell(-0.2)
        ("'=1+1", '-0.2 ± 0.1', -0.2)
    """
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(_FORMULA) and not _NUMBERS.fullmatch(value)
    return printable(f"'{value}" if is_formula else value)


def _points(trace: Mapping[str, Any]) -> Iterator[Row]:
    if trace.get("hoverinfo") == "skip":
        return  # a band, whose ends are with its line; a ring around a point
    name = trace.get("name", "")
    rows = trace.get("meta", {}).get("y", trace.get("y", ()))
    points = zip(trace.get("x", ()), trace.get("y", ()), rows, strict=True)
    for number, (x, y, row) in enumerate(points):
        yield name, x, row, *_span(trace, number, x, y)


def _span(trace: Mapping[str, Any], number: int, x: Any, y: Any) -> Row:
    if span := trace.get("meta", {}).get("span"):
        return [ends[number] for ends in span]
    for axis, value in (("error_y", y), ("error_x", x)):
        if bars := trace.get(axis):
            below, above = (bars[name][number] for name in ("arrayminus", "array"))
            return "" if below is None else value - below, "" if above is None else value + above
    return "", ""


def _cells(trace: Mapping[str, Any]) -> Iterator[Row]:
    values = trace.get("customdata", trace["z"])
    for row, line in zip(trace["y"], values, strict=True):
        for column, value in zip(trace["x"], line, strict=True):
            yield trace.get("name", ""), column, row, value
