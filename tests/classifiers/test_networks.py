"""Networks are pure functions that torch's layers confirm, and their norms are linear algebra's."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, pad

from paripassu.classifiers import Convolutional, Perceptron, lipschitz_bound, matrix_of
from paripassu.classifiers.network import Network


def _doubles(network, seed=0):
    return [weight.double() for weight in network.first(seed)]


def _images(count=5, seed=0):
    return torch.rand(count, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_perceptron_is_torchs_layers():
    network = Perceptron((7, 5))
    weights, images = _doubles(network), _images()
    weights[1::2] = [torch.randn_like(bias) for bias in weights[1::2]]
    layers = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 10)
    ).double()
    for own, given in zip(layers.parameters(), weights, strict=True):
        own.data = given.mT if given.dim() == 2 else given
    assert torch.allclose(network.logits(weights, images), layers(images), rtol=1e-12)


def test_a_convolutional_network_is_torchs_layers():
    network = Convolutional((3, 4))
    weights, images = _doubles(network), _images()
    weights[1::2] = [torch.randn_like(bias) for bias in weights[1::2]]
    layers = nn.Sequential(
        nn.Conv2d(1, 3, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 2, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 10),
    ).double()  # fmt: skip
    for own, given in zip(layers.parameters(), weights, strict=True):
        own.data = given.mT if given.dim() == 2 else given
    assert torch.allclose(network.logits(weights, images), layers(images.unsqueeze(1)), rtol=1e-12)


def test_first_weights_have_he_variance():
    for network, inputs in ((Perceptron((400,)), [64, 400]), (Convolutional((40, 60)), [16, 160, 240])):
        for weight, fan_in in zip(network.first(3)[::2], inputs, strict=True):
            assert weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.1)


def test_layers_without_relu_are_the_network():
    """With weights >= 0, no biases and images >= 0 no ReLU acts, so the matrices' product is the network."""
    for network in (Perceptron((7, 5)), Convolutional((3, 4))):
        weights = [weight.abs() for weight in _doubles(network)]
        images, product = _images(), torch.eye(64, dtype=torch.float64)
        for layer in network.layers(weights):
            product = layer @ product
        assert torch.allclose(network.logits(weights, images), images.flatten(1) @ product.mT, rtol=1e-12)


def test_circular_convolutions_have_the_norm_of_their_spectrum():
    """The singular values of a circular convolution are those of its filters' Fourier matrices.

    Sedghi, Gupta & Long 2019, arXiv:1805.10408.
    """
    filters = torch.randn(4, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix = matrix_of(
        lambda x: conv2d(pad(x.unsqueeze(0), (1, 1, 1, 1), mode="circular"), filters), (3, 6, 6)
    )
    spectrum = torch.fft.fft2(filters, s=(6, 6)).permute(2, 3, 0, 1)
    expected = torch.linalg.svdvals(spectrum).flatten().sort().values
    found = torch.linalg.svdvals(matrix).sort().values
    assert torch.allclose(found, expected, rtol=1e-10)


def test_the_bound_is_the_product_of_largest_singular_values():
    network = Convolutional((3, 4))
    weights = _doubles(network)
    expected = np.prod([np.linalg.svd(layer.numpy())[1][0] for layer in network.layers(weights)])
    assert lipschitz_bound(network, weights) == pytest.approx(expected, rel=1e-10)


def test_no_logits_move_further_than_the_bound():
    for network in (Perceptron((7, 5)), Convolutional((3, 4))):
        weights, one, other = _doubles(network), _images(50), _images(50, seed=1)
        moved = (network.logits(weights, one) - network.logits(weights, other)).norm(dim=1)
        ratio = (moved / (one - other).flatten(1).norm(dim=1)).max().item()
        assert 0.01 < ratio / lipschitz_bound(network, weights) <= 1


def test_a_network_that_is_no_chain_has_no_bound():
    class Other(Network):
        def start(self, rng):
            return []

        def logits(self, weights, images):
            return images.flatten(1)[:, :10]

    with pytest.raises(ValueError, match="Other is no chain of linear layers"):
        lipschitz_bound(Other(), [])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Perceptron((3, 0)), "width 2 must be >= 1, got 0"),
        (lambda: Convolutional((0, 3)), "channels 1 must be >= 1, got 0"),
    ],
)
def test_wrong_sizes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
