"""The autoencoder learns, keeps a pixel's neighbours out where it should, and takes a term."""

import math

import pytest
import torch

from paripassu.models import Autoencoder
from paripassu.models.latent import psnr

_QUICK = Autoencoder(latent=2, widths=(8,), kernel=1, steps=150, batch=8, lr=1e-2)


def _images():
    rng = torch.Generator().manual_seed(0)
    shares = torch.rand((32, 2, 3, 3), generator=rng)
    return torch.einsum("nkhw,kb->nbhw", shares, torch.randn((2, 6), generator=rng)) / 4


def test_training_brings_images_back():
    images = _images()
    untrained = _QUICK.build(6)
    coder = _QUICK.fit(images, 0)
    before, after = (psnr(images, each.decoder(each.encoder(images))) for each in (untrained, coder))
    assert after > max(30, before + 10)


def test_equal_images_have_an_infinite_ratio():
    images = _images()
    assert psnr(images, images) == math.inf


def test_an_autoencoder_depends_on_its_seed_alone():
    images = _images()
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = _QUICK.fit(images, 3)
    assert torch.equal(state, torch.random.get_rng_state())
    torch.manual_seed(2)
    second = _QUICK.fit(images, 3)
    assert torch.equal(first.encoder(images), second.encoder(images))
    assert not torch.equal(first.encoder(images), _QUICK.fit(images, 4).encoder(images))


def test_a_kernel_of_one_codes_each_pixel_by_itself():
    images = _images()
    changed = images.clone()
    changed[:, :, 0, 0] += 1
    for kernel, touched in ((1, 1), (3, 4)):
        encoder = Autoencoder(latent=2, widths=(), kernel=kernel).build(6).encoder
        differs = (encoder(images) != encoder(changed)).any(dim=0).any(dim=0)
        assert int(differs.sum()) == touched


@pytest.mark.parametrize(("sign", "larger"), [(-1.0, True), (1.0, False)])
def test_a_term_moves_the_latents(sign, larger):
    images = _images()
    plain = _QUICK.fit(images, 0).encoder(images).square().mean()
    moved = _QUICK.fit(images, 0, lambda z: sign * z.square().mean()).encoder(images).square().mean()
    assert bool(moved > plain) == larger


@pytest.mark.parametrize(
    "settings",
    [{"latent": 0}, {"widths": (3, 0)}, {"kernel": 2}, {"steps": 0}, {"batch": 1}, {"lr": 0.0}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
        Autoencoder(**settings)
