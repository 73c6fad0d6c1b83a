"""Learning on levels of four kinds: information in closed form, replay of generated levels, whole runs."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from paripassu.related import grids
from paripassu.related.level_generator import LevelGenerator
from paripassu.related.levels import LevelLearning, Replay, fit_classifier, information
from paripassu.related.priorities import Priorities

SMALL = LevelLearning(
    updates=4, dataset=4, unseen=8, generated=4, width=4, horizon=4, generate=1.0,
    generator=LevelGenerator(latent=2, width=4, steps=2),
)  # fmt: skip
KINDS = ("uniform", "prioritised", "randomised", "regularised")


def test_a_classifier_that_knows_every_level_has_their_entropy():
    """And one that knows nothing has no information."""
    n = 16
    assert information(np.zeros(n), n) == pytest.approx(math.log(n))
    assert information(np.full(n, -math.log(n)), n) == pytest.approx(0)


@pytest.mark.parametrize(("features", "expected"), [(4 * torch.eye(8), math.log(8)), (torch.ones(8, 8), 0.0)])
def test_a_fitted_classifier_finds_what_features_say(features, expected):
    which = torch.arange(8)
    weights = fit_classifier(features, which, 8)
    by_level = torch.log_softmax(features @ weights[:-1] + weights[-1], dim=1)
    assert information(by_level[which, which].numpy(), 8) == pytest.approx(expected, abs=0.05)


def _levels(count, seed=0):
    return grids.grounded(count, np.random.default_rng(seed))


def test_a_level_without_a_return_is_not_grounded_until_it_has_one():
    replay = Replay(_levels(2), Priorities(2))
    replay.note(np.array([0, 1]), np.array([0.5, 0.6]), np.array([0.0, 0.9]))
    assert replay.priorities.first.tolist() == [0.5, 0.6]
    assert replay.priorities.second.tolist() == [0.0, 0.6]
    replay.note(np.array([0]), np.array([0.4]), np.array([0.9]))
    replay.note(np.array([0]), np.array([0.3]), np.array([0.0]))
    assert replay.priorities.second.tolist() == [0.3, 0.6]


def test_negative_returns_do_not_ground_a_level():
    replay = Replay(_levels(2), Priorities(2, 1))
    replay.note(np.array([0, 1]), np.array([0.5, 0.6]), np.array([-0.5, -0.1]))
    assert replay.priorities.second[:2].tolist() == [0.0, 0.0]
    replay.admit(_levels(1, seed=1), np.array([0.7]), np.array([-0.2]))
    assert replay.priorities.second[2] == 0.0


def test_generated_levels_take_places_and_leave_the_data_set():
    dataset, new = _levels(2), _levels(3, seed=1)
    replay = Replay(dataset, Priorities(2, 2))
    replay.admit(new, np.array([0.2, 0.1, 0.4]), np.array([0.9, 0.9, 0.9]))
    for own, given, made in zip(replay.levels.fields(), dataset.fields(), new.fields(), strict=True):
        assert np.array_equal(own, np.concatenate([given, made[[0, 2]]]))
    replay.admit(new, np.array([0.9, 0.9, 0.9]), np.zeros(3))  # none of them was solved
    assert replay.priorities.second[2:].tolist() == [0.2, 0.4]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_learned_and_repeats(kind):
    system = replace(SMALL, kind=kind)
    numbers = system.measure(1)
    assert numbers == system.measure(1)
    assert all(math.isfinite(number) for number in numbers.values())
    assert numbers["gap"] == pytest.approx(numbers["dataset"] - numbers["unseen"])
    assert (numbers["new"] > 0) == (kind in ("randomised", "regularised"))
    assert numbers["solvable"] <= 1


def test_an_agent_learns_its_levels_and_less_of_unseen_ones():
    numbers = LevelLearning(kind="uniform", updates=60, dataset=8, unseen=64, width=32).measure(0)
    untrained = LevelLearning(kind="uniform", updates=1, dataset=8, unseen=64, width=32).measure(0)
    assert numbers["dataset"] > 2 * untrained["dataset"]
    assert numbers["gap"] > 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "some"}, "kind must be"),
        ({"dataset": 1}, "dataset must be >= 2, got 1"),
        ({"updates": 2.5}, "updates must be a whole number, got 2.5"),
        ({"updates": 0}, "updates must be"),
        ({"generate": 1.5}, "generate must be"),
        ({"lr": math.nan}, "lr must be"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **settings)
