"""All pairs of arms are compared seed by seed, with Student's interval."""

import math

import pytest
from scipy import stats
from tests.cases.folders import game_result

from paripassu.evidence.pairs import all_pairs, paired_interval
from paripassu.evidence.student import t_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 8, 19, 100])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_quantile_is_scipys(freedom, level):
    assert t_quantile(freedom, level) == pytest.approx(stats.t.ppf(0.5 + level / 2, freedom), rel=1e-9)


def test_the_interval_is_that_of_scipys_paired_test():
    one, other = [1.0, 2.5, 3.0, 4.2], [0.4, 2.6, 1.0, 3.9]
    found = paired_interval([a - b for a, b in zip(one, other, strict=True)])
    expected = stats.ttest_rel(one, other).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_better_arm_of_a_pair_is_named_first(better):
    values = {"a": [1.0, 1.2], "b": [3.0, 3.1], "c": [2.0, 2.1]}
    pairs = all_pairs(game_result(values, better=better))
    order = ["b", "c", "a"] if better == "higher" else ["a", "c", "b"]
    first, second, third = order
    assert [pair[:2] for pair in pairs] == [(first, second), (first, third), (second, third)]
    assert all(pair.lead.value > 0 and pair.seeds == 2 for pair in pairs)


def test_a_seed_that_moves_both_arms_does_not_blur_their_difference():
    seeds = [0.0, 10.0, -20.0, 30.0]
    values = {
        "a": [s + 1.0 for s in seeds],
        "b": [s + d for s, d in zip(seeds, (0.0, 0.1, -0.1, 0.0), strict=True)],
    }
    (pair,) = all_pairs(game_result(values))
    assert pair.is_apart
    assert pair.lead.low > 0.8


def test_one_seed_decides_nothing():
    (pair,) = all_pairs(game_result({"a": [1.0], "b": [9.0]}))
    assert (pair.lead.value, pair.lead.low, pair.is_apart) == (8.0, -math.inf, False)


def test_a_value_that_is_not_finite_has_no_pair():
    pairs = all_pairs(game_result({"a": [1.0, math.nan], "b": [2.0, 2.0], "c": [1.0, 1.0]}))
    assert [pair[:2] for pair in pairs] == [("b", "c")]
