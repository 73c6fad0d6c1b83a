"""Intervals that cover what they say, and degenerate cases that do not crash."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from paripassu.evidence.intervals import Interval, bootstrap_interval, difference, estimate, wilson


def test_estimate_of_known_values():
    result = estimate([1.0, 2.0, 3.0, 4.0])
    assert result.mean == 2.5
    assert result.std == pytest.approx(np.std([1, 2, 3, 4], ddof=1))
    assert 1.0 <= result.low < 2.5 < result.high <= 4.0
    assert estimate([1.0, 2.0, 3.0, 4.0]) == result


def test_intervals_cover_the_mean_nearly_as_often_as_they_say():
    """For 20 normal values the percentile bootstrap covers about 93 % of the time."""
    rng = np.random.default_rng(1)
    covered = [(i := estimate(rng.normal(3.0, 2.0, 20))).low <= 3.0 <= i.high for _ in range(300)]
    assert 0.89 <= np.mean(covered) <= 0.98


def test_the_interval_of_a_difference_matches_the_normal_one():
    rng = np.random.default_rng(2)
    a, b = rng.normal(1.0, 1.0, 2000), rng.normal(0.0, 2.0, 1000)
    interval = bootstrap_interval(lambda x, y: x - y, a, b)
    half = 1.96 * math.sqrt(a.var() / len(a) + b.var() / len(b))
    assert interval.value == pytest.approx(a.mean() - b.mean())
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.05)


def test_shift_and_scale_carry_over():
    values = [0.3, 0.1, 0.7, 0.2]
    plain, moved = estimate(values), estimate([10 * v - 5 for v in values])
    assert [moved.mean, moved.low, moved.high] == pytest.approx(
        [10 * x - 5 for x in (plain.mean, plain.low, plain.high)]
    )


def test_one_seed_and_equal_seeds_have_no_width():
    for values in ([2.0], [2.0, 2.0, 2.0]):
        result = estimate(values)
        assert (result.mean, result.std, result.low, result.high) == (2.0, 0.0, 2.0, 2.0)


def test_a_quotient_by_zero_is_unsure_on_both_sides():
    interval = bootstrap_interval(lambda a, b: a / b, [1.0, -1.0], [0.0])
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
