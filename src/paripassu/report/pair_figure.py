"""All pairs of arms as a forest plot: how much better one arm is than another, with its interval."""

from collections.abc import Sequence

from paripassu.evidence.pairs import Pair
from paripassu.records import span
from paripassu.report.figures import Figure, base_figure, colour, error_bars, rows

_UNKNOWN = "#888888"


def forest(pairs: Sequence[Pair], arms: Sequence[str], metric: str) -> Figure:
    """A row a pair. A full marker is a pair that is apart; an open one, a pair that is not.

    Args:
        pairs: of `paripassu.evidence.pairs.all_pairs`.
        arms: in the order of legends, which gives each its colour.
        metric: the deciding one's name.
    """
    figure = base_figure(x=f"how much better, in {metric}", y="")
    for number, pair in enumerate(pairs):
        shade = colour(arms.index(pair.better))
        ends = pair.lead.low, pair.lead.high
        figure["data"].append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{pair.better} over {pair.worse}",
                "legendgroup": pair.better,
                "showlegend": False,
                "x": [pair.lead.value],
                "y": [number],
                "marker": {
                    "color": shade,
                    "symbol": "circle" if pair.is_apart else "circle-open",
                    "size": 10,
                },
                "error_x": error_bars([pair.lead.value], [ends])
                | {"color": shade, "thickness": 2, "width": 5},
                "hovertemplate": f"%{{x:.3g}} [{span(*ends)}], {pair.seeds} seeds"
                "<extra>%{fullData.name}</extra>",
            }
        )
    # In two lines, so that a phone has room for the rest.
    rows(figure, [f"{pair.better}<br>− {pair.worse}" for pair in pairs])
    figure["layout"]["yaxis"]["tickfont"] = {"size": 11}
    zero = {"type": "line", "x0": 0, "x1": 0, "yref": "y domain", "y0": 0, "y1": 1}
    figure["layout"]["shapes"] = [zero | {"line": {"color": _UNKNOWN, "width": 1, "dash": "dot"}}]
    return figure
