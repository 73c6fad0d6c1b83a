"""Levels: their laws, what leads where, what is seen; and an actor-critic on them, against exact values."""

import numpy as np
import pytest
import torch

from paripassu.related import actor_critic as ac
from paripassu.related import grids
from paripassu.related.grids import CELLS, Levels

EMPTY = np.zeros((1, CELLS), bool)


def _level(goal, start, walls=()):
    own = EMPTY.copy()
    own[0, list(walls)] = True
    return Levels(own, EMPTY, np.array([goal]), np.array([start]))


def _rng():
    return np.random.default_rng(0)


def test_grounded_levels_are_solvable_and_moss_points_to_the_goal():
    levels = grids.grounded(400, _rng())
    assert grids.solvable(levels).all()
    left = np.arange(CELLS) % 5 < 2
    right = np.arange(CELLS) % 5 > 2
    on_left, on_right = ((levels.moss & side).sum(axis=1) for side in (left, right))
    assert (left | right)[levels.goals].all()
    assert ((on_left > on_right) == left[levels.goals]).mean() > 0.95
    assert (levels.starts % 5 == 2).all()


def test_randomised_levels_have_as_much_moss_that_says_nothing():
    levels, law = grids.randomised(4000, _rng()), grids.grounded(4000, _rng())
    assert levels.moss.mean() == pytest.approx(law.moss.mean(), abs=0.01)
    assert (levels.goals != levels.starts).all()
    assert 0.8 < grids.solvable(levels).mean() < 1
    assert grids.shift(levels) > 1
    assert grids.shift(law) < 0.02


def test_walls_and_edges_stop_moves():
    following = grids.next_cells(_level(24, 0, walls=[1]))[0]
    assert following[0].tolist() == [0, 5, 0, 0]
    assert following[12].tolist() == [7, 17, 11, 13]
    assert following[24].tolist() == [19, 24, 23, 24]


def test_a_walled_goal_cannot_be_reached():
    assert grids.solvable(_level(24, 0)).all()
    assert not grids.solvable(_level(24, 0, walls=[19, 23])).any()


def test_the_goal_is_seen_from_beside_it_alone():
    seen = grids.observations(_level(6, 24))[0].reshape(CELLS, 4, CELLS)
    assert np.flatnonzero(seen[:, 2, 6]).tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert seen[:, 2].sum() == 9
    assert np.array_equal(seen[:, 3], np.eye(CELLS))


def _policy(levels, move=None):
    count = len(levels.goals)
    return np.full((count, CELLS, 4), 0.25) if move is None else np.tile(np.eye(4)[move], (count, CELLS, 1))


def test_a_straight_walk_has_the_return_of_its_length():
    level = _level(23, 20)
    played = ac.episodes(level, _policy(level, 3), 5, _rng())
    assert played.cells[0].tolist() == [20, 21, 22, 23, 24]
    assert played.alive[0].tolist() == [True, True, True, False, False]
    assert played.returns == pytest.approx(ac.DISCOUNT**2)
    assert ac.expected_returns(level, _policy(level, 3), 5) == pytest.approx(ac.DISCOUNT**2)
    assert ac.expected_returns(level, _policy(level, 3), 2) == 0


def test_exact_returns_are_means_of_episodes():
    levels = grids.grounded(2, _rng())
    many = levels[np.repeat([0, 1], 20_000)]
    played = ac.episodes(many, _policy(many), 10, _rng())
    exact = ac.expected_returns(levels, _policy(levels), 10)
    assert played.returns.reshape(2, -1).mean(axis=1) == pytest.approx(exact, abs=0.01)


def test_advantages_without_a_critic_are_traced_rewards():
    level = _level(23, 20)
    played = ac.episodes(level, _policy(level, 3), 5, _rng())
    factor = ac.DISCOUNT * ac.TRACE
    gains = ac.advantages(played, np.zeros((1, CELLS)))
    assert gains[0] == pytest.approx([factor**2, factor, 1, 0, 0])
    assert ac.value_losses(played, gains) == pytest.approx((factor**2 + factor + 1) / 3)


def test_a_true_critic_leaves_no_advantage():
    level = _level(23, 20)
    played = ac.episodes(level, _policy(level, 3), 5, _rng())
    values = np.zeros((1, CELLS))
    values[0, 20:23] = ac.DISCOUNT ** np.array([2, 1, 0])
    assert ac.advantages(played, values) == pytest.approx(0, abs=1e-12)


def test_steps_down_the_loss_reach_the_goal():
    level = _level(23, 20)[np.zeros(16, np.int64)]
    agent, rng = ac.ActorCritic(16), _rng()
    optimizer = torch.optim.Adam(agent.parameters(), 0.02)
    for _ in range(80):
        sight = agent(level)
        played = ac.episodes(level, ac.policy_of(sight), 8, rng)
        gains = ac.advantages(played, sight.values.detach().double().numpy())
        optimizer.zero_grad()
        ac.loss(sight, played, gains).backward()
        optimizer.step()
    best = ac.DISCOUNT**2
    assert ac.expected_returns(level, ac.policy_of(agent(level)), 8)[0] > 0.95 * best


def test_a_width_out_of_range_is_refused():
    with pytest.raises(ValueError, match="width must be"):
        ac.ActorCritic(0)
