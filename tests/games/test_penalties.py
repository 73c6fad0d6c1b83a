"""Penalties against closed forms of linear and quadratic discriminators."""

import pytest
import torch

from paripassu.games import R1, R1R2, Draws, WganGP


@pytest.fixture
def batches() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(20, 3, 4, generator=generator, dtype=torch.float64) for _ in range(2))


def test_wgan_gp_of_a_linear_discriminator(batches):
    slope = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    penalty = WganGP(weight=7.0)(lambda x: (x * slope).sum(dim=(1, 2)), *batches, Draws(torch.Generator()))
    torch.testing.assert_close(penalty, 7.0 * (slope.norm() - 1) ** 2)


def test_wgan_gp_looks_between_real_and_fake(batches):
    seen = []

    def discriminator(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach())
        return x.square().sum(dim=(1, 2))

    real, fake = batches
    WganGP()(discriminator, real, fake, Draws(torch.Generator().manual_seed(3)))
    along = (seen[0] - real) / (fake - real)
    assert ((along >= 0) & (along <= 1)).all()
    torch.testing.assert_close(along, along[:, :1, :1].expand_as(along))  # one number a sample
    assert len(along[:, 0, 0].unique()) == len(real)


def test_r1_of_a_quadratic_discriminator(batches):
    real, fake = batches
    penalty = R1(gamma=0.3)(lambda x: x.square().sum(dim=(1, 2)) / 2, real, fake, Draws(torch.Generator()))
    torch.testing.assert_close(penalty, 0.15 * real.square().sum(dim=(1, 2)).mean())


def test_r1_r2_of_a_quadratic_discriminator(batches):
    penalty = R1R2(gamma=0.3)(lambda x: x.square().sum(dim=(1, 2)) / 2, *batches, Draws(torch.Generator()))
    squares = [batch.square().sum(dim=(1, 2)).mean() for batch in batches]
    torch.testing.assert_close(penalty, 0.15 * (squares[0] + squares[1]))


@pytest.mark.parametrize("penalty", [WganGP(), R1(), R1R2()])
def test_gradients_reach_the_weights(penalty, batches):
    real, fake = (x.flatten(1) for x in batches)
    layer = torch.nn.Sequential(torch.nn.Linear(12, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)).double()
    penalty(lambda x: layer(x)[:, 0], real, fake, Draws(torch.Generator())).backward()
    assert layer[0].weight.grad is not None
    assert layer[0].weight.grad.norm() > 0
    assert real.grad is None


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_weighs_nothing_is_refused(weight):
    with pytest.raises(ValueError, match="weight"):
        WganGP(weight)
    with pytest.raises(ValueError, match="gamma"):
        R1(weight)
    with pytest.raises(ValueError, match="gamma"):
        R1R2(weight)
