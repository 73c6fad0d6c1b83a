"""Every step of `play` at a fixed pace has that pace, in every game, and the lead plays as without it."""

import math

import numpy as np
import pytest
from tests.cases.problems import PROBLEMS

from paripassu.rules import SGD, Adam, FixedPace, Normalize
from paripassu.theory import Bilinear, DiracGAN, Problem, play

# Not the kernel game, whose discriminator has no weights at the start.
GAMES = {name: PROBLEMS[name] for name in ("bilinear", "Dirac-GAN", "framework", "framework, a and b too")}


def _pace(paths, pace):
    lead, follower = (paths.lengths[player] / paths.norms[player] for player in (pace.lead, pace.follower))
    return lead / follower


@pytest.mark.parametrize(("updates", "value"), [("simultaneous", 0.1), ("alternating", 3.0)])
@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES.keys())
def test_the_pace_of_every_step_is_exact(game, updates, value):
    pace = FixedPace(value, *game.players)
    paths = play(game, SGD(0.5), 0.05, 10, [0, 1], updates=updates, pace=pace, record=range(11))
    assert _pace(paths, pace) == pytest.approx(np.full((2, 11), value), rel=1e-12)
    assert np.isnan(paths.lr[pace.follower]).all()


@pytest.mark.parametrize("rule", [SGD(), Normalize(), Adam((0.0, 0.9))], ids=repr)
def test_a_pace_holds_with_decay_and_falling_rates(rule):
    game, pace = GAMES["framework"], FixedPace(0.3)
    paths = play(
        game, rule, {"discriminator": 0.02}, 8, [3], pace=pace, weight_decay=0.1,
        schedule=lambda n: 1 / n, record=range(9),
    )  # fmt: skip
    assert _pace(paths, pace) == pytest.approx(np.full((1, 9), 0.3), rel=1e-12)


def test_the_follower_may_come_first_where_both_step_at_once():
    """The Dirac-GAN's generator is named before its discriminator."""
    paths = play(DiracGAN(), SGD(), 0.1, 5, [0], pace=FixedPace(2.0), record=range(6))
    assert _pace(paths, FixedPace(2.0)) == pytest.approx(np.full((1, 6), 2.0), rel=1e-12)
    with pytest.raises(ValueError, match="moves before 'discriminator'"):
        play(DiracGAN(), SGD(), 0.1, 5, [0], pace=FixedPace(2.0), updates="alternating")


def test_a_bilinear_game_has_a_closed_form_at_a_pace():
    """In one dimension: x' = x (1 - sign(y/x) lr |y/x|), and y's step is its length over P times as long."""
    x, y, lr = 0.5, 0.2, 0.1
    start = {"x": [[[x]]], "y": [[[y]]]}
    paths = play(Bilinear(), SGD(), {"x": lr}, 1, [0], pace=FixedPace(4.0, "x", "y"), start=start, record=[1])
    assert paths.weights["x"][0].item() == pytest.approx(x - lr * y, rel=1e-14)
    assert paths.weights["y"][0].item() == pytest.approx(y + math.copysign(y * lr * y / x / 4, x), rel=1e-14)


def test_zero_gradients_and_zero_weights_move_nothing():
    """With y = 0, x has no gradient, and y has one and no length to share."""
    start = {"x": [[[0.5]]], "y": [[[0.0]]]}
    paths = play(Bilinear(), SGD(), {"x": 0.1}, 3, [0], pace=FixedPace(1.0, "x", "y"), start=start)
    assert (paths.weights["x"][0].item(), paths.weights["y"][0].item()) == (0.5, 0.0)
    assert paths.diverged_at[0] == math.inf


class Slopes(Problem):
    """Each player has a slope of one."""

    players = ("x", "y")

    def start(self, rng):
        return {"x": [np.zeros(2)], "y": [np.ones(2)]}

    def losses(self, weights, data):
        return {player: weights[player][0].sum() for player in self.players}


def test_a_lead_without_weights_ends_the_run():
    """Its relative step is infinite. A follower without weights stays where it is."""
    paths = play(Slopes(), SGD(), 0.1, 3, [0], pace=FixedPace(1.0, "x", "y"))
    assert paths.diverged_at[0] == 0
    paths = play(Slopes(), SGD(), 0.1, 3, [0], pace=FixedPace(1.0, "y", "x"))
    assert (paths.diverged_at[0], paths.weights["x"][0].tolist()) == (math.inf, [[0.0, 0.0]])


def test_the_lead_needs_a_rate_and_the_follower_has_none():
    pace = FixedPace(1.0, "x", "y")
    with pytest.raises(ValueError, match="lr must name the players"):
        play(Bilinear(), SGD(), {"x": 0.1, "y": 0.1}, 3, [0], pace=pace)
    with pytest.raises(ValueError, match="two of the players"):
        play(Bilinear(), SGD(), 0.1, 3, [0], pace=FixedPace(1.0))


def test_a_traced_step_keeps_the_pace():
    pace = FixedPace(0.5, "x", "y")
    paths = play(Bilinear(), SGD(), {"x": 1e-3}, 100, [0], pace=pace)
    assert _pace(paths, pace) == pytest.approx(np.full_like(_pace(paths, pace), 0.5), rel=1e-12)
