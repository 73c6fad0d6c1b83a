"""A GAN on digits: which rules move the discriminator's weights on a frequency that no image has."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from paripassu.classifiers import DigitsGan, amount, pattern
from paripassu.rules import SGD, Adam, Graft, Normalize
from paripassu.theory import play

GAN = DigitsGan(width=5, latent=3, batch=4)


def _one_run(problem):
    weights, _ = problem.starts([0])
    drawn = problem.draws([0], 0)
    own = {player: tuple(tensor[0] for tensor in tensors) for player, tensors in weights.items()}
    return own, {name: values[0, 0] for name, values in drawn.items()}


def test_no_image_has_the_frequency():
    weights, data = _one_run(GAN)
    assert amount(GAN.real, (7, 1)).abs().max() < 1e-14
    assert amount(GAN.generate(weights, data["z"]), (7, 1)).abs().max() < 1e-14
    free = DigitsGan(width=5, latent=3, batch=4, fakes_lack_it=False)
    assert amount(free.generate(weights, data["z"]), (7, 1)).abs().max() > 1e-3


def test_losses_are_the_non_saturating_gans():
    weights, data = _one_run(GAN)
    first, bias, second, last = weights["discriminator"]
    layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 1), nn.Flatten(0)).double()
    for own, given in zip(layers.parameters(), (first.mT, bias, second.mT, last), strict=True):
        own.data = given
    of_real = layers(GAN.real[data["batch"]])
    of_fake = layers(GAN.generate(weights, data["z"]))
    losses = GAN.losses(weights, data)
    assert losses["discriminator"].item() == pytest.approx(
        (softplus(-of_real) + softplus(of_fake)).mean().item(), rel=1e-12
    )
    assert losses["generator"].item() == pytest.approx(softplus(-of_fake).mean().item(), rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "is_raw"),
    [
        (SGD(), True),
        (Normalize(scope="layer"), True),
        (Graft(Adam((0.0, 0.9)), SGD()), True),
        (Adam((0.0, 0.9)), False),
        (Graft(SGD(), Adam((0.0, 0.9))), False),
    ],
    ids=repr,
)
def test_raw_directions_never_move_the_discriminator_there(rule, is_raw):
    first = GAN.starts([0])[0]["discriminator"][0][0].numpy()
    paths = play(GAN, rule, 0.01, 10, [0], updates="alternating", record=[10])
    moved = pattern((7, 1)).flatten().numpy() @ (paths.weights["discriminator"][0][0] - first)
    assert np.isfinite(moved).all()
    assert bool(abs(moved).max() < 1e-14) == is_raw
    free = DigitsGan(width=5, latent=3, batch=4, fakes_lack_it=False)
    paths = play(free, rule, 0.01, 10, [0], updates="alternating", record=[10])
    moved = pattern((7, 1)).flatten().numpy() @ (paths.weights["discriminator"][0][0] - first)
    assert abs(moved).max() > 1e-9


@pytest.mark.parametrize("wrong", [{"latent": 0}, {"width": 0}, {"batch": 0}])
def test_wrong_sizes_are_named(wrong):
    with pytest.raises(ValueError, match="must be >= 1, got 0"):
        DigitsGan(**wrong)


def test_a_frequency_out_of_range_is_named():
    with pytest.raises(ValueError, match=r"two numbers in 0\.\.7"):
        DigitsGan(without=(8, 8))


def test_slopes_are_those_of_autograd():
    weights, _ = _one_run(GAN)
    images = GAN.real[:200].clone().requires_grad_()
    first, bias, second, last = weights["discriminator"]
    logits = (images.flatten(1) @ first + bias).relu() @ second + last
    (slopes,) = torch.autograd.grad(logits.sum(), images)
    expected = amount(slopes, (7, 1)).square().sum() / slopes.square().sum()
    assert GAN.observe(weights, {})["share"].item() == pytest.approx(expected.item(), rel=1e-12)
