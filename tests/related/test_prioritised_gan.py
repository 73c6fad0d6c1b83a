"""Real examples by priority: which are drawn, what is measured, and `play` on the game."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.cases.problems import first_of
from torch.nn.functional import leaky_relu, softplus

from paripassu.data import Ring
from paripassu.related.prioritised_gan import PrioritisedGan
from paripassu.rules import SGD, Normalize
from paripassu.theory import play

SMALL = PrioritisedGan(examples=16, batch=6, width=4)


def _logits(own, x):
    hidden = leaky_relu(x @ own[0] + own[1], 0.2)
    return (leaky_relu(hidden @ own[2] + own[3], 0.2) @ own[4] + own[5])[:, 0]


def test_rank_zero_is_the_example_with_the_highest_loss():
    weights, data = first_of(SMALL)
    scores = softplus(-_logits(weights["discriminator"], data["real"]))
    worst = {**data, "ranks": torch.zeros(6, dtype=torch.long)}
    best = {**data, "ranks": torch.full((6,), 15)}
    difference = SMALL.losses(weights, worst)["discriminator"] - SMALL.losses(weights, best)["discriminator"]
    assert difference.item() == pytest.approx((scores.max() - scores.min()).item())


def test_uniform_draws_are_those_of_all_ranks_alike():
    assert replace(SMALL, uniform=1.0).by_rank == pytest.approx(1 / 16)
    assert replace(SMALL, temperature=np.inf).by_rank == pytest.approx(1 / 16)
    harmonic = 1 / np.arange(1, 17)
    expected = 0.7 * harmonic / harmonic.sum() + 0.3 / 16
    assert SMALL.by_rank == pytest.approx(expected)


def test_the_choice_of_examples_has_no_gradient():
    weights, data = first_of(SMALL)
    order = softplus(-_logits(weights["discriminator"], data["real"])).argsort(descending=True)
    chosen = data["real"][order[data["ranks"]]]
    gradients = SMALL.gradients(weights, data, ("discriminator",))["discriminator"]

    def loss(own):
        z = _network(weights["generator"], data["z"])
        return softplus(-_logits(own, chosen)).mean() + softplus(_logits(own, z)).mean()

    for one, other in zip(gradients, torch.func.grad(loss)(weights["discriminator"]), strict=True):
        assert torch.allclose(one, other)


def _network(own, x):
    hidden = leaky_relu(x @ own[0] + own[1], 0.2)
    return leaky_relu(hidden @ own[2] + own[3], 0.2) @ own[4] + own[5]


def test_the_data_have_their_shares():
    problem = PrioritisedGan(examples=400)
    assert problem.shares.sum() == pytest.approx(1)
    real = torch.from_numpy(problem.run_data(np.random.default_rng(0))["real"])
    distance, rare, captured, good = problem.shares_of(real)
    assert captured == 8
    assert rare == pytest.approx(1, abs=0.13)
    assert good > 0.97
    assert distance < 0.03


def test_measures_of_samples_that_are_all_alike():
    one = Ring(std=0.2).centres()[1].expand(10, 2)
    share = PrioritisedGan().shares[1]
    assert PrioritisedGan().shares_of(one) == pytest.approx((1 - share, 0, 1, 1))
    assert PrioritisedGan().shares_of(torch.zeros(10, 2)) == pytest.approx((1, 0, 0, 0))


@pytest.mark.parametrize("rule", [SGD(), Normalize()], ids=["sgd", "nsgd"])
def test_a_pair_is_played_and_measured(rule):
    paths = play(SMALL, rule, [[0.01], [1e300]], 3, [0, 1], updates="alternating", record=[0, 3])
    quality = SMALL.quality(paths, count=16)
    assert np.array_equal(np.isnan(quality.distance), np.isfinite(paths.diverged_at))
    alive = np.isinf(paths.diverged_at)
    assert alive[:2].all()
    assert ((paths.observed["top"][alive] >= 0) & (paths.observed["top"][alive] <= 1)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ring": Ring(modes=2)}, "ring must have"),
        ({"rarity": 0.2}, "rarity must be"),
        ({"batch": 0}, "batch must be"),
        ({"temperature": 0.0}, "temperature must be"),
        ({"uniform": -0.1}, "uniform must be"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **settings)


def test_rare_examples_are_counted_among_the_highest_losses():
    problem = PrioritisedGan(examples=64, batch=6, rarity=1 / 16)
    data = {"real": torch.cat([torch.tensor([[2.0, 0.0]] * 4), torch.tensor([[0.0, 2.0]] * 60)]).double()}
    weights, _ = first_of(problem)
    top = problem.observe(weights, data)["top"]
    on_rare, on_other = _logits(weights["discriminator"], data["real"][[0, 60]])
    # Eight are the top: all four rare ones, or none of them.
    assert top.item() == (0.5 if on_rare < on_other else 0.0)
