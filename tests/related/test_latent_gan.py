"""The game on latents: its losses, R's share of the gradient, its measures, and `play` on it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.cases.problems import first_of

from paripassu.data import Spectra
from paripassu.games.deviation import deviation_gradient_norm
from paripassu.models import Autoencoder
from paripassu.related.latent_gan import LatentGan, generate, spectral_distance
from paripassu.rules import SGD, Normalize
from paripassu.theory import play

SMALL = LatentGan(
    Spectra(size=3), Autoencoder(latent=2, widths=(), kernel=1, steps=2, batch=4), images=16, batch=4,
    latent=3, width=5,
)  # fmt: skip


def test_the_term_is_a_difference_of_losses():
    weights, data = first_of(SMALL)
    plain = SMALL.losses(weights, data)
    weighed = replace(SMALL, weight=0.7).losses(weights, data)
    deviation = generate(weights["generator"], data["z"]).std(dim=0).mean()
    assert weighed["discriminator"] == plain["discriminator"]
    assert (plain["generator"] - weighed["generator"]).item() == pytest.approx(0.7 * deviation.item())


def test_share_by_samples_follows_from_two_norms():
    problem = replace(SMALL, weight=2.0)
    weights, data = first_of(problem)
    fake = generate(weights["generator"], data["observed"]).requires_grad_()
    first, first_bias, last, last_bias = weights["discriminator"]
    hidden = torch.nn.functional.leaky_relu(fake @ first + first_bias, 0.2)
    torch.nn.functional.softplus(-(hidden @ last + last_bias)).mean().backward()
    term = 2.0 * deviation_gradient_norm(problem.batch, problem.positions)
    share = problem.observe(weights, data)["share by samples"]
    assert share.item() == pytest.approx(term / (term + fake.grad.norm().item()), rel=1e-9)
    assert SMALL.observe(weights, data)["share by weights"] == 0


@pytest.mark.parametrize("space", ["latents", "spectra"])
@pytest.mark.parametrize("rule", [SGD(), Normalize()], ids=["sgd", "nsgd"])
def test_a_pair_is_played_and_measured(space, rule):
    problem = replace(SMALL, space=space, weight=0.1)
    paths = play(problem, rule, 0.01, 3, [0, 1], updates="alternating", record=[0, 3])
    quality = problem.quality(paths, count=32)
    assert paths.observed["share by samples"].shape == (2, 2)
    assert np.isfinite(quality.distance).all()
    assert (quality.diversity > 0).all()
    assert problem.positions == (2 if space == "latents" else 31) * 9


def test_a_diverged_run_has_no_quality():
    paths = play(SMALL, SGD(), [1e-3, 1e300], 20, [0], updates="alternating", record=[20])
    quality = SMALL.quality(paths, count=16)
    assert np.isfinite(paths.diverged_at).tolist() == np.isnan(quality.distance).tolist() == [False, True]


def test_distance_is_zero_to_itself_and_one_to_the_mean():
    real = Spectra(size=3).load(torch.device("cpu")).draw(64, torch.Generator().manual_seed(0))
    assert spectral_distance(real, real) < 1e-6
    mean = real.mean(dim=0, keepdim=True).expand_as(real)
    assert spectral_distance(real, mean) == pytest.approx(1, abs=1e-6)


def test_a_term_in_the_autoencoder_makes_other_latents():
    plain, raised, lowered = (
        replace(SMALL, coder_weight=weight, coder_variance=variance).trained[1].encoder(SMALL.trained[0])
        for weight, variance in ((0.0, "max"), (1.0, "max"), (1.0, "min"))
    )
    assert lowered.std(dim=0).mean() < plain.std(dim=0).mean() < raised.std(dim=0).mean()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -1.0}, "weight must be"),
        ({"coder_weight": math.nan}, "coder_weight must be"),
        ({"space": "pixels"}, "space must be"),
        ({"space": "spectra", "coder_weight": 1.0}, "for latents"),
        ({"batch": 1}, "batch must be"),
        ({"batch": 17}, "batch must be"),
        ({"width": 0}, "width must be >= 1, got 0"),
        ({"batch": 2.5}, "batch must be a whole number, got 2.5"),
        ({"data_seed": -1}, "data_seed must be >= 0, got -1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **settings)
