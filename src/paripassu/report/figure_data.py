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


def as_csv(figure: Mapping[str, Any]) -> str:
    """The figure's points as CSV.

    Args:
        figure: of `paripassu.report.figures`: what plotly.js draws.

    Returns:
        ``series, x, y, low, high``, under the names that the axes have. A series is an arm; ``low`` and
        ``high`` are the ends of a band or of an error bar, if it has one. A heat map's rows are
        ``series, x, y, value``.
    """
    is_map = any(_is_map(trace) for trace in figure["data"])
    # Maps of several arms share one axis below, which the last of them has.
    unnamed = ("generator updates", "layer") if is_map else ("x", "y")
    axes = zip(("xaxis", "yaxis"), unnamed, strict=True)
    names = [_title(figure["layout"], axis) or name for axis, name in axes]
    heads = ("series", *names, *(("value",) if is_map else ("low", "high")))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, heads))
    for trace in figure["data"]:
        for row in _cells(trace) if _is_map(trace) else _points(trace):
            writer.writerow(map(_cell, row))
    return text.getvalue()


def _is_map(trace: Mapping[str, Any]) -> bool:
    return trace.get("type") == "heatmap"


def _title(layout: Mapping[str, Any], axis: str) -> str:
    return _TAG.sub(" ", layout.get(axis, {}).get("title", {}).get("text", ""))


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    # A spreadsheet would compute what begins like a formula.
    return printable(f"'{value}" if value.startswith(_FORMULA) else value)


def _points(trace: Mapping[str, Any]) -> Iterator[Row]:
    if trace.get("hoverinfo") == "skip":
        return  # a band, whose ends are with its line; a ring around a point
    name = trace.get("name", "")
    for number, (x, y) in enumerate(zip(trace.get("x", ()), trace.get("y", ()), strict=True)):
        yield name, x, y, *_span(trace, number, x, y)


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
