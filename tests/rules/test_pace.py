"""The rule on a pair of steps: closed forms, and what is zero or not finite."""

import math

import pytest
import torch

from paripassu.rules import FixedPace
from paripassu.rules.pace import relative_step


@pytest.mark.parametrize("value", [0.1, 1.0, 10.0])
def test_relative_steps_are_at_the_pace(value):
    lead, norm, own = 0.3, 7.0, 0.02
    length = FixedPace(value).length(lead, norm, own)
    assert relative_step(lead, norm) / relative_step(length, own) == pytest.approx(value, rel=1e-15)


def test_lengths_have_no_unit_of_their_own():
    pace = FixedPace(0.5)
    assert pace.length(0.3, 7.0, 0.02) == pytest.approx(pace.length(30.0, 700.0, 0.02), rel=1e-15)
    assert pace.length(0.3, 7.0, 0.2) == pytest.approx(10 * pace.length(0.3, 7.0, 0.02), rel=1e-15)


@pytest.mark.parametrize(("given", "expected"), [((0.0, 1.0, 3.0), 0.0), ((1.0, 2.0, 0.0), 0.0)])
def test_nothing_moves_where_lead_or_weights_are_zero(given, expected):
    assert FixedPace(2.0).length(*given) == expected


def test_a_lead_without_weights_gives_no_finite_length():
    numbers = [torch.tensor(x, dtype=torch.float64) for x in (1.0, 0.0, 3.0)]
    assert FixedPace(2.0).length(*numbers).item() == math.inf
    numbers[0].zero_()
    assert FixedPace(2.0).length(*numbers).isnan()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_numbers_that_are_not_finite_propagate(place):
    numbers = [torch.ones([], dtype=torch.float64) for _ in range(3)]
    numbers[place].fill_(math.nan)
    assert FixedPace(1.0).length(*numbers).isnan()


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan, "1"])
def test_a_pace_is_a_finite_positive_number(value):
    with pytest.raises(ValueError, match="a pace must be"):
        FixedPace(value)


def test_a_pace_is_of_two_players():
    with pytest.raises(ValueError, match="'x' twice"):
        FixedPace(1.0, "x", "x")
