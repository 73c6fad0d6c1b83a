"""Figures of the synthetic framework: maps of outcomes, the modes' plane, growth with the dimension."""

import math
from collections.abc import Mapping, Sequence

import polars as pl

from paripassu.evidence.intervals import wilson
from paripassu.records import Fit
from paripassu.report.figures import (
    CIVIDIS,
    Figure,
    Trace,
    base_figure,
    colour,
    error_bars,
    scale,
    series_line,
)

# From what should happen to what should not; words as on the page.
OUTCOMES = {
    "all": "all modes",
    "some": "some modes",
    "average": "the modes' average",
    "stalled": "stalled",
    "diverged": "diverged",
}


def outcome_map(outcomes: pl.DataFrame, column: str) -> Figure:
    """Share of runs with every mode for each pair of rates. Hovering shows the share of each outcome.

    Args:
        outcomes: one row per run of one method and part.
        column: ``"ever"`` or ``"end"``.
    """
    shares = [(pl.col(column) == name).mean().alias(name) for name in OUTCOMES]
    cells = outcomes.group_by("lr_d", "lr_g").agg(*shares, pl.len().alias("runs"))
    lr_d, lr_g = (sorted(cells[name].unique().to_list()) for name in ("lr_d", "lr_g"))
    by_pair = {(row["lr_d"], row["lr_g"]): row for row in cells.iter_rows(named=True)}
    rows = [[by_pair[d, g] for g in lr_g] for d in lr_d]
    figure = base_figure(x="generator's learning rate", y="discriminator's learning rate")
    figure["data"].append(
        {
            "type": "heatmap",
            "x": [f"{rate:g}" for rate in lr_g],
            "y": [f"{rate:g}" for rate in lr_d],
            "z": [[row["all"] for row in line] for line in rows],
            "text": [[_hover_text(row) for row in line] for line in rows],
            "zmin": 0,
            "zmax": 1,
            "colorscale": scale(CIVIDIS),
            "colorbar": {"title": {"text": "share with<br>all modes"}},
            "hovertemplate": "lr_d %{y}, lr_g %{x}<br>%{text}<extra></extra>",
            "xgap": 1,
            "ygap": 1,
        }
    )
    for axis in ("xaxis", "yaxis"):
        figure["layout"][axis]["type"] = "category"
    return figure


def _hover_text(row: dict[str, float]) -> str:
    parts = [f"{words}: {row[name]:.0%}" for name, words in OUTCOMES.items() if row[name] > 0]
    return "<br>".join([*parts, f"of {row['runs']:.0f} runs"])


def shares(outcomes: pl.DataFrame, by: str, names: Mapping[str, str], x: str) -> Figure:
    """The share of runs that had every mode ever, and at the end, over a setting; 95 % Wilson intervals."""
    figure = base_figure(x=x, y="share of runs with every mode")
    for number, (method, title) in enumerate(names.items()):
        own = outcomes.filter(pl.col("method") == method)
        for column, words, dash in (("ever", "ever", "solid"), ("end", "at the end", "dot")):
            cells = (
                own.group_by(by)
                .agg((pl.col(column) == "all").sum().alias("hits"), pl.len().alias("runs"))
                .sort(by)
            )
            spans = [wilson(hits, runs) for hits, runs in zip(cells["hits"], cells["runs"], strict=True)]
            values = [span.value for span in spans]
            line = series_line(f"{title}, {words}", number, cells[by].to_list(), values)
            line["line"]["dash"] = dash
            ends = [(span.low, span.high) for span in spans]
            line["error_y"] = error_bars(values, ends) | {"thickness": 1}
            figure["data"].append(line)
    figure["layout"]["yaxis"]["range"] = [-0.03, 1.03]
    return figure


