"""Noise in a discriminator: where it acts, who learns its size, and `play` on the three players."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.cases.problems import first_of

from paripassu.data import Ring
from paripassu.related.diffusion import log_loss
from paripassu.related.diffusion_gan import DiffusionGan
from paripassu.rules import SGD, Adam, Normalize
from paripassu.theory import play

SMALL = DiffusionGan(examples=16, batch=6, width=4)


def test_a_scale_of_zero_is_no_noise():
    weights, data = first_of(SMALL)
    silent = {**weights, "scale": tuple(torch.zeros_like(tensor) for tensor in weights["scale"])}
    without = replace(SMALL, noise="none").losses(weights, data)
    for player in ("discriminator", "generator"):
        assert SMALL.losses(silent, data)[player] == without[player]
        assert SMALL.losses(weights, data)[player] != without[player]


def test_fixed_noise_is_a_scale_that_does_not_depend():
    weights, data = first_of(SMALL)
    *before, bias = (torch.zeros_like(tensor) for tensor in weights["scale"])
    constant = {**weights, "scale": (*before, bias + 0.7)}
    fixed = replace(SMALL, noise="fixed", fixed=0.7)
    for player in ("discriminator", "generator"):
        expected = fixed.losses(weights, data)[player].item()
        assert SMALL.losses(constant, data)[player].item() == pytest.approx(expected, rel=1e-12)


def test_the_scale_is_best_where_it_is_the_distance_of_features():
    """Of an example and its change, in both readings."""
    weights, data = first_of(SMALL)
    real = data["real"][data["chosen"]]
    h, seen = (SMALL._features(weights, x) for x in (real, real + data["grain"]))
    for reading, power in (("std", 2), ("code", 1)):
        for sigma in (0.05, 0.4):
            *before, bias = (torch.zeros_like(tensor) for tensor in weights["scale"])
            constant = {**weights, "scale": (*before, bias + sigma)}
            loss = replace(SMALL, sigma_is=reading).losses(constant, data)["scale"]
            expected = log_loss(h, torch.full_like(h, sigma**power), seen)
            assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("noise", ["none", "fixed", "learned"])
def test_every_kind_is_played_and_only_learned_noise_moves_its_scale(noise):
    problem, rule = replace(SMALL, noise=noise), Normalize()
    rules = {"scale": Adam(), "discriminator": rule, "generator": rule}
    paths = play(problem, rules, 0.01, 2, [0, 1], updates="alternating", record=[0, 2])
    assert (paths.norms["generator"][:, 0] != paths.norms["generator"][:, 1]).all()
    moved = paths.norms["scale"][:, 0] != paths.norms["scale"][:, 1]
    assert (moved == (noise == "learned")).all()
    assert (paths.observed["sigma"] > 0).all()
    assert np.isfinite(problem.quality(paths, count=16)).all()


def test_a_run_that_overflows_has_no_quality_and_spoils_none():
    rates = {"scale": 1e-3, "discriminator": [0.01, 1e300], "generator": 0.01}
    paths = play(SMALL, SGD(), rates, 3, [0], updates="alternating", record=[0, 3])
    alone = play(SMALL, SGD(), 0.01, 3, [0], updates="alternating", record=[0, 3])
    assert np.isfinite(paths.diverged_at).tolist() == [False, True]
    assert np.isnan(SMALL.quality(paths, count=16).distance).tolist() == [False, True]
    assert np.isfinite(alone.diverged_at).tolist() == [False]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": "some"}, "noise must be one of none, fixed, learned"),
        ({"sigma_is": "variance"}, "sigma_is must be one of std, code"),
        ({"fixed": 0.0}, "fixed must be finite and > 0"),
        ({"batch": 0}, "batch must be"),
        ({"ring": Ring(modes=2)}, "ring must have at least 3 modes"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **settings)
