"""The expected best of n trials is that of its definition; ease is its mean."""

from itertools import product

import numpy as np
import pytest

from paripassu.evidence.tuning import (
    ease,
    ease_lead,
    expected_best,
    expected_best_intervals,
    share_close_to_best,
)

SCORES = [0.3, -1.0, 2.0, 0.3]


def test_the_expected_best_equals_that_of_all_draws():
    for n, expected in enumerate(expected_best(SCORES), 1):
        best = [max(draw) for draw in product(SCORES, repeat=n)]
        assert expected == pytest.approx(np.mean(best), abs=1e-12)


def test_the_order_of_trials_does_not_matter():
    assert expected_best(SCORES) == expected_best(sorted(SCORES))


def test_ease_is_the_mean_of_the_expected_bests():
    assert ease(SCORES).value == pytest.approx(np.mean(expected_best(SCORES)))


def test_intervals_cover_the_values():
    scores = list(np.random.default_rng(1).normal(size=16))
    intervals = [*expected_best_intervals(scores, resamples=500), ease(scores, resamples=500)]
    assert [each.value for each in intervals] == [*expected_best(scores), ease(scores).value]
    assert all(each.low < each.value < each.high for each in intervals)


def test_a_lead_pairs_trials_of_one_point():
    """What a point does to both arms cancels, whatever its size."""
    shared = list(np.random.default_rng(0).normal(size=16) * 100)
    lead = ease_lead([s + 1.0 for s in shared], shared)
    assert tuple(lead) == pytest.approx((1.0, 1.0, 1.0))


def test_arms_with_other_numbers_of_trials_are_refused():
    with pytest.raises(ValueError, match="equal numbers of trials, got 1 and 2"):
        ease_lead([1.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("values", "higher", "share"), [([1.0, 0.91, 0.5, 0.2], True, 0.5), ([4.0, 4.3, 4.5, 9.0], False, 0.5)]
)
def test_close_to_best_means_within_a_tenth(values, higher, share):
    assert share_close_to_best(values, higher=higher) == share
