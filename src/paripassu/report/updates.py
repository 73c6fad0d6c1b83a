"""Figures of what the optimizers did: how far each player steps, their pace, and both layer by layer."""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from paripassu.evidence import series
from paripassu.report import figures, heat_map
from paripassu.report.answer import in_words
from paripassu.report.page import Block, Figure, Text

# What a map's values span at least for its colours to say something: decades, and cosines.
_LEAST_DECADES, _LEAST_COSINE = 0.02, 0.02
_NUMBERED = re.compile(r"(?P<place>(?:\w+\.)*\d+)\.(?P<kind>weight|bias)")


def update_figures(table: pl.DataFrame, arms: Sequence[str]) -> list[Block]:
    """How far each player's steps went, the pace of one against the other, and both layer by layer.

    Args:
        table: records of kind ``"Update"``, ``"Shadow"`` and ``"Pace"``, from `series.read_arms`.
        arms: in the order of the legend.
    """
    updates = series.updates(table)
    blocks: list[Block] = []
    for player in unique(updates, "player"):
        steps = updates.filter(player=player)
        figure = figures.curves(series.over_seeds(steps, "update"), arms, y="length of a step", log=True)
        caption = f"Length of the {player}'s probed steps in weight space, as measured from the weights."
        blocks.append(Figure(figure, f"How far the {player} steps", caption, is_small=True))
    paces = series.pace(table)
    for pair in unique(paces, "name"):
        own = series.over_seeds(paces.filter(name=pair))
        caption = (
            "Relative step of the first player over that of the second. A relative step is the length of a "
            "step over the length of the player's weights. At 1 both move at the same pace. A flat line is "
            "a constant pace."
        )
        figure = figures.curves(own, arms, y="pace", log=True, line=1.0)
        blocks.append(Figure(figure, f"Pace, {pair}", caption))
    return blocks + _layer_figures(table, arms)


def unique(frame: pl.DataFrame, column: str) -> list[str]:
    """A column's distinct values, in order."""
    return frame[column].unique(maintain_order=True).to_list()


def _layer_figures(table: pl.DataFrame, arms: Sequence[str]) -> list[Block]:
    layers = series.layers(table)
    first = " Of each arm's first run." if (table["seed"] > 0).any() else ""
    blocks: list[Block] = []
    for rule in unique(layers, "rule"):
        for player in unique(layers, "player"):
            own = layers.filter(rule=rule, player=player)
            names = layers_in_words(unique(own, "layer"))
            frame = own.with_columns(pl.col("layer").replace(names))
            whose = f"The {player}'s steps, layer by layer"
            if rule:
                title, angles = f"{whose}, over those of {rule}", f"{whose}, against those of {rule}"
                length = (
                    f"Length of a step over that of {rule} on the same gradients, before its learning rate. "
                    f"It is the rate at which {rule} would have gone as far."
                )
                angle = (
                    f"Cosine of a step with that of {rule} on the same gradients; 1 is the same direction."
                )
            else:
                title, angles = f"{whose}: length", f"{whose}: direction"
                length = "Length of a step. A row of one colour is a constant magnitude."
                angle = "Cosine of a step with the negative gradient; 1 is straight down."
            blocks += _maps(frame, arms, "magnitude", title, length + first)
            blocks += _maps(frame, arms, "cosine", angles, angle + first)
    return blocks


def _maps(frame: pl.DataFrame, arms: Sequence[str], value: str, title: str, caption: str) -> list[Block]:
    """A map of the arms that vary, and a line that says what the others are."""
    own = {arm: frame.filter(pl.col("arm") == arm)[value] for arm in arms if arm in frame["arm"]}
    constant = {arm: level for arm, values in own.items() if (level := _level(values, value)) is not None}
    blocks: list[Block] = []
    if varying := [arm for arm in own if arm not in constant]:
        figure = heat_map.heat(frame, varying, value, log=value == "magnitude", angle=value == "cosine")
        blocks.append(Figure(figure, title, caption))
    alike: dict[tuple[str, str], list[str]] = {}
    for arm, level in constant.items():
        alike.setdefault((f"{level:.3g}", _where(own[arm], value)), []).append(arm)
    of_all = "" if varying else f"{title}. "
    for (level, where), same in alike.items():
        whose = "" if len(own) == 1 else f" of {in_words(same)}"
        blocks.append(Text(f"{of_all}The {_NAMES[value]}{whose} is {level} {where}."))
        of_all = ""
    return blocks


_NAMES = {"magnitude": "length", "cosine": "cosine"}


def _level(values: pl.Series, value: str) -> float | None:
    """The one value that all of them are where a layer moved, but for noise; None if they differ."""
    finite = _usable(values, value)
    if finite.is_empty():
        return None
    scaled = finite.log10() if value == "magnitude" else finite
    least = _LEAST_DECADES if value == "magnitude" else _LEAST_COSINE
    low, high = (float(scaled.to_numpy().min()), float(scaled.to_numpy().max()))
    return float(finite.to_numpy().mean()) if high - low < least else None


def _usable(values: pl.Series, value: str) -> pl.Series:
    """The values of steps that have one: a layer that did not move has no direction, and a length of 0."""
    finite = values.filter(values.is_finite())
    return finite.filter(finite > 0) if value == "magnitude" else finite


def _where(values: pl.Series, value: str) -> str:
    is_all = len(_usable(values, value)) == len(values)
    return "in every layer, at every step" if is_all else "wherever a layer moved"


def layers_in_words(names: Sequence[str]) -> Mapping[str, str]:
    """Parameters' names in words, where a number names their layer: layers count from 1.

    Example:
        >>> dict(layers_in_words(["0.weight", "0.bias", "3.weight", "head.scale"]))
        {'0.weight': 'layer 1, weight', '0.bias': 'layer 1, bias', '3.weight': 'layer 2, weight'}
    """
    found = [(name, match) for name in names if (match := _NUMBERED.fullmatch(name))]
    places = list(dict.fromkeys(match["place"] for _, match in found))
    return {name: f"layer {places.index(match['place']) + 1}, {match['kind']}" for name, match in found}
