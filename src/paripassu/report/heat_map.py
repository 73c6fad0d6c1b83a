"""Maps of a value by layer and step, one for each arm, in the colours of `paripassu.report.figures`."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from paripassu.report.figures import CIVIDIS, Figure, Trace, scale, widened

# ColorBrewer's RdBu, which keeps its order for any colour vision.
_RED_TO_BLUE = (
    "#67001f", "#b2182b", "#d6604d", "#f4a582", "#fddbc7", "#f7f7f7", "#d1e5f0", "#92c5de", "#4393c3",
    "#2166ac", "#053061",
)  # fmt: skip

# Pixels of a map's row, and of the gap between two arms' maps.
_ROW = 16
_BETWEEN = 36


def heat(
    frame: pl.DataFrame, arms: Sequence[str], value: str, *, log: bool = False, angle: bool = False
) -> Figure:
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
    height = len(layers) * _ROW
    whole = len(shown) * height + (len(shown) - 1) * _BETWEEN
    whose = "%{fullData.name}" if len(shown) > 1 else ""
    traces: list[Trace] = []
    layout: dict[str, Any] = {"annotations": []}
    for row, arm in enumerate(shown):
        # plotly.js numbers axes from 1 and leaves out the first one's number.
        number = "" if row == 0 else str(row + 1)
        table = frame.filter(arm=arm).pivot(on="step", index="layer", values=value)
        steps = [int(name) for name in table.columns[1:]]
        values = [[_number(v) for v in own[1:]] for own in table.iter_rows()]
        traces.append(
            {
                "type": "heatmap",
                "x": steps,
                "y": table["layer"].to_list(),
                "z": [[_logarithm(v) for v in line] for line in values] if log else values,
                "customdata": values,
                "name": arm,
                "coloraxis": "coloraxis",
                "hovertemplate": f"%{{y}}, step %{{x}}: %{{customdata:.3g}}<extra>{whose}</extra>",
                "xaxis": f"x{number}",
                "yaxis": f"y{number}",
            }
        )
        top = 1 - row * (height + _BETWEEN) / whole
        is_last = row == len(shown) - 1
        below = {"title": {"text": "generator updates"}} if is_last else {"showticklabels": False}
        layout[f"xaxis{number}"] = {"anchor": f"y{number}", "domain": [0, 1], **below}
        if not is_last:
            layout[f"xaxis{number}"]["matches"] = f"x{len(shown)}"
        layout[f"yaxis{number}"] = {
            "anchor": f"x{number}",
            "domain": [max(0.0, top - height / whole), top],
            "autorange": "reversed",
            "automargin": True,
            "tickfont": {"size": 11},
        }
        if len(shown) > 1:
            place = {"xref": "paper", "x": 0.5, "xanchor": "center", "yref": "paper", "y": top}
            layout["annotations"].append(
                {"text": arm, "showarrow": False, "font": {"size": 16}, "yanchor": "bottom", **place}
            )
    axis = {"colorscale": scale(CIVIDIS), "colorbar": {"title": {"text": "log₁₀" if log else ""}}}
    if angle:
        axis |= {"colorscale": scale(_RED_TO_BLUE), "cmin": -1, "cmax": 1}
    elif span := widened(frame.filter(pl.col("arm").is_in(shown))[value].to_list(), log=log):
        axis |= {"cmin": span[0], "cmax": span[1]}
    layout |= {
        "height": max(260, whole + _BETWEEN + 80),
        "margin": {"l": 70, "r": 20, "t": 40, "b": 50},
        "coloraxis": axis,
    }
    return {"data": traces, "layout": layout}


def _number(value: float | None) -> float | None:
    # Four digits are more than a colour shows, and keep the page small.
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None


def _logarithm(value: float | None) -> float | None:
    return round(math.log10(value), 3) if value else None
