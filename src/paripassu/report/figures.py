"""Figures of every page: arms differ by colour, dash and marker at once, means have bands over seeds."""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from paripassu.records import ArmResult, Estimate

# Okabe & Ito 2008: these differ with any colour vision. Their black is left to the text.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
_MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")

# Pixels of a heat map's row, and of what stands between one arm's map and the next.
_ROW = 16
_BETWEEN = 36

# How far an arm's points and their mean stand from the arm's place on the axis, in distances between arms.
_ASIDE = 0.16


def curves(
    frame: pl.DataFrame, arms: Sequence[str], *, y: str, log: bool = False, line: float | None = None
) -> go.Figure:
    """A line per arm over steps with the range over seeds as a band.

    Args:
        frame: ``arm, step, mean, low, high`` of `series.over_seeds`.
        arms: in the order of the legend.
        y: title of the vertical axis.
        log: whether that axis is logarithmic.
        line: a level to mark.
    """
    figure = base_figure(x="generator updates", y=y)
    for number, arm in enumerate(arms):
        rows = frame.filter(pl.col("arm") == arm)
        if rows.is_empty():
            continue
        steps, low, high = (rows[name].to_list() for name in ("step", "low", "high"))
        colour = COLOURS[number % len(COLOURS)]
        if low != high:
            band = go.Scatter(
                x=steps + steps[::-1], y=high + low[::-1], fill="toself", fillcolor=_faint(colour)
            )
            band.update(line={"width": 0}, hoverinfo="skip", showlegend=False, legendgroup=arm, mode="lines")
            figure.add_trace(band)
        figure.add_trace(series_line(arm, number, steps, rows["mean"].to_list()))
    if log:
        figure.update_yaxes(type="log")
    if line is not None:
        figure.add_hline(y=line, line={"color": "#888888", "width": 1, "dash": "dot"})
    return figure


def sensitivity(arms: Sequence[ArmResult], metric: str) -> go.Figure:
    """The metric over each arm's grid of learning rates on the tuning seeds, the chosen one ringed."""
    figure = base_figure(x="learning rate of both players", y=f"{metric}, tuning seeds")
    for number, arm in enumerate(arms):
        rates = [rate.lr for rate in arm.grid]
        means = [rate.estimate.mean for rate in arm.grid]
        line = series_line(arm.arm, number, rates, means)
        spans = [
            (rate.estimate.mean, min(rate.estimate.values), max(rate.estimate.values)) for rate in arm.grid
        ]
        line.error_y = {
            "type": "data",
            "symmetric": False,
            "array": [high - mean for mean, _, high in spans],
            "arrayminus": [mean - low for mean, low, _ in spans],
            "thickness": 1,
        }
        figure.add_trace(line)
        chosen = [(lr, mean) for lr, mean in zip(rates, means, strict=True) if lr == arm.lr]
        ring = go.Scatter(x=[lr for lr, _ in chosen], y=[mean for _, mean in chosen], mode="markers")
        ring.update(
            marker={
                "symbol": "circle-open",
                "size": 18,
                "color": COLOURS[number % len(COLOURS)],
                "line": {"width": 2},
            },
            hoverinfo="skip",
            showlegend=False,
            legendgroup=arm.arm,
        )
        figure.add_trace(ring)
    figure.update_xaxes(type="log")
    return figure


def values(arms: Mapping[str, Estimate], y: str) -> go.Figure:
    """Every confirmation seed of every arm as a point, and beside them their mean with its 95 % interval."""
    figure = base_figure(x="", y=y)
    for number, (arm, estimate) in enumerate(arms.items()):
        colour = COLOURS[number % len(COLOURS)]
        count = len(estimate.values)
        points = go.Scatter(x=[number - _ASIDE] * count, y=list(estimate.values), mode="markers", name=arm)
        points.update(
            marker={"color": colour, "symbol": _MARKERS[number % len(_MARKERS)], "size": 10},
            customdata=list(range(1, count + 1)),
            hovertemplate="%{y:.4g}<extra>%{fullData.name}, seed %{customdata}</extra>",
            showlegend=False,
        )
        mean = go.Scatter(x=[number + _ASIDE], y=[estimate.mean], mode="markers", name=arm)
        mean.update(
            marker={"color": colour, "symbol": "line-ew", "size": 20, "line": {"color": colour, "width": 3}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [estimate.high - estimate.mean],
                "arrayminus": [estimate.mean - estimate.low],
                "color": colour,
                "thickness": 2,
                "width": 6,
            },
            customdata=[[estimate.low, estimate.high]],
            hovertemplate="%{y:.4g} [%{customdata[0]:.4g}, %{customdata[1]:.4g}]"
            "<extra>%{fullData.name}, mean</extra>",
            showlegend=False,
        )
        figure.add_traces([points, mean])
    places = list(range(len(arms)))
    figure.update_xaxes(
        tickvals=places, ticktext=list(arms), range=[-0.5, len(arms) - 0.5], showgrid=False, zeroline=False
    )
    return figure


