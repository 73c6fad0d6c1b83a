"""WGAN-GP's and SNGAN's networks against their tables and against the sources' order of layers."""

import math
from itertools import pairwise

import pytest
import torch
from tests.cases.networks import without_values
from torch import nn
from torch.nn.functional import interpolate

from paripassu.models import SNGAN, WganGPResNet
from paripassu.models.residual import Residual


def _count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _convolution(fan_in: int, fan_out: int, size: int = 3) -> int:
    return fan_in * fan_out * size**2 + fan_out


def _up(fan_in: int, fan_out: int) -> int:
    convolutions = [
        _convolution(fan_in, fan_out),
        _convolution(fan_out, fan_out),
        _convolution(fan_in, fan_out, 1),
    ]
    return sum(convolutions) + 2 * fan_in + 2 * fan_out  # and two batch norms


def test_wgangp_resnet_has_the_parameters_of_its_table():
    with torch.device("meta"):
        generator, discriminator = WganGPResNet().build((3, 32, 32))
    first, last = 128 * 2048 + 2048, 2 * 128 + _convolution(128, 3)
    assert _count(generator) == first + 3 * _up(128, 128) + last == 1_204_483
    level = 2 * _convolution(128, 128)
    down = level + _convolution(128, 128, 1)
    image = _convolution(3, 128) + _convolution(128, 128) + _convolution(3, 128, 1)
    assert _count(discriminator) == image + down + 2 * level + 129 == 1_053_825


@pytest.mark.parametrize(
    ("resolution", "start", "up", "down", "down_weights"),
    [
        (32, 4, (256, 256, 256, 256), (128, 128, 128, 128), 4 * 2 + 2),
        (48, 6, (512, 256, 128, 64), (64, 128, 256, 512, 1024), 5 * 3),
        (64, 4, (1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024), 5 * 3),
        (128, 4, (1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024), 5 * 3 + 2),
    ],
)
def test_sngan_has_the_widths_of_its_tables(resolution, start, up, down, down_weights):
    generator, discriminator = without_values(SNGAN(), (3, resolution, resolution))
    blocks = sum(_up(a, b) for a, b in pairwise(up))
    first, last = 129 * start**2 * up[0], 2 * up[-1] + _convolution(up[-1], 3)
    assert _count(generator) == first + blocks + last
    image = torch.empty(1, 3, resolution, resolution, device="meta")
    assert discriminator[0].main(image).shape[1] == down[0]
    assert discriminator[-2].in_features == down[-1]
    weights = [name for name, _ in discriminator.named_parameters() if name.endswith("original")]
    assert len(weights) == down_weights + 1  # and the last, linear layer: every weight is normalised
    assert not [name for name, _ in discriminator.named_parameters() if name.endswith(".weight")]


def test_the_size_of_sngans_discriminator_64():
    """A block keeps its input's width until its second convolution, as in the authors' code."""
    down = sum(
        _convolution(a, a) + _convolution(a, b) + _convolution(a, b, 1)
        for a, b in pairwise((64, 128, 256, 512, 1024))
    )
    image = _convolution(3, 64) + _convolution(64, 64) + _convolution(3, 64, 1)
    assert _count(without_values(SNGAN(), (3, 64, 64)).discriminator) == image + down + 1025


def test_the_published_size_of_sngan_32():
    """SNGAN's CIFAR-10 generator has 4.3 M parameters."""
    assert _count(without_values(SNGAN(), (3, 32, 32)).generator) == 4_276_739


def test_every_layer_of_sngans_discriminator_is_one_lipschitz():
    torch.manual_seed(0)
    discriminator = SNGAN(width=8).build((3, 32, 32)).discriminator
    for _ in range(100):
        discriminator(torch.randn(1, 3, 32, 32))
    layers = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, rel=0.01)


def test_gains_at_the_start():
    """Glorot's uniform weights, He's gain on 3 x 3 convolutions but the generator's last; biases are zero."""
    torch.manual_seed(0)
    for network in WganGPResNet(width=64).build((3, 32, 32)):
        layers = [(name, m) for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        last = layers[-1][0]
        for name, layer in layers:
            taps = layer.weight[0, 0].numel() if layer.weight.ndim == 4 else 1
            fans = taps * (layer.weight.shape[0] + layer.weight.shape[1])
            he = taps > 1 and name != last
            expected = math.sqrt((4 if he else 2) / fans)
            few = layer.weight.numel() < 1000
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.2 if few else 0.05), name
            assert not layer.bias.any(), name


def test_shortcuts_are_those_of_the_sources():
    """Upsampling then 1 x 1, and 1 x 1 then pooling, as published, equal the cheaper order used here."""
    torch.manual_seed(0)
    generator, discriminator = (network.double() for network in WganGPResNet(width=4).build((3, 32, 32)))
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    up, down = generator[2], discriminator[1]
    assert isinstance(up, Residual)
    torch.testing.assert_close(up.shortcut(x), up.shortcut[0](interpolate(x, scale_factor=2)))
    torch.testing.assert_close(down.shortcut(x), nn.functional.avg_pool2d(down.shortcut[1](x), 2))


def test_pools_are_the_mean_and_the_sum():
    features = torch.randn(2, 3, 4, 4)
    for model, expected in ((WganGPResNet(), features.mean((2, 3))), (SNGAN(), features.sum((2, 3)))):
        pool = model.build((3, 32, 32)).discriminator[-3]
        torch.testing.assert_close(pool(features), expected)


def test_discriminators_do_not_mix_samples():
    discriminator = WganGPResNet(width=4).build((1, 32, 32)).discriminator
    images = torch.randn(3, 1, 32, 32)
    torch.testing.assert_close(discriminator(images)[:1], discriminator(images[:1]))


def test_images_are_not_rectified_and_features_are():
    """Blocks rectify what they get, but the first, which gets images."""
    first, *others = WganGPResNet(width=4).build((3, 32, 32)).discriminator[:4]
    x = -torch.rand(1, 3, 8, 8)
    assert not torch.allclose(first.main(x), first.main(torch.zeros_like(x)))
    for block in others:
        x = -torch.rand(1, 4, 8, 8)
        torch.testing.assert_close(block.main(x), block.main(torch.zeros_like(x)))
