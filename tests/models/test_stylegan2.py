"""StyleGAN2's laws: published sizes, equalized rates, demodulation, mixing, gradients in float64."""

import math

import pytest
import torch
from tests.oracles.modulation import low_passed, modulated_by_samples, stuffed
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.functional import conv2d

from paripassu.models import StyleGAN2
from paripassu.models.equalized import EqualConv, EqualLinear, LowPass, modulated_convolution, rectify

TINY = StyleGAN2(latent=4, width=3, mapping_depth=2)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _double(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def test_parameters_of_the_published_256_px_networks():
    """fmaps 0.5, mapping depth 8: 24.77 M in 110 tensors; the discriminator has 24.00 M."""
    with torch.device("meta"):
        generator, discriminator = StyleGAN2().build((3, 256, 256))
    sizes = [p.numel() for p in generator.parameters()]
    assert (sum(sizes), len(sizes)) == (24_767_458, 110)
    assert sum(p.numel() for p in discriminator.parameters()) == 24_001_089


def test_parameters_of_the_published_32_px_networks():
    """CIFAR-10's: fmaps 1, so 512 channels everywhere, mapping depth 2, a discriminator without shortcuts."""
    with torch.device("meta"):
        generator, discriminator = StyleGAN2(fmaps=1.0, mapping_depth=2, residual=False).build((3, 32, 32))
    linear, convolution = 512 * 512 + 512, 9 * 512 * 512
    layer = convolution + 512 + 1 + linear  # weight, bias, noise's strength, style
    to_image = 3 * 512 + 3 + linear
    constant = 4 * 4 * 512
    expected = 2 * linear + constant + layer + to_image + 3 * (2 * layer + to_image)
    assert sum(p.numel() for p in generator.parameters()) == expected == 19_947_539
    blocks = 3 * 2 * (convolution + 512)
    last = (9 * 513 * 512 + 512) + (16 * 512 * 512 + 512) + (512 + 1)
    expected = (3 * 512 + 512) + blocks + last
    assert sum(p.numel() for p in discriminator.parameters()) == expected == 20_720_641


def test_the_mapping_network_learns_at_a_hundredth():
    """Weights are kept a hundred times as large: a step moves the map by a hundredth."""
    mapping = StyleGAN2().build((3, 8, 8)).generator.mapping
    layers = [layer for layer in mapping if isinstance(layer, EqualLinear)]
    assert len(layers) == 8
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(100, rel=0.02)
        x = torch.ones(1, 512)
        with torch.no_grad():
            before = layer(x)
            layer.weight.add_(1.0)
            moved = layer(x) - before
            layer.bias.add_(1.0)
            lifted = layer(x) - before - moved
        torch.testing.assert_close(moved, torch.full_like(moved, 0.01 * math.sqrt(512)), rtol=1e-2, atol=0)
        torch.testing.assert_close(lifted, torch.full_like(lifted, 0.01), rtol=1e-2, atol=1e-4)


def test_a_discriminator_without_shortcuts_is_its_main_path():
    """From the same draws: with shortcuts they come after each block's convolutions."""
    plain, residual = (StyleGAN2(4, 3, residual=r).build((1, 8, 8)).discriminator for r in (False, True))
    residual.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(4, 3, 8, 8)
    shortcut = residual[2].shortcut
    torch.testing.assert_close(residual[2](x), (plain[2](x) + shortcut(x)) * math.sqrt(0.5))


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_equalized_linear_layers_change_alike_whatever_their_size(lr_multiplier):
    """Equal steps in every parameter change the map by lr * multiplier / sqrt(fan_in), and the bias too."""
    for fan_in in (16, 64):
        layer = EqualLinear(fan_in, 2000, bias=0.5, lr_multiplier=lr_multiplier)
        x = torch.randn(300, fan_in)
        before = layer(x)
        assert (before - 0.5).std().item() == pytest.approx(1, rel=0.1)
        with torch.no_grad():
            for p in layer.parameters():
                p.add_(1e-2)
        shift = 1e-2 * lr_multiplier * (x.sum(dim=1, keepdim=True) / math.sqrt(fan_in) + 1)
        torch.testing.assert_close(layer(x) - before, shift.expand_as(before), rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("fan_in", [4, 64])
def test_equalized_convolutions_keep_variance(size, fan_in):
    y = EqualConv(fan_in, 500, size)(torch.randn(4, fan_in, 12, 12))[:, :, 1:-1, 1:-1]
    assert y.std().item() == pytest.approx(1, rel=0.1)


def test_rectifiers_keep_second_moments():
    """Of a normal x: 2 (1 + 0.2^2) / 2."""
    assert rectify(torch.randn(10**6)).square().mean().item() == pytest.approx(1.04, rel=0.01)


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulation_is_a_convolution_with_weights_of_each_sample(demodulate):
    x, weight, style = _double(3, 4, 5, 5), _double(6, 4, 3, 3), _double(3, 4)
    ours = modulated_convolution(x, weight, style, demodulate=demodulate)
    torch.testing.assert_close(ours, modulated_by_samples(x, weight, style, demodulate=demodulate))


def test_demodulated_outputs_have_unit_variance_and_forget_scales():
    x, weight, style = torch.randn(8, 32, 16, 16), torch.randn(64, 32, 3, 3), 1 + torch.randn(8, 32)
    y = modulated_convolution(x, weight, style, demodulate=True)
    assert y[:, :, 1:-1, 1:-1].std().item() == pytest.approx(1, rel=0.05)
    scaled = modulated_convolution(x, 30 * weight, 7 * style, demodulate=True)
    torch.testing.assert_close(scaled, y, rtol=1e-4, atol=1e-4)


def test_doubling_convolutions_are_stuffed_convolved_and_filtered():
    x, weight, style = _double(2, 4, 5, 5), _double(3, 4, 3, 3), _double(2, 4)
    ours = modulated_convolution(x, weight, style, demodulate=False, up=LowPass().double())
    inside = conv2d(stuffed(x * style[:, :, None, None])[..., :-1, :-1], weight.flip(2, 3), padding=2)
    torch.testing.assert_close(ours, 4 * low_passed(inside, 1, 1))


def test_resampling_by_definition():
    x, low_pass = _double(2, 3, 8, 8), LowPass().double()
    torch.testing.assert_close(low_pass.upsample(x), 4 * low_passed(stuffed(x), 2, 1))
    torch.testing.assert_close(low_pass.downsample(x), low_passed(x, 1, 1)[..., ::2, ::2])
    flat = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    for resampled in (low_pass.upsample(flat), low_pass.downsample(flat)):
        torch.testing.assert_close(
            resampled[..., 1:-1, 1:-1], flat.new_ones(()).expand_as(resampled)[..., 1:-1, 1:-1]
        )


@pytest.mark.parametrize("size", [1, 3])
def test_halving_convolutions_are_filtered_then_strided(size):
    layer = EqualConv(3, 4, size, down=LowPass()).double()
    x = _double(2, 3, 8, 8)
    weight = layer.weight / math.sqrt(3 * size**2)
    filtered = low_passed(x, 2, 2) if size == 3 else low_passed(x, 1, 1)
    torch.testing.assert_close(layer(x), conv2d(filtered, weight, stride=2))


def test_styles_mix_once_in_training_and_never_in_evaluation():
    generator = StyleGAN2(latent=4, width=3, mapping_depth=2, mixing=1.0).build((1, 32, 32)).generator
    z = torch.randn(500, 4)
    styles = generator.styles(z)
    changes = (styles[:, 1:] != styles[:, :-1]).any(dim=2)
    assert (changes.sum(dim=1) == 1).all()
    assert changes.any(dim=0).all()  # every place is a crossover at times
    generator.eval()
    own = generator.styles(z)
    torch.testing.assert_close(own[:, 0], styles[:, 0])
    assert (own == own[:, :1]).all()


def test_a_share_of_samples_is_mixed():
    generator = StyleGAN2(latent=4, width=3, mapping_depth=2, mixing=0.3).build((1, 16, 16)).generator
    styles = generator.styles(torch.randn(4000, 4))
    mixed = (styles != styles[:, :1]).any(dim=(1, 2)).double().mean()
    assert mixed.item() == pytest.approx(0.3, abs=0.03)


def test_noise_starts_at_nothing_and_enters_with_its_strength():
    generator = TINY.build((1, 16, 16)).generator.eval()
    z = torch.randn(2, 4)
    assert torch.equal(generator(z), generator(z))
    with torch.no_grad():
        generator.level[0].noise.fill_(1.0)
    assert not torch.equal(generator(z), generator(z))


def test_every_layers_style_shapes_the_image():
    """The last of a resolution's layers shares its style with the next resolution's first: 2 a resolution."""
    generator = TINY.build((1, 32, 32)).generator
    styles = generator.styles(torch.randn(2, 4)).detach().contiguous().requires_grad_()
    assert styles.shape == (2, 8, 4)
    generator.synthesise(styles).square().sum().backward()
    assert (styles.grad.norm(dim=2) > 0).all()
    first = torch.autograd.grad(generator.to_image[0](torch.randn(2, 3, 4, 4), styles[:, 1]).sum(), styles)[0]
    assert (first.norm(dim=(0, 2)) > 0).tolist() == [i == 1 for i in range(8)]


def test_images_forget_the_scale_of_demodulated_weights_alone():
    generator = TINY.build((1, 16, 16)).generator.eval()
    z = torch.randn(2, 4)
    before = generator(z)
    with torch.no_grad():
        for layer in [generator.first, *generator.up, *generator.level]:
            layer.weight.mul_(10)
    torch.testing.assert_close(generator(z), before, rtol=1e-3, atol=1e-3)
    with torch.no_grad():
        generator.to_image[-1].weight.mul_(10)
    assert not torch.allclose(generator(z), before, rtol=0.1, atol=0.1)


def test_latents_are_normalised_first():
    generator = TINY.build((1, 8, 8)).generator.eval()
    z = torch.randn(3, 4)
    torch.testing.assert_close(generator.styles(z), generator.styles(5 * z))


def test_the_discriminator_sees_how_much_a_group_varies():
    """One image four times has no deviation; the statistic is the group's, not the batch's."""
    discriminator = TINY.build((1, 8, 8)).discriminator
    deviation = discriminator[3]
    alike, varied = torch.ones(8, 3, 4, 4), torch.randn(8, 3, 4, 4)
    varied[::2] = 1.0  # groups are every other sample of eight
    assert deviation(alike)[:, 3].max().item() == pytest.approx(1e-4)
    seen = deviation(varied)[:, 3, 0, 0]
    assert seen[::2].max().item() == pytest.approx(1e-4)
    torch.testing.assert_close(seen[1], varied[1::2].std(dim=0, correction=0).mean(), rtol=1e-4, atol=0)
    assert deviation(varied[:1]).shape == (1, 4, 4, 4)


def test_the_group_is_a_setting_and_divides_the_batch():
    deviation = StyleGAN2(4, 3, deviation_group=32).build((1, 8, 8)).discriminator[3]
    x = torch.randn(64, 3, 4, 4)
    seen = deviation(x)[:, 3, 0, 0]
    expected = [x[start::2].std(dim=0, correction=0).mean() for start in (0, 1)]
    torch.testing.assert_close(seen[:2], torch.stack(expected), rtol=1e-4, atol=0)
    whole = deviation(x[:16])[:, 3, 0, 0]  # 16 divide both
    torch.testing.assert_close(whole[0], x[:16].std(dim=0, correction=0).mean(), rtol=1e-4, atol=0)


def test_gradients_of_the_generator_in_float64():
    generator = TINY.build((1, 8, 8)).generator.double().eval()
    assert gradcheck(generator, _double(2, 4).requires_grad_())
    styles = generator.styles(_double(2, 4)).detach().contiguous().requires_grad_()
    assert gradgradcheck(generator.synthesise, styles)


def test_gradients_of_the_discriminator_in_float64():
    discriminator = TINY.build((1, 8, 8)).discriminator.double()
    x = _double(2, 1, 8, 8).requires_grad_()
    assert gradcheck(discriminator, x)
    assert gradgradcheck(discriminator, x)


def test_images_start_around_zero_at_a_scale_of_one():
    """Each resolution adds a picture of about unit variance, filtered on its way up."""
    generator = StyleGAN2(latent=64, width=64, mapping_depth=4).build((3, 64, 64)).generator
    images = generator(torch.randn(16, 64))
    assert 0.5 < images.square().mean().sqrt() < 4
