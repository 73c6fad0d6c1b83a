"""Losses against their definitions, gradients included."""

import math

import pytest
import torch

from paripassu.games import GanLoss, hinge, non_saturating, relativistic, wasserstein

LOSSES = {
    "non_saturating": non_saturating,
    "wasserstein": wasserstein,
    "hinge": hinge,
    "relativistic": relativistic,
}


def _generator_loss(loss: GanLoss, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return loss.generator(real, fake) if loss.relativistic else loss.generator(fake)


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(3 * torch.randn(50, generator=generator, dtype=torch.float64) for _ in range(2))


def test_non_saturating_is_cross_entropy_with_the_right_labels(logits):
    real, fake = logits
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = entropy(real, torch.ones_like(real)) + entropy(fake, torch.zeros_like(fake))
    torch.testing.assert_close(non_saturating.discriminator(real, fake), expected)
    torch.testing.assert_close(non_saturating.generator(fake), entropy(fake, torch.ones_like(fake)))


def test_wasserstein_players_pull_the_same_difference_apart(logits):
    real, fake = logits
    assert wasserstein.discriminator(real, fake) == fake.mean() - real.mean()
    assert wasserstein.generator(fake) == -fake.mean()


def test_hinge_ignores_what_is_beyond_the_margin():
    real, fake = torch.tensor([1.5, 0.0]), torch.tensor([-1.5, 0.5])
    assert hinge.discriminator(real, fake).item() == pytest.approx((0 + 1) / 2 + (0 + 1.5) / 2)


def test_relativistic_players_classify_differences_of_pairs(logits):
    real, fake = logits
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = entropy(real - fake, torch.ones_like(real))
    torch.testing.assert_close(relativistic.discriminator(real, fake), expected)
    expected = entropy(real - fake, torch.zeros_like(real))
    torch.testing.assert_close(relativistic.generator(real, fake), expected)


def test_relativistic_losses_see_differences_alone(logits):
    real, fake = logits
    for player in (relativistic.discriminator, relativistic.generator):
        torch.testing.assert_close(player(real + 5, fake + 5), player(real, fake))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_each_player_wants_the_other_way_for_fakes(loss: GanLoss):
    fake = torch.tensor([0.2, -0.3], requires_grad=True)
    (to_discriminator,) = torch.autograd.grad(loss.discriminator(torch.zeros(2), fake), fake)
    (to_generator,) = torch.autograd.grad(_generator_loss(loss, torch.zeros(2), fake), fake)
    assert (to_discriminator > 0).all()
    assert (to_generator < 0).all()


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_extreme_logits_stay_finite(loss: GanLoss):
    extreme = torch.tensor([-1e4, 1e4])
    assert math.isfinite(loss.discriminator(extreme, extreme))
    assert math.isfinite(_generator_loss(loss, extreme, extreme.flip(0)))
