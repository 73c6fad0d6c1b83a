"""Every step of `play` at a fixed pace has that pace, in every game, and the lead plays as without it."""

import math

import numpy as np
import pytest
from tests.cases.problems import PROBLEMS

from paripassu.rules import SGD, Adam, FixedPace, Normalize
from paripassu.theory import Bilinear, DiracGAN, play

GAMES = {name: problem for name, problem in PROBLEMS.items() if len(problem.players) == 2}


def _pace(paths, pace):
    lead, follower = (paths.lengths[player] / paths.norms[player] for player in (pace.lead, pace.follower))
    return lead / follower


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES.keys())
def test_the_pace_of_every_step_is_exact(game, updates):
    for value in (0.1, 3.0):
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


def test_zero_gradients_and_weights_move_nothing_or_end_the_run():
    def final(x, y, pace):
        start = {"x": [[[x]]], "y": [[[y]]]}
        paths = play(Bilinear(), SGD(), {pace.lead: 0.1}, 3, [0], pace=pace, start=start)
        return paths.weights["x"][0].item(), paths.weights["y"][0].item(), paths.diverged_at[0]

    # y is zero, so x has no gradient; y has one and no length to share.
    assert final(0.5, 0.0, FixedPace(1.0, "x", "y")) == (0.5, 0.0, math.inf)
    # y leads with no weights: its relative step is infinite.
    assert final(0.5, 0.0, FixedPace(1.0, "y", "x"))[2] == 0


def test_the_lead_needs_a_rate_and_the_follower_has_none():
    pace = FixedPace(1.0, "x", "y")
    with pytest.raises(ValueError, match="lr must name the players"):
        play(Bilinear(), SGD(), {"x": 0.1, "y": 0.1}, 3, [0], pace=pace)
    with pytest.raises(ValueError, match="two of the players"):
        play(Bilinear(), SGD(), 0.1, 3, [0], pace=FixedPace(1.0))


def test_a_traced_step_keeps_the_pace():
    pace = FixedPace(0.5)
    paths = play(GAMES["framework"], SGD(), 0.05, 120, [0], pace=pace)
    assert _pace(paths, pace) == pytest.approx(np.full_like(_pace(paths, pace), 0.5), rel=1e-12)
