"""Learning dynamics of the toy games, where they are known in closed form."""

import math

import pytest
import torch

from paripassu.optim import NSGD, RuleOptimizer
from paripassu.rules import SGD
from paripassu.theory.toy import bilinear, dirac_gan


def _simultaneous_step(game, first, second, optimizers) -> None:
    for player, loss in zip((first, second), game(first, second), strict=True):
        (player.grad,) = torch.autograd.grad(loss, player, retain_graph=True)
    for optimizer in optimizers:
        optimizer.step()


@pytest.mark.parametrize("lr", [0.01, 0.1])
def test_sgda_spirals_out_of_a_bilinear_game(lr):
    """min_x max_y xy: simultaneous SGDA multiplies x^2 + y^2 by 1 + lr^2 each step."""
    x, y = (torch.nn.Parameter(torch.tensor([v], dtype=torch.float64)) for v in (0.6, -0.8))
    optimizers = [RuleOptimizer([player], lr, rule=SGD()) for player in (x, y)]
    for _ in range(20):
        _simultaneous_step(bilinear, x, y, optimizers)
    assert (x**2 + y**2).item() == pytest.approx((1 + lr**2) ** 20, rel=1e-12)


def test_nsgda_walks_the_bilinear_game_at_a_constant_pace():
    """With one number a player, g / |g| is a sign: every step is lr along both axes."""
    x, y = (torch.nn.Parameter(torch.tensor([v], dtype=torch.float64)) for v in (0.6, -0.8))
    optimizers = [NSGD([player], 0.05) for player in (x, y)]
    for _ in range(50):
        before = x.item(), y.item()
        _simultaneous_step(bilinear, x, y, optimizers)
        assert abs(x.item() - before[0]) == pytest.approx(0.05)
        assert abs(y.item() - before[1]) == pytest.approx(0.05)


def test_dirac_gan_loses_2_log_2_at_its_equilibrium():
    theta, psi = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    generator, discriminator = dirac_gan(theta, psi)
    assert discriminator.item() == pytest.approx(2 * math.log(2))
    assert generator.item() == pytest.approx(-math.log(2))
    assert torch.autograd.grad(generator, theta)[0] == 0


def test_dirac_gan_vector_field():
    """Mescheder et al. 2018, Lemma 2.2: v = (-psi f'(theta psi), theta f'(theta psi)) for f' a sigmoid."""
    theta = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    psi = torch.tensor(-0.4, dtype=torch.float64, requires_grad=True)
    generator, discriminator = dirac_gan(theta, psi)
    slope = torch.sigmoid(theta * psi)
    assert torch.autograd.grad(generator, theta, retain_graph=True)[0].item() == pytest.approx(
        (-psi * slope).item()
    )
    assert torch.autograd.grad(discriminator, psi)[0].item() == pytest.approx((theta * slope).item())
