"""Figures of pages for a paper: one column wide, 8 pt, in the colours, dashes and markers of the pages.

A page's figure is a description of what to draw (`paripassu.report.figures`). matplotlib draws the same one
here, so that paper and page cannot differ in what they show.
"""

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import BytesIO
from textwrap import fill
from typing import Any

from paripassu.printable import printable

FORMATS = ("pdf", "svg", "png")
COLUMN = 3.25  # inches: a column of ICML's and NeurIPS' workshops

_POINTS = 8  # of text
_DPI = 300
_DASHES = {
    "solid": "-", "dash": (0, (4, 2)), "dot": (0, (1, 1.5)), "dashdot": (0, (4, 1.5, 1, 1.5)),
    "longdash": (0, (8, 2)), "longdashdot": (0, (8, 1.5, 1, 1.5)),
}  # fmt: skip
_MARKERS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "x": "X", "star": "*", "cross": "P",
    "triangle-down": "v",
    "line-ew": "_", "line-ns": "|",
}  # fmt: skip
# A page's figure is about three times as wide, in pixels, as a column is in points.
_LINE, _MARKER = 0.55, 0.45
_PLOT, _ROW, _MAP = 0.68, 0.13, 0.75  # heights: a plot's over its width; a map's row and rest, in inches
_LETTERS = 30  # of a line beside a plot
_NAME = 20  # letters of a line of a name beside a row
_TICKS = 5  # of a map, along its steps


def drawn(figure: Mapping[str, Any], forms: Sequence[str], *, width: float = COLUMN) -> dict[str, bytes]:
    """A figure of a page as files for a paper.

    Args:
        figure: what plotly.js draws, made by `paripassu.report`.
        forms: some of `FORMATS`.
        width: in inches.

    Returns:
        Each file's bytes. Equal figures have equal ones under one version of matplotlib.

    Raises:
        ValueError: matplotlib is not installed, or the figure has a trace that no page of ours has.
    """
    try:
        base, figures = import_module("matplotlib"), import_module("matplotlib.figure")
    except ModuleNotFoundError as error:
        raise ValueError("figures for a paper need matplotlib: pip install 'paripassu[export]'") from error
    style = {
        "font.size": _POINTS, "axes.titlesize": _POINTS, "axes.labelsize": _POINTS,
        "xtick.labelsize": _POINTS - 1, "ytick.labelsize": _POINTS - 1, "legend.fontsize": _POINTS - 1,
        "axes.linewidth": 0.6, "axes.spines.top": False, "axes.spines.right": False,
        "pdf.fonttype": 42, "svg.hashsalt": "paripassu",
    }  # fmt: skip
    with base.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name may have any characters
        rows = _rows(figure)
        made = figures.Figure(figsize=(width, _height(figure, rows, width)), layout="constrained")
        axes = made.subplots(len(rows), 1, squeeze=False)[:, 0]
        for place, (name, traces) in enumerate(rows.items()):
            _draw(axes[place], traces, figure["layout"], name, is_one=len(rows) == 1)
        _add_legend(made, axes[0])
        return {form: _saved(made, form) for form in forms}


def _saved(made: Any, form: str) -> bytes:
    dated = {"pdf": "CreationDate", "svg": "Date"}
    file = BytesIO()
    made.savefig(file, format=form, dpi=_DPI, metadata={dated[form]: None} if form in dated else {})
    return file.getvalue()


