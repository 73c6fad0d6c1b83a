"""Path length regularisation of linear generators, whose path lengths are known."""

import math

import pytest
import torch

from paripassu.games import Draws, PathLength

SIZE, LATENT, LAYERS, BATCH = 4, 6, 3, 50


class Linear:
    """Images are the sum over layers of a linear map of each layer's style."""

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(1)
        self.map = torch.randn(LATENT, SIZE**2, generator=rng, dtype=torch.float64, requires_grad=True)
        self.mean_path_length = torch.zeros([], dtype=torch.float64)

    def styles(self, z):
        return z[:, None].expand(-1, LAYERS, -1)

    def synthesise(self, styles):
        return (styles.sum(dim=1) @ self.map).unflatten(1, (1, SIZE, SIZE))


@pytest.fixture
def latents() -> torch.Tensor:
    shape = (BATCH, LATENT)
    return torch.randn(
        shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True
    )


def _lengths(network: Linear) -> torch.Tensor:
    rng = torch.Generator().manual_seed(2)
    y = torch.randn((BATCH, 1, SIZE, SIZE), generator=rng, dtype=torch.float64).flatten(1) / SIZE
    return (y @ network.map.T).norm(dim=1)


def test_the_term_is_the_spread_of_lengths_around_the_running_mean(latents):
    network = Linear()
    term = PathLength(weight=3.0, decay=0.2)(network, latents, Draws(torch.Generator().manual_seed(2)))
    lengths = _lengths(network)
    torch.testing.assert_close(network.mean_path_length, 0.2 * lengths.mean().detach())
    torch.testing.assert_close(term, 3 * (lengths - 0.2 * lengths.mean().detach()).square().mean())


def test_the_mean_runs(latents):
    network, rng = Linear(), torch.Generator().manual_seed(2)
    network.mean_path_length.fill_(7.0)
    PathLength(decay=0.01)(network, latents, Draws(rng))
    expected = 0.99 * 7 + 0.01 * _lengths(network).mean()
    torch.testing.assert_close(network.mean_path_length, expected.detach())


def test_directions_make_the_length_the_root_mean_square_of_the_jacobian():
    """E |J^T y|^2 = |J|_F^2 / R^2 for y ~ N(0, I / R^2)."""
    network = Linear()
    z = torch.zeros(20000, LATENT, dtype=torch.float64, requires_grad=True)
    PathLength(decay=1.0)(network, z, Draws(torch.Generator().manual_seed(3)))
    expected = network.map.norm().item() / SIZE
    assert network.mean_path_length.item() == pytest.approx(expected, rel=0.1)


def test_its_gradient_is_that_of_the_lengths(latents):
    network = Linear()
    PathLength()(network, latents, Draws(torch.Generator().manual_seed(2))).backward()
    twin = Linear()
    lengths = _lengths(twin)
    (2 * (lengths - 0.01 * lengths.mean().detach()).square().mean()).backward()
    torch.testing.assert_close(network.map.grad, twin.map.grad)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_that_weighs_nothing_is_refused(weight):
    with pytest.raises(ValueError, match="weight"):
        PathLength(weight)


@pytest.mark.parametrize("decay", [0.0, 1.5, math.nan])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match="decay"):
        PathLength(decay=decay)
