"""Draws of a problem depend on seed and step alone; gradients are of each player's own loss."""

import numpy as np
import pytest
import torch
from tests.cases.problems import PROBLEMS, TwoTensors

from paripassu.theory import Bilinear, Problem

EVERY = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())


@EVERY
def test_a_start_depends_on_its_seed_alone(problem):
    many, data = problem.starts([3, 4, 5])
    alone, own = problem.starts([4])
    for player in problem.players:
        for batch, one in zip(many[player], alone[player], strict=True):
            assert batch.dtype == torch.float64
            assert torch.equal(batch[1], one[0])
    for name, values in own.items():
        assert torch.equal(data[name][1], values[0])


def test_data_of_a_step_depend_on_seed_and_step_alone():
    problem = TwoTensors()
    many = problem.draws([3, 4, 5], block=1)["x"]
    assert many.shape == (3, 8, 3)
    assert torch.equal(many[2], problem.draws([5], block=1)["x"][0])
    assert not torch.equal(many[2], problem.draws([5], block=0)["x"][0])
    assert not torch.equal(many[2], many[1])


def test_a_problem_without_noise_draws_none():
    assert Bilinear().draws([0, 1], block=0) == {}


@EVERY
def test_gradients_are_of_each_players_own_loss(problem):
    batched, data = problem.starts([0])
    weights = {player: tuple(x[0].requires_grad_() for x in own) for player, own in batched.items()}
    drawn = {name: values[0, 0] for name, values in problem.draws([0], block=0).items()}
    now = {name: values[0] for name, values in data.items()} | drawn
    detached = {player: tuple(x.detach() for x in own) for player, own in weights.items()}
    together = problem.gradients(detached, now, problem.players)
    for player in problem.players:
        expected = torch.autograd.grad(problem.losses(weights, now)[player], weights[player])
        alone = problem.gradients(detached, now, (player,))[player]
        for gradients in (together[player], alone):
            for ours, theirs in zip(gradients, expected, strict=True):
                assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-15)


def test_without_an_observer_the_weights_are_observed():
    weights, _ = TwoTensors().starts([0])
    assert set(TwoTensors().observe(weights, {})) == {"weights.0", "weights.1"}
    weights, _ = Bilinear().starts([0])
    assert set(Bilinear().observe(weights, {})) == {"x", "y"}


class _Named(Problem):
    players = ("x", "y")

    def __init__(self, start):
        self._start = start

    def start(self, rng):
        return self._start

    def losses(self, weights, data):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"x": [np.zeros(1)]}, r"players \('x', 'y'\), got \('x',\)"),
        ({"x": [np.zeros(1)], "y": [np.array([np.nan])]}, "finite weights, got others for 'y'"),
    ],
)
def test_wrong_starts_are_named(start, message):
    with pytest.raises(ValueError, match=message):
        _Named(start).starts([0])