def _rows(figure: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The traces of each pair of axes by the axes' number, from top to bottom."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for trace in figure["data"]:
        rows.setdefault(trace.get("xaxis", "x").removeprefix("x"), []).append(trace)
    return rows or {"": []}


def _height(figure: Mapping[str, Any], rows: Mapping[str, Any], width: float) -> float:
    maps = [trace for trace in figure["data"] if trace["type"] == "heatmap"]
    lines = sum(len(trace["z"]) for trace in maps)
    if maps:
        return max(_PLOT * width, lines * _ROW + _MAP + 0.3 * len(rows))
    names = "\n".join(map(_name, figure["layout"].get("yaxis", {}).get("ticktext", [])))
    return max(_PLOT * width, names.count("\n") * _ROW + _MAP)


def _draw(axes: Any, traces: Sequence[Any], layout: Mapping[str, Any], name: str, *, is_one: bool) -> None:
    x, y = layout.get(f"xaxis{name}", {}), layout.get(f"yaxis{name}", {})
    for axis, which in ((x, "x"), (y, "y")):
        if axis.get("type") == "log":
            getattr(axes, f"set_{which}scale")("log")
        title = _text(axis.get("title", {}).get("text", ""))
        getattr(axes, f"set_{which}label")(fill(title, _LETTERS) if which == "y" else title)
    for trace in traces:
        match trace["type"]:
            case "scatter":
                _draw_scatter(axes, trace)
            case "heatmap":
                _draw_map(axes, trace, layout, is_one=is_one)
                axes.tick_params(labelbottom=x.get("showticklabels", True))
            case kind:
                raise ValueError(f"a paper's figure can hold points, lines and maps, got {kind!r}")
    _fit(axes, x, y)
    for axis, which in ((x, "x"), (y, "y")):
        # Half a step, or two and a half trials, is nothing that was done.
        if axis.get("type") != "log" and "tickvals" not in axis and _are_whole(traces, which):
            axes.locator_params(axis=which, integer=True)
    for shape in layout.get("shapes", []) if is_one else []:
        _draw_level(axes, shape)


def _are_whole(traces: Sequence[Any], which: str) -> bool:
    """Whether all numbers of the traces on an axis are whole."""
    if any(trace["type"] != "scatter" for trace in traces):
        return False
    values = [value for trace in traces for value in trace[which]]
    return all(isinstance(value, int | float) and float(value).is_integer() for value in values)


def _name(text: str) -> str:
    """A name beside a row, in short lines."""
    return "\n".join(fill(line, _NAME) for line in _text(text).split("\n"))


def _fit(axes: Any, x: Mapping[str, Any], y: Mapping[str, Any]) -> None:
    for axis, which in ((x, "x"), (y, "y")):
        if "tickvals" in axis and "ticktext" in axis:
            labels = list(map(_name if which == "y" else _text, axis["ticktext"]))
            is_long = which == "x" and sum(map(len, labels)) > 40
            tilt = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if is_long else {}
            getattr(axes, f"set_{which}ticks")(axis["tickvals"], labels, **tilt)
        if "range" in axis:
            ends = [10**end for end in axis["range"]] if axis.get("type") == "log" else axis["range"]
            getattr(axes, f"set_{which}lim")(*ends)
        elif axis.get("autorange") == "reversed" and not axes.images and not axes.collections:
            getattr(axes, f"invert_{which}axis")()
    if "scaleanchor" in y:
        axes.set_aspect("equal", adjustable="box")


def _draw_scatter(axes: Any, trace: Mapping[str, Any]) -> None:
    x, y, mode = _numbers(trace["x"]), _numbers(trace["y"]), trace.get("mode", "lines")
    line, marker = trace.get("line", {}), trace.get("marker", {})
    if trace.get("fill") == "toself":
        axes.fill(x, y, facecolor=_colour(trace["fillcolor"]), linewidth=0)
        return
    label = _text(trace.get("name", "")) if trace.get("showlegend", True) else None
    colour = _colour(line.get("color") or marker.get("color"))
    style = _DASHES[line.get("dash", "solid")] if "lines" in mode else "none"
    symbols = marker.get("symbol", "circle")
    each = symbols if isinstance(symbols, list) else [symbols]
    for number, symbol in enumerate(dict.fromkeys(each)):
        shown = [place for place, own in enumerate(each) if own == symbol] if len(each) > 1 else None
        axes.plot(
            x if shown is None else [x[place] for place in shown],
            y if shown is None else [y[place] for place in shown],
            color=colour,
            linestyle=style,
            linewidth=line.get("width", 2) * _LINE,
            marker=_MARKERS[symbol.removesuffix("-open")] if "markers" in mode else None,
            markersize=marker.get("size", 6) * _MARKER,
            markerfacecolor="none" if symbol.endswith("-open") else colour,
            label=label if number == 0 else None,
        )
    _draw_bars(axes, trace, x, y, colour)
    for place, text in enumerate(trace.get("text", []) if "text" in mode else []):
        axes.annotate(_text(text), (x[place], y[place]), (3, 3), textcoords="offset points")


def _draw_bars(axes: Any, trace: Mapping[str, Any], x: list[float], y: list[float], colour: Any) -> None:
    for which in ("error_x", "error_y"):
        if bars := trace.get(which):
            ends = [_numbers(bars["arrayminus"]), _numbers(bars["array"])]
            own = {which.replace("error_", "") + "err": ends}
            width = bars.get("thickness", 2) * _LINE
            axes.errorbar(x, y, fmt="none", ecolor=colour, elinewidth=width, capsize=2, **own)


def _draw_map(axes: Any, trace: Mapping[str, Any], layout: Mapping[str, Any], *, is_one: bool) -> None:
    scale = layout.get(trace.get("coloraxis", ""), trace)
    ends = [(float(place), colour) for place, colour in scale["colorscale"]]
    colours = import_module("matplotlib.colors").LinearSegmentedColormap.from_list("page", ends)
    low, high = (scale.get(f"c{end}", scale.get(f"z{end}")) for end in ("min", "max"))
    image = axes.imshow(
        [_numbers(row) for row in trace["z"]], aspect="auto", cmap=colours, vmin=low, vmax=high,
        interpolation="nearest", origin="upper" if "coloraxis" in trace else "lower",
    )  # fmt: skip
    count = len(trace["x"])
    places = sorted({round(number * (count - 1) / (_TICKS - 1)) for number in range(_TICKS)})
    axes.set_xticks(places, [_tick(trace["x"][place]) for place in places])
    axes.set_yticks(range(len(trace["y"])), list(map(_text, trace["y"])))
    title = _text(scale.get("colorbar", {}).get("title", {}).get("text", ""))
    axes.figure.colorbar(image, ax=axes, label=title, fraction=0.08)
    if not is_one:
        axes.set_title(_text(trace.get("name", "")))


def _draw_level(axes: Any, shape: Mapping[str, Any]) -> None:
    line = shape.get("line", {})
    style = {"color": _colour(line.get("color")), "linewidth": 0.6, "linestyle": _DASHES["dot"]}
    if shape.get("xref") == "x domain":
        axes.axhline(shape["y0"], **style)
        if text := shape.get("label", {}).get("text"):
            place = axes.get_yaxis_transform()
            axes.text(1, shape["y0"], _text(text), ha="right", va="bottom", transform=place)
    elif shape.get("yref") == "y domain":
        axes.axvline(shape["x0"], **style)
    else:
        axes.plot([shape["x0"], shape["x1"]], [shape["y0"], shape["y1"]], **style)


def _add_legend(made: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        columns = max(1, min(len(labels), 60 // (max(map(len, labels)) + 6)))
        made.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False, handlelength=3)


def _numbers(values: Sequence[Any]) -> list[Any]:
    return [math.nan if value is None else value for value in values]


def _tick(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else _text(str(value))


def _text(text: str) -> str:
    """Text of a page as one that matplotlib draws, on one line or more."""
    # A formula would begin at a dollar.
    return printable(re.sub(r"<br\s*/?>", "\n", text), keep="\n").replace("$", r"\$")


def _colour(colour: Any) -> Any:
    """A colour of a page as matplotlib takes it; grey where a point has none."""
    if isinstance(colour, str) and colour.startswith("rgba("):
        *channels, alpha = colour.removeprefix("rgba(").removesuffix(")").split(",")
        return (*(int(channel) / 255 for channel in channels), float(alpha))
    return colour or "#888888"
