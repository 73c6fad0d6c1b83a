"""Figures of every page: arms differ by colour, dash and marker at once, means have bands over seeds.

A figure is what plotly.js draws: a dictionary of ``data``, its traces, and ``layout``. Plotly's own Python
objects check each property, which takes longer than all else of a page; the tests do that once.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from paripassu.records import Estimate, span

Figure = dict[str, Any]
Trace = dict[str, Any]

# Okabe & Ito 2008: these differ with any colour vision. Their black is left to the text.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
# As many as have no common divisor with the colours: an eighth arm has the first colour and another marker.
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down")

# Plotly's Cividis, which keeps its order for any colour vision.
CIVIDIS = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55",
    "#fee838",
)  # fmt: skip

# Times the least of some values: from there on an axis of them is logarithmic.
_FAR = 100

# What an axis or a scale of colours spans at least, so that rounding noise does not look like a signal.
_LEAST_DECADES, _LEAST_SHARE = 0.5, 0.05

_NAMED_ROW = 34  # pixels of a row that has a name
# Distance of an arm's points, and of their mean, from its place on the axis; arms are 1 apart.
_ASIDE = 0.16


def curves(
    frame: pl.DataFrame, arms: Sequence[str], *, y: str, log: bool = False, line: float | None = None
) -> Figure:
    """A line per arm over steps with the range over seeds as a band.

    Args:
        frame: ``arm, step, mean, low, high`` of `series.over_seeds`.
        arms: in the order of the legend.
        y: title of the vertical axis.
        log: whether that axis is logarithmic.
        line: a level to mark.
    """
    figure = base_figure(x="generator updates", y=y)
    by_arm = frame.partition_by("arm", as_dict=True)
    for number, arm in enumerate(arms):
        if (arm,) not in by_arm:
            continue
        rows = by_arm[arm,]
        steps, low, high = (rows[name].to_list() for name in ("step", "low", "high"))
        if low != high:
            figure["data"].append(band(arm, number, steps, low, high))
        line_of_arm = series_line(arm, number, steps, rows["mean"].to_list())
        figure["data"].append(line_of_arm | ({"meta": {"span": [low, high]}} if low != high else {}))
    if log:
        figure["layout"]["yaxis"]["type"] = "log"
    shown = frame.filter(pl.col("arm").is_in(list(arms)))
    if span := widened([*shown["low"], *shown["high"]], log=log):
        figure["layout"]["yaxis"]["range"] = span
    if line is not None:
        mark(figure, line)
    return figure


def mark(figure: Figure, level: float, text: str = "") -> None:
    """Draw a dotted line at a level, with its name."""
    line: dict[str, Any] = {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "yref": "y"}
    line |= {"y0": level, "y1": level, "line": {"color": "#888888", "width": 1, "dash": "dot"}}
    if text:
        line["label"] = {"text": text, "textposition": "end", "font": {"size": 11}}
    figure["layout"].setdefault("shapes", []).append(line)


def widened(values: Sequence[float | None], *, log: bool) -> list[float] | None:
    """The ends of an axis for values that differ too little for an axis of their own; None for others.

    On a logarithmic axis they are exponents.
    """
    usable = [v for v in values if v is not None and math.isfinite(v) and (v > 0 or not log)]
    if not usable:
        return None
    low, high = (math.log10(v) if log else v for v in (min(usable), max(usable)))
    least = _LEAST_DECADES if log else _LEAST_SHARE * max(abs(low), abs(high))
    middle = (low + high) / 2
    return [middle - least / 2, middle + least / 2] if high - low < least else None


def band(
    name: str, number: int, x: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> dict[str, Any]:
    """A faint area between two lines, in a series' colour."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*x, *reversed(x)],
        "y": [*high, *reversed(low)],
        "fill": "toself",
        "fillcolor": _faint(colour(number)),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": name,
    }


def values(arms: Mapping[str, Estimate], y: str) -> Figure:
    """Every confirmation seed of every arm as a point, and below them their mean with its 95 % interval.

    Arms are rows, so that a phone has room for their names; ``y`` is the title of the axis of values. It is
    logarithmic if one run is so far from another that the others would be one point.
    """
    figure = base_figure(x=y, y="")
    shown = [value for each in arms.values() for value in each.values]
    if shown and 0 < _FAR * min(shown) < max(shown):
        figure["layout"]["xaxis"]["type"] = "log"
    for number, (arm, estimate) in enumerate(arms.items()):
        count = len(estimate.values)
        shared = {"type": "scatter", "mode": "markers", "name": arm, "legendgroup": arm, "showlegend": False}
        points = shared | {
            "x": list(estimate.values),
            "y": [number - _ASIDE] * count,
            "marker": {"color": colour(number), "symbol": MARKERS[number % len(MARKERS)], "size": 9},
            "customdata": list(range(1, count + 1)),
            "meta": {"y": [f"seed {seed}" for seed in range(1, count + 1)]},
            "hovertemplate": "%{x:.4g}<extra>%{fullData.name}, seed %{customdata}</extra>",
        }
        stroke = {"color": colour(number), "width": 3}
        bars = error_bars([estimate.mean], [(estimate.low, estimate.high)])
        mean = shared | {
            "x": [estimate.mean],
            "y": [number + _ASIDE],
            "meta": {"y": ["mean"]},
            "marker": {"color": colour(number), "symbol": "line-ns", "size": 14, "line": stroke},
            "error_x": bars | {"color": colour(number), "thickness": 2, "width": 6},
            "hovertemplate": f"%{{x:.4g}} [{span(estimate.low, estimate.high)}]"
            "<extra>%{fullData.name}, mean</extra>",
        }
        figure["data"] += [points, mean]
    rows(figure, list(arms))
    return figure


def rows(figure: Figure, names: Sequence[str]) -> None:
    """Give a figure one row a name, from the top down, and the height that they need."""
    figure["layout"]["yaxis"] |= {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [len(names) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
    }
    figure["layout"]["height"] = 90 + _NAMED_ROW * len(names)


def colour(number: int) -> str:
    """The colour of a figure's arm ``number``."""
    return COLOURS[number % len(COLOURS)]


def scale(colours: Sequence[str]) -> list[tuple[float, str]]:
    """Colours from the lowest value to the highest, evenly."""
    return [(place / (len(colours) - 1), each) for place, each in enumerate(colours)]


def error_bars(values: Sequence[float], spans: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Bars from the lower to the upper end of each value's span; none for a boundless one."""
    pairs = list(zip(values, spans, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value if math.isfinite(high) else None for value, (_, high) in pairs],
        "arrayminus": [value - low if math.isfinite(low) else None for value, (low, _) in pairs],
    }


def series_line(arm: str, number: int, x: Sequence[float], y: Sequence[float]) -> Trace:
    """The line of one arm, ``number`` of its figure, in its colour, dash and marker."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": arm,
        "legendgroup": arm,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour(number), "dash": _DASHES[number % len(_DASHES)], "width": 2},
        "marker": {"symbol": MARKERS[number % len(MARKERS)], "size": 6},
        "hovertemplate": "%{y:.4g} at %{x}",
    }


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def base_figure(x: str, y: str) -> Figure:
    """An empty figure of the house with its axes' titles."""
    axis = {"exponentformat": "power", "automargin": True}
    return {
        "data": [],
        "layout": {
            "height": 400,
            "margin": {"l": 70, "r": 20, "t": 20, "b": 50},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
            "hovermode": "closest",
            "xaxis": {"title": {"text": x, "standoff": 12}, **axis},
            "yaxis": {"title": {"text": y, "standoff": 12}, **axis},
        },
    }
