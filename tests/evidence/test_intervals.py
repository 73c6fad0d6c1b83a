"""Intervals that cover what they say, and degenerate cases that do not crash."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from paripassu.evidence.intervals import Interval, bootstrap_interval, difference, estimate, wilson
from paripassu.evidence.pairs import paired_interval


def test_estimate_of_known_values():
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    result = estimate(values)
    assert result.mean == 3.0
    assert result.std == pytest.approx(np.std(values, ddof=1))
    assert 1.0 <= result.low < 3.0 < result.high <= 5.0
    assert estimate(values) == result


@pytest.mark.parametrize("count", [6, 8, 20])
def test_intervals_cover_the_mean_as_often_as_they_say(count):
    """A plain percentile bootstrap of 8 values covers 88 % of the time."""
    rng = np.random.default_rng(count)
    drawn = rng.normal(3.0, 2.0, (1000, count))
    covered = [
        (i := bootstrap_interval(lambda m: m, own, resamples=2000)).low <= 3.0 <= i.high for own in drawn
    ]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_a_means_interval_is_as_wide_as_students():
    values = np.random.default_rng(0).normal(size=8)
    students, ours = paired_interval(values.tolist()), estimate(values.tolist())
    assert ours.high - ours.low == pytest.approx(students.high - students.low, rel=0.1)


def test_the_interval_of_a_difference_matches_the_normal_one():
    rng = np.random.default_rng(2)
    a, b = rng.normal(1.0, 1.0, 2000), rng.normal(0.0, 2.0, 1000)
    interval = bootstrap_interval(lambda x, y: x - y, a, b)
    half = 1.96 * math.sqrt(a.var() / len(a) + b.var() / len(b))
    assert interval.value == pytest.approx(a.mean() - b.mean())
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.05)


def test_shift_and_scale_carry_over():
    values = [0.3, 0.1, 0.7, 0.2, 0.5]
    plain, moved = estimate(values), estimate([10 * v - 5 for v in values])
    assert [moved.mean, moved.low, moved.high] == pytest.approx(
        [10 * x - 5 for x in (plain.mean, plain.low, plain.high)]
    )


@pytest.mark.parametrize("count", [1, 2, 4])
def test_too_few_values_bound_nothing(count):
    assert bootstrap_interval(lambda m: m, [2.0] * count) == (2.0, -math.inf, math.inf)
    result = estimate([2.0] * count)
    assert (result.mean, result.std) == (2.0, 0.0)
    assert math.isnan(result.low)
    assert math.isnan(result.high)
    one_arm_has_few = bootstrap_interval(lambda a, b: a - b, [1.0] * 8, [0.0] * count)
    assert str(one_arm_has_few) == "1 [unknown]"


def test_equal_seeds_have_no_width():
    result = estimate([2.0] * 5)
    assert (result.mean, result.std, result.low, result.high) == (2.0, 0.0, 2.0, 2.0)


def test_a_quotient_by_zero_is_unsure_on_both_sides():
    interval = bootstrap_interval(lambda a, b: a / b, [1.0, -1.0, 1.0, -1.0, 1.0], [0.0] * 5)
    assert interval.low == -math.inf
    assert interval.high == math.inf


def test_no_values_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        estimate([])


@pytest.mark.parametrize(("hits", "runs"), [(0, 1), (0, 32), (8, 32), (32, 32)])
def test_wilsons_interval_is_scipys(hits, runs):
    theirs = binomtest(hits, runs).proportion_ci(method="wilson")
    assert wilson(hits, runs) == pytest.approx((hits / runs, theirs.low, theirs.high))


def test_newcombes_interval_of_a_difference_is_his():
    """Newcombe 1998, table II, method 10: 56/70 against 48/80 and 10/10 against 0/20."""
    assert difference(wilson(56, 70), wilson(48, 80)) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert difference(wilson(10, 10), wilson(0, 20)) == pytest.approx((1.0, 0.6791, 1.0), abs=1e-4)


def test_a_difference_of_what_is_known_exactly_is_known_exactly():
    assert difference(Interval(3.0, 3.0, 3.0), Interval(1.0, 1.0, 1.0)) == (2.0, 2.0, 2.0)


def test_a_median_is_not_moved_by_one_far_value():
    values = [1.0, 2.0, 3.0, 4.0, 1e9]
    median = bootstrap_interval(lambda middle: middle, values, centre=np.median)
    assert median.value == 3.0
    assert bootstrap_interval(lambda mean: mean, values).value > 1e8


@pytest.mark.parametrize("runs", range(1, 100))
def test_the_interval_of_a_share_holds_the_share(runs):
    """Also at its ends, where rounding may miss 0 or 1, and matplotlib draws no negative bar."""
    assert wilson(0, runs).low == 0 < wilson(0, runs).high
    assert wilson(runs, runs).low < wilson(runs, runs).high == 1


def test_an_unknown_value_is_said_in_words():
    assert str(Interval(math.nan, -math.inf, math.inf)) == "unknown"