def plane(neurons: pl.DataFrame, gamma: float) -> Figure:
    """Every neuron of one player on its path through the plane of the modes, by cosine with each mode.

    Args:
        neurons: ``seed, step, neuron, mode_1, mode_2`` of one method and player.
        gamma: inner product of the modes.
    """
    figure = base_figure(x="cosine with mode 1", y="cosine with mode 2")
    for number, ((seed, neuron), path) in enumerate(
        neurons.sort("step").group_by("seed", "neuron", maintain_order=True)
    ):
        figure["data"].append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": path["mode_1"].to_list(),
                "y": path["mode_2"].to_list(),
                "line": {"width": 1.2, "color": "rgba(0,114,178,0.45)"},
                "name": "path of a neuron",
                "legendgroup": "path",
                "showlegend": number == 0,
                "customdata": path["step"].to_list(),
                "hovertemplate": f"seed {seed}, neuron {neuron}, step %{{customdata}}: "
                "(%{x:.2f}, %{y:.2f})<extra></extra>",
            }
        )
    last = neurons.filter(pl.col("step") == pl.col("step").max().over("seed"))
    middle = ((1 + gamma) / 2) ** 0.5
    figure["data"] += [
        {
            "type": "scatter",
            "mode": "markers",
            "x": last["mode_1"].to_list(),
            "y": last["mode_2"].to_list(),
            "name": "its end",
            "marker": {"color": colour(0), "size": 7},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [1, gamma, middle],
            "y": [gamma, 1, middle],
            "text": ["mode 1", "mode 2", "average"],
            "textposition": ["top center", "top center", "top right"],
            "name": "modes and their average",
            "marker": {"color": colour(1), "size": 11, "symbol": ["star", "star", "x"]},
            "hoverinfo": "skip",
        },
    ]
    layout = figure["layout"]
    layout["height"] = 460
    layout["xaxis"] |= {"range": [-1.1, 1.25], "constrain": "domain"}
    layout["yaxis"] |= {"range": [-1.1, 1.25], "constrain": "domain", "scaleanchor": "x"}
    return figure


def growth(outcomes: pl.DataFrame, fits: Sequence[Fit], names: Mapping[str, str]) -> Figure:
    """First recovery of every fresh seed over the dimension, the median, and the fitted power of d.

    A seed that never recovered is an open marker at the budget.
    """
    figure = base_figure(x="dimension d", y="steps to recover every mode")
    by_method = {fit.method: fit for fit in fits}
    for number, (method, title) in enumerate(names.items()):
        own = outcomes.filter(pl.col("method") == method)
        never = pl.col("first_recovery").is_infinite()
        time = own.with_columns(
            time=pl.when(never).then(pl.col("steps").cast(pl.Float64)).otherwise("first_recovery"),
            never=never,
        )
        medians = time.group_by("d").agg(pl.col("time").median(), pl.col("never").mean()).sort("d")
        # Where half of the seeds or more never recovered, the median is unknown.
        shown = medians.filter(pl.col("never") < 0.5)
        line = series_line(f"{title}, median of seeds", number, shown["d"].to_list(), shown["time"].to_list())
        figure["data"].append(line)
        for late in (False, True):
            part = time.filter(pl.col("never") == late)
            if part.is_empty():
                continue
            open_marker = ("circle-open", "square-open")[number % 2]
            figure["data"].append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": part["d"].to_list(),
                    "y": part["time"].to_list(),
                    "name": f"{title}, {'not within the budget' if late else 'a seed'}",
                    "marker": {
                        "color": colour(number),
                        "symbol": open_marker if late else "line-ew-open",
                        "size": 13 if late else 8,
                    },
                    "legendgroup": method,
                    "showlegend": late,
                    "customdata": part["seed"].to_list(),
                    "hovertemplate": "d %{x}, seed %{customdata}: %{y}<extra></extra>",
                }
            )
        fit = by_method.get(method)
        if fit is not None and math.isfinite(fit.exponent):
            figure["data"].append(_guide(title, number, medians, fit))
    for axis in ("xaxis", "yaxis"):
        figure["layout"][axis]["type"] = "log"
    return figure


def _guide(title: str, number: int, medians: pl.DataFrame, fit: Fit) -> Trace:
    """The fitted power of d, through the middle of the medians that it was fitted to."""
    ends = medians.filter(pl.col("d").is_in(fit.dimensions))
    logs = ends.select(pl.col("d").log().alias("x"), pl.col("time").log().alias("y"))
    x_mean, y_mean = float(logs["x"].to_numpy().mean()), float(logs["y"].to_numpy().mean())
    xs = [float(min(fit.dimensions)), float(max(medians["d"].to_list()))]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{title}: d^{fit.exponent:.2f}",
        "x": xs,
        "y": [math.exp(y_mean + fit.exponent * (math.log(x) - x_mean)) for x in xs],
        "line": {"color": colour(number), "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
    }
