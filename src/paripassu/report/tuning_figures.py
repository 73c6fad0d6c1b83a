"""How the arms of a comparison were tuned, as figures."""

import math
from collections.abc import Sequence

from paripassu.records import ArmResult
from paripassu.report.figures import MARKERS, Figure, band, base_figure, colour, series_line


def expected_best(arms: Sequence[ArmResult], metric: str) -> Figure:
    """The metric that the best of n trials of each arm is expected to have, with its interval."""
    figure = base_figure(x="trials", y=f"expected {metric} of the best trial")
    for number, arm in enumerate(arms):
        if arm.ease is None:
            continue
        counts = list(range(1, len(arm.ease.expected) + 1))
        line = series_line(arm.arm, number, counts, arm.ease.expected)
        if math.isfinite(arm.ease.low[0]):  # there are enough trials for an interval
            figure["data"].append(band(arm.arm, number, counts, arm.ease.low, arm.ease.high))
            line |= {"meta": {"span": [arm.ease.low, arm.ease.high]}}
        figure["data"].append(line)
    return figure


def trials(arms: Sequence[ArmResult], metric: str) -> Figure:
    """The metric of every trial over the generator's learning rate, the chosen settings ringed."""
    figure = base_figure(x="generator's learning rate", y=f"{metric}, first tuning seed")
    for number, arm in enumerate(arms):
        marker = {"color": colour(number), "symbol": MARKERS[number % len(MARKERS)], "size": 9}
        points = {
            "type": "scatter",
            "mode": "markers",
            "name": arm.arm,
            "legendgroup": arm.arm,
            "x": [trial.settings.lr_g for trial in arm.trials],
            "y": [trial.values[0] for trial in arm.trials],
            "marker": marker,
            "customdata": [str(trial.settings) for trial in arm.trials],
            "hovertemplate": "%{y:.4g}<extra>%{fullData.name}, rates %{customdata}</extra>",
        }
        chosen = [trial for trial in arm.trials if trial.settings == arm.chosen]
        ring = {
            "type": "scatter",
            "mode": "markers",
            "x": [trial.settings.lr_g for trial in chosen],
            "y": [trial.values[0] for trial in chosen],
            "marker": {"symbol": "circle-open", "size": 18, "color": colour(number), "line": {"width": 2}},
            "hoverinfo": "skip",
            "showlegend": False,
            "legendgroup": arm.arm,
        }
        figure["data"] += [points, ring]
    figure["layout"]["xaxis"]["type"] = "log"
    return figure