def heat(
    frame: pl.DataFrame, arms: Sequence[str], value: str, *, log: bool = False, angle: bool = False
) -> go.Figure:
    """A map per arm, layers over steps, all on one colour scale.

    Args:
        frame: ``arm, layer, step`` and the values, of one player and rule.
        arms: from top to bottom.
        value: the column to show.
        log: whether the colours are of its decimal logarithm.
        angle: whether it is a cosine, shown from -1 to 1.
    """
    shown = [arm for arm in arms if arm in frame["arm"]]
    layers = frame["layer"].unique(maintain_order=True).to_list()
    each = len(layers) * _ROW + _BETWEEN
    figure = make_subplots(
        rows=len(shown),
        subplot_titles=shown if len(shown) > 1 else None,
        shared_xaxes=True,
        vertical_spacing=_BETWEEN / (each * len(shown)),
    )
    for row, arm in enumerate(shown, start=1):
        table = frame.filter(pl.col("arm") == arm).pivot(on="step", index="layer", values=value)
        steps = [int(name) for name in table.columns[1:]]
        values = [[_number(v) for v in table.row(i)[1:]] for i in range(len(table))]
        colours = [[_logarithm(v) for v in line] for line in values] if log else values
        panel = go.Heatmap(x=steps, y=table["layer"].to_list(), z=colours, customdata=values, name=arm)
        whose = "%{fullData.name}" if len(shown) > 1 else ""
        template = f"%{{y}}, step %{{x}}: %{{customdata:.3g}}<extra>{whose}</extra>"
        panel.update(coloraxis="coloraxis", hovertemplate=template)
        figure.add_trace(panel, row=row, col=1)
    figure.update_xaxes(title_text="generator updates", row=len(shown), col=1)
    figure.update_yaxes(autorange="reversed", automargin=True, tickfont={"size": 11})
    # Both scales keep their order for any colour vision.
    axis = {"colorscale": "Cividis", "colorbar": {"title": {"text": "log₁₀" if log else ""}}}
    if angle:
        axis |= {"colorscale": "RdBu", "cmin": -1, "cmax": 1}
    figure.update_layout(
        template="none",
        height=max(260, each * len(shown) + 80),
        margin={"l": 70, "r": 20, "t": 40, "b": 50},
        coloraxis=axis,
    )
    return figure


def _number(value: float | None) -> float | None:
    # Four digits are more than a colour shows, and keep the page small.
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None


def _logarithm(value: float | None) -> float | None:
    return round(math.log10(value), 3) if value else None


def series_line(arm: str, number: int, x: Sequence[float], y: Sequence[float]) -> go.Scatter:
    """The line of one arm, ``number`` of its figure, in its colour, dash and marker."""
    line = go.Scatter(x=list(x), y=list(y), name=arm, mode="lines+markers", legendgroup=arm)
    return line.update(
        line={"color": COLOURS[number % len(COLOURS)], "dash": _DASHES[number % len(_DASHES)], "width": 2},
        marker={"symbol": _MARKERS[number % len(_MARKERS)], "size": 6},
        hovertemplate="%{y:.4g} at %{x}",
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def base_figure(x: str, y: str) -> go.Figure:
    """An empty figure of the house with its axes' titles."""
    figure = go.Figure()
    axis = {"exponentformat": "power", "automargin": True}
    figure.update_layout(
        template="none",
        height=400,
        margin={"l": 70, "r": 20, "t": 20, "b": 50},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
        xaxis={"title": {"text": x, "standoff": 12}} | axis,
        yaxis={"title": {"text": y, "standoff": 12}} | axis,
    )
    return figure
