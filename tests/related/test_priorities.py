"""Ranks, staleness and mixed scores in closed form, and what a sampler of places draws."""

import numpy as np
import pytest

from paripassu.related.priorities import Priorities, rank_weights, stale_weights


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(0.1, (0.999007, 0.000976, 0.0000169)), (1.0, (0.5455, 0.2727, 0.1818))],
)
def test_three_ranks_have_the_known_weights(temperature, expected):
    weights = rank_weights([3.0, 2.0, 1.0], temperature)
    assert weights == pytest.approx(expected, rel=2e-3)  # the known values have three digits
    assert weights.sum() == pytest.approx(1)


def test_ranks_do_not_depend_on_the_scores_scale():
    scores = np.random.default_rng(0).standard_normal(20)
    assert np.array_equal(rank_weights(scores, 0.5), rank_weights(np.exp(3 * scores), 0.5))
    order = np.random.default_rng(1).permutation(20)
    assert np.array_equal(rank_weights(scores[order], 0.5), rank_weights(scores, 0.5)[order])


def test_equal_scores_have_equal_weights():
    assert rank_weights(np.zeros(4), 0.1) == pytest.approx(0.25)
    weights = rank_weights([1.0, 2.0, 1.0], 1.0)
    assert weights == pytest.approx(np.array([5, 12, 5]) / 22)


def test_what_has_no_score_has_no_weight():
    weights = rank_weights([np.nan, 0.0, 0.0, np.nan], 0.1)
    assert weights.tolist() == [0, 0.5, 0.5, 0]
    with pytest.raises(ValueError, match="no score to rank"):
        rank_weights([np.nan], 1.0)


def test_ranks_become_uniform_at_high_temperature():
    assert rank_weights([3.0, 2.0, 1.0], np.inf) == pytest.approx(1 / 3)


def test_staleness_is_the_share_of_all_ages():
    assert stale_weights([1.0, 0.0, 3.0, np.nan]) == pytest.approx([0.25, 0, 0.75, 0])
    assert stale_weights([0.0, 0.0, np.nan]) == pytest.approx([0.5, 0.5, 0])


def _scored(**settings):
    priorities = Priorities(3, 2, temperature=1.0, **settings)
    priorities.score(np.array([0]), np.array([1.0]))
    priorities.score(np.array([1]), np.array([2.0]))
    priorities.score(np.array([2]), np.array([3.0]))
    return priorities


def test_probabilities_mix_scores_and_staleness():
    priorities = _scored(staleness=0.3)
    by_rank = np.array([2, 3, 6]) / 11
    expected = 0.7 * by_rank + 0.3 * np.array([2, 1, 0]) / 3
    assert priorities.probabilities()[:3] == pytest.approx(expected)
    assert priorities.probabilities()[3:].tolist() == [0, 0]


def test_second_scores_get_their_share():
    priorities = _scored(staleness=0.0)
    assert priorities.admit(2.5) == 3
    second = np.array([3, 4, 12, 6, 0]) / 25  # ranks 4, 3, 1, 2 of four
    first = np.array([2, 3, 6, 0, 0]) / 11
    assert priorities.probabilities(1.0) == pytest.approx(second)
    assert priorities.probabilities(0.25) == pytest.approx(0.75 * first + 0.25 * second)


def test_a_generated_level_replaces_the_lowest_alone():
    priorities = _scored()
    assert [priorities.admit(score) for score in (0.5, 0.2, 0.1, 0.3, 0.5)] == [3, 4, None, 4, 4]
    assert priorities.second.tolist() == [1, 2, 3, 0.5, 0.5]
    assert Priorities(3).admit(1.0) is None


def test_a_place_that_was_drawn_twice_gets_the_mean():
    priorities = Priorities(2)
    priorities.score(np.array([1, 1, 0]), np.array([1.0, 3.0, 7.0]), np.array([0.0, 1.0, 0.0]))
    assert priorities.first.tolist() == [7, 2]
    assert priorities.second.tolist() == [0, 0.5]


def test_unseen_places_are_drawn_before_scores_decide():
    rng = np.random.default_rng(0)
    priorities = Priorities(5)
    drawn = priorities.draw(50, rng)
    assert set(drawn) == set(range(5))
    priorities.score(np.array([0, 1, 2, 3]), np.zeros(4))
    shares = np.bincount(priorities.draw(10_000, rng), minlength=5) / 10_000
    assert shares == pytest.approx(0.2, abs=0.02)  # one of five is unseen, and four are equal


def test_draws_follow_the_probabilities():
    priorities = _scored(staleness=0.5)
    drawn = priorities.draw(20_000, np.random.default_rng(0))
    assert np.bincount(drawn, minlength=5) / 20_000 == pytest.approx(priorities.probabilities(), abs=0.015)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": 0}, "dataset must be"),
        ({"dataset": 1, "generated": -1}, "generated"),
        ({"dataset": 1, "temperature": 0.0}, "temperatures must be"),
        ({"dataset": 1, "staleness": 1.1}, "staleness must be"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Priorities(**settings)


def test_a_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match="share must be"):
        _scored().probabilities(1.5)
    with pytest.raises(ValueError, match="temperature must be"):
        rank_weights([1.0], 0.0)
