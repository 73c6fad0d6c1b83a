"""The dissection: what each rule does on each phenomenon, and which half of Adam does it.

A column is one number, measured in each run of one condition. Four rows are the halves of Adam and SGD joined
in every way. The effect of a half is the difference that swapping it makes:

    direction: mean of (adam, adam direction) - mean of (adam length, sgd)
    magnitude: mean of (adam, adam length) - mean of (adam direction, sgd)

*Direction* is said to do it if its effect is beyond the column's margin, on either side, with its whole
bootstrap 95 % interval, and the magnitude's is within the margin with its whole interval. *Magnitude* is the
reverse. *Both* and *neither* are the other decided cases. Otherwise it is *undecided*.

Columns on GANs take hours. They are read from a comparison of arms in a folder beside (`dissection_games`).
Every cell without a number is listed with the command that fills it.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from paripassu.evidence.by_seed import with_worst
from paripassu.evidence.collapse import OUTCOMES_TABLE, sweep_table
from paripassu.evidence.dissection_games import ARMS_OF_ROWS, game_beside, shares_of_adam
from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.evidence.played import judged_runs
from paripassu.records import StudyResult

ADAM, LENGTH, DIRECTION, SGD = "adam", "adam length", "adam direction", "sgd"
HALVES = (ADAM, LENGTH, DIRECTION, SGD)

Half = Literal["direction", "magnitude", "both", "neither", "undecided"]
Grade = Literal["good", "bad", "between"]


@dataclass(frozen=True)
class Column:
    """One phenomenon.

    Attributes:
        name: heading.
        words: what the number is, and where.
        condition: whose runs it is measured in.
        number: its name in the table of outcomes.
        good: a value from which on a cell is good for who trains.
        bad: a value from which on it is bad; whether ``good`` is above or below says which way is better.
        margin: the smallest effect that counts, in decades if ``log``.
        log: whether effects are of the decimal logarithm.
        floor: smaller values are taken as this, if ``log``.
        study: that plays the phenomenon at full size.
        game: of that study, if the number is the share of Adam's result there, from a folder beside. Empty
            for what the sweep itself measures.
        scale: of that study, at which its command plays the game.
        data: name of the dataset that the game plays on, if it is given by path.
    """

    name: str
    words: str
    condition: str
    number: str
    good: float
    bad: float
    margin: float
    log: bool = False
    floor: float = 1e-12
    study: str = ""
    game: str = ""
    scale: str = "small"
    data: str = ""

    def settings(self) -> dict[str, Any]:
        """Its fields, without what a measured column has not."""
        of_a_game = ("game", "scale", "data")
        return {name: value for name, value in asdict(self).items() if self.game or name not in of_a_game}

    def grade(self, value: float) -> Grade:
        """What a mean is for who trains."""
        sign = 1 if self.good > self.bad else -1
        if sign * value >= sign * self.good:
            return "good"
        return "between" if sign * value > sign * self.bad else "bad"

    def effect_scale(self, values: Sequence[float | None]) -> list[float]:
        """Values on the scale of effects; a run that diverged counts as bad."""
        finite = with_worst(values, self.bad)
        return (np.log10(np.maximum(finite, self.floor)) if self.log else finite).tolist()


class Effects(NamedTuple):
    """What swapping each half does, and the word for it."""

    direction: Interval
    magnitude: Interval
    half: Half


class DissectedCell(NamedTuple):
    """One rule on one phenomenon.

    Attributes:
        interval: mean over runs with its bootstrap 95 % interval.
        runs: how many.
        diverged: of those. They count as bad.
        grade: of the mean.
    """

    interval: Interval
    runs: int
    diverged: int
    grade: Grade


class Missing(NamedTuple):
    """Cells of a column that have no number.

    Attributes:
        column: its name.
        rules: of the cells.
        command: fills them; empty where no study plays these rules.
    """

    column: str
    rules: Sequence[str]
    command: str


@dataclass(frozen=True)
class Dissection:
    """The whole table.

    Attributes:
        columns: the phenomena.
        rules: names of the rows.
        cells: by rule and by the column's name; a rule that does not play a phenomenon has none.
        effects: by the column's name.
        missing: cells without a number.
        sources: folders of other studies that columns are from, by the column's name.
    """

    columns: Sequence[Column]
    rules: Sequence[str]
    cells: Mapping[tuple[str, str], DissectedCell]
    effects: Mapping[str, Effects]
    missing: Sequence[Missing] = ()
    sources: Mapping[str, Path] = field(default_factory=dict[str, Path])


def dissection(result: StudyResult, folder: Path) -> Dissection:
    """The table of a finished study, with what folders beside have for it.

    Raises:
        ValueError: the table of outcomes is missing or damaged, or a result beside is damaged.
    """
    columns = [Column(**column) for column in result.settings["columns"].values()]
    table = dissect(columns, sweep_table(result, folder, OUTCOMES_TABLE))
    cells, effects, sources = dict(table.cells), dict(table.effects), dict[str, Path]()
    for column in columns:
        beside = game_beside(folder, column.study, column.game) if column.game else None
        shares = beside and shares_of_adam(beside.game)
        if not (beside and shares):
            continue
        sources[column.name] = beside.folder
        for rule in table.rules:
            if rule in shares.intervals:
                interval = shares.intervals[rule]
                runs, diverged = len(shares.values[rule]), shares.diverged[rule]
                cells[rule, column.name] = DissectedCell(
                    interval, runs, diverged, column.grade(interval.value)
                )
        effects[column.name] = effects_of(column, *(shares.values.get(rule, []) for rule in HALVES))
    missing = [
        Missing(column.name, rules, command)
        for column in columns
        for rules, command in _missing(
            column,
            [rule for rule in table.rules if (rule, column.name) not in cells],
            _command(column, columns, result, folder),
        )
    ]
    return replace(table, cells=cells, effects=effects, missing=missing, sources=sources)


def _missing(column: Column, lacking: Sequence[str], command: str) -> list[tuple[list[str], str]]:
    """Rules without a number in a column, by the command that fills them, if there is one."""
    filled = [rule for rule in lacking if not column.game or rule in ARMS_OF_ROWS]
    others = [rule for rule in lacking if rule not in filled]
    return [each for each in ((filled, command), (others, "")) if each[0]]


def _command(column: Column, columns: Sequence[Column], result: StudyResult, folder: Path) -> str:
    """What a person types to fill a column."""
    study = column.study or result.name
    if not column.game:
        return f"paripassu study run {study}"
    # A study's result is on the games that it was last given.
    together = [each.game for each in columns if each.game and _source(each) == _source(column)]
    words = [f"paripassu study run {study} --scale {column.scale} --games", *together]
    if column.data:
        words.append(f"--data {column.data}=PATH")
    out = folder.parent / "-".join(filter(None, _source(column)))
    return " ".join([*words, "--out", shlex.quote(str(out))])


def _source(column: Column) -> tuple[str, str, str]:
    """What columns that one command fills have in common."""
    return column.study, column.scale, column.data


def dissect(columns: Sequence[Column], outcomes: pl.DataFrame) -> Dissection:
    """The table from the `judged_runs`.

    Args:
        columns: the phenomena.
        outcomes: one row a run: ``condition, arm, part, diverged_at`` and the measured numbers.
    """
    judged = judged_runs(outcomes)
    rules = judged["arm"].unique(maintain_order=True).to_list()
    cells: dict[tuple[str, str], DissectedCell] = {}
    effects: dict[str, Effects] = {}
    for column in columns:
        own = judged.filter(condition=column.condition)
        values = {
            rule: [] if column.game else own.filter(arm=rule)[column.number].to_list() for rule in rules
        }
        for rule, numbers in values.items():
            if numbers:
                interval = bootstrap_interval(lambda mean: mean, with_worst(numbers, column.bad).tolist())
                diverged = int(own.filter(arm=rule)["diverged_at"].is_finite().sum())
                cells[rule, column.name] = DissectedCell(
                    interval, len(numbers), diverged, column.grade(interval.value)
                )
        effects[column.name] = effects_of(column, *(values.get(rule, []) for rule in HALVES))
    return Dissection(columns, rules, cells, effects)


def effects_of(
    column: Column,
    adam: Sequence[float],
    length: Sequence[float],
    direction: Sequence[float],
    sgd: Sequence[float],
) -> Effects:
    """Both effects, and the word.

    Args:
        column: the phenomenon.
        adam: values of the four rows, paired by seed, as are the rest.
        length: Adam's magnitude on SGD's direction.
        direction: SGD's magnitude on Adam's direction.
        sgd: neither.

    Example:
        >>> column = Column("error", "", "", "", good=0.1, bad=0.5, margin=0.2)
        >>> effects_of(column, [0.9, 0.8] * 4, [0.0, 0.1] * 4, [0.9, 0.9] * 4, [0.1, 0.0] * 4).half
        'direction'
    """
    rows = [column.effect_scale(values) for values in (adam, length, direction, sgd)]
    if not all(rows) or len({len(row) for row in rows}) > 1:
        unknown = Interval(math.nan, -math.inf, math.inf)
        return Effects(unknown, unknown, "undecided")
    of_direction = bootstrap_interval(lambda a, m, d, s: (a + d - m - s) / 2, *rows, paired=True)
    of_magnitude = bootstrap_interval(lambda a, m, d, s: (a + m - d - s) / 2, *rows, paired=True)
    matter = {name: _matters(effect, column.margin) for name, effect in
              (("direction", of_direction), ("magnitude", of_magnitude))}  # fmt: skip
    if None in matter.values():
        return Effects(of_direction, of_magnitude, "undecided")
    named = [name for name, matters in matter.items() if matters]
    half: Half = "both" if len(named) == 2 else "neither"
    if named == ["direction"]:
        half = "direction"
    elif named == ["magnitude"]:
        half = "magnitude"
    return Effects(of_direction, of_magnitude, half)


def _matters(effect: Interval, margin: float) -> bool | None:
    """Whether an effect is beyond the margin; None if its interval crosses it."""
    if effect.low > margin or effect.high < -margin:
        return True
    return False if -margin < effect.low and effect.high < margin else None
