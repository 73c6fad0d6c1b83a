"""Which half of Adam does what, from what swapping each half changes."""

import math

import polars as pl
import pytest

from paripassu.evidence.dissection import HALVES, Column, dissect, effects_of

ERROR = Column("error", "a share", "images", "error", good=0.1, bad=0.5, margin=0.2)
DISTANCE = Column("distance", "", "images", "moved", good=1e-9, bad=1e-3, margin=3.0, log=True, floor=1e-12)


def _effects(column, *means, spread=0.01):
    return effects_of(column, *([mean + spread * n for n in range(5)] for mean in means))


@pytest.mark.parametrize(
    ("adam", "length", "direction", "sgd", "half"),
    [
        (0.9, 0.0, 0.9, 0.0, "direction"),
        (0.9, 0.9, 0.0, 0.0, "magnitude"),
        (0.0, 0.0, 0.9, 0.9, "magnitude"),  # for the better
        (0.9, 0.5, 0.5, 0.1, "both"),
        (0.5, 0.5, 0.5, 0.5, "neither"),
        (0.9, 0.1, 0.1, 0.9, "neither"),  # each half does as much harm as good
    ],
)
def test_the_word_follows_from_both_effects(adam, length, direction, sgd, half):
    assert _effects(ERROR, adam, length, direction, sgd).half == half


def test_an_effect_across_the_margin_is_undecided():
    rows = [[0.2, 0.9, 0.1, 0.8], [0.3, 0.1, 0.2, 0.0], [0.1, 0.8, 0.3, 0.9], [0.0, 0.3, 0.1, 0.2]]
    assert effects_of(ERROR, *rows).half == "undecided"
    assert effects_of(ERROR, *rows[:3], []).half == "undecided"
    assert effects_of(ERROR, *rows[:3], [0.1]).half == "undecided"


def test_effects_of_a_logarithmic_column_are_decades():
    effects = effects_of(DISTANCE, [0.1] * 5, [1e-16] * 5, [0.01] * 5, [0.0] * 5)
    assert effects.direction.value == pytest.approx((-1 - 2 + 12 + 12) / 2)
    assert effects.magnitude.value == pytest.approx(0.5)
    assert effects.half == "direction"


@pytest.mark.parametrize("lost", [math.nan, math.inf, None])
def test_a_run_without_a_number_counts_as_bad(lost):
    rows = [
        {"condition": "images", "arm": rule, "part": part, "diverged_at": 3.0 if lost_here else math.inf,
         "error": lost if lost_here else 0.0}
        for rule in HALVES
        for part, lost_here in (("fresh", rule == "sgd"), ("fresh", False), ("tuning", True))
    ]  # fmt: skip
    table = dissect([ERROR], pl.DataFrame(rows))
    assert table.rules == list(HALVES)
    cell = table.cells["sgd", "error"]
    assert (cell.interval.value, cell.runs, cell.diverged, cell.grade) == (0.25, 2, 1, "between")
    assert table.cells["adam", "error"].grade == "good"


@pytest.mark.parametrize(
    ("column", "value", "grade"),
    [
        (ERROR, 0.1, "good"),
        (ERROR, 0.3, "between"),
        (ERROR, 0.5, "bad"),
        (Column("found", "", "", "", good=0.9, bad=0.5, margin=0.2), 0.95, "good"),
        (Column("found", "", "", "", good=0.9, bad=0.5, margin=0.2), 0.5, "bad"),
        (Column("found", "", "", "", good=0.9, bad=0.5, margin=0.2), 0.6, "between"),
    ],
)
def test_grades_are_good_from_one_end_on_and_bad_from_the_other(column, value, grade):
    assert column.grade(value) == grade
