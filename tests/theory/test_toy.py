"""The toy games' values and vector fields, where they are known in closed form."""

import math

import pytest
import torch

from paripassu.rules import Normalize
from paripassu.theory import Bilinear, DiracGAN, dirac_gan, play


def test_nsgda_walks_the_bilinear_game_at_a_constant_pace():
    """With one number a player, g / |g| is a sign: every step is lr along both axes."""
    paths = play(Bilinear(), Normalize(), 0.05, 50, range(3), record=range(51))
    for player in ("x", "y"):
        steps = abs(paths.observed[player][:, 1:, 0] - paths.observed[player][:, :-1, 0])
        assert steps == pytest.approx(0.05)


def test_dirac_gan_loses_2_log_2_at_its_equilibrium():
    theta, psi = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    generator, discriminator = dirac_gan(theta, psi)
    assert discriminator.item() == pytest.approx(2 * math.log(2))
    assert generator.item() == pytest.approx(-math.log(2))
    assert torch.autograd.grad(generator, theta)[0] == 0


def test_dirac_gan_vector_field():
    """Mescheder et al. 2018, Lemma 2.2: v = (-psi f'(theta psi), theta f'(theta psi)) for f' a sigmoid."""
    theta, psi = (torch.tensor(v, dtype=torch.float64) for v in (0.7, -0.4))
    weights = {"generator": (theta,), "discriminator": (psi,)}
    gradients = DiracGAN().gradients(weights, {}, DiracGAN().players)
    slope = torch.sigmoid(theta * psi)
    assert gradients["generator"][0].item() == pytest.approx((-psi * slope).item())
    assert gradients["discriminator"][0].item() == pytest.approx((theta * slope).item())


def test_a_bilinear_game_has_at_least_one_number():
    with pytest.raises(ValueError, match="n must be >= 1, got 0"):
        Bilinear(n=0)
