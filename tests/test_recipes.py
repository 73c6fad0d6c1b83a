"""Recipes are the published settings, and their networks fit their data."""

import math

import pytest
import torch

from paripassu.data import Augmented, Placeholder
from paripassu.games import R1, Draws, PathLength, WganGP
from paripassu.models import DCGAN, SNGAN, StyleGAN2, WganGPResNet
from paripassu.recipes import RECIPES
from paripassu.rules import Adam
from paripassu.train.processes import path_length_batch

PUBLISHED = [name for name in RECIPES if name != "digits"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipes_networks_make_its_images(name):
    run = RECIPES[name].run
    wanted = run.data.source if isinstance(run.data, Augmented) else run.data
    assert isinstance(wanted, Placeholder)
    shape = (3, wanted.resolution, wanted.resolution)
    with torch.device("meta"):
        pair = run.model.build(shape)
        assert pair.generator(torch.empty(2, run.model.latent)).shape == (2, *shape)
    with pytest.raises(ValueError, match=f"{wanted.images} at {wanted.resolution} px"):
        run.data.load(torch.device("cpu"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_players_are_alike_in_published_recipes(name):
    run = RECIPES[name].run
    assert run.generator == run.discriminator
    assert isinstance(run.generator.rule, Adam)


# Batch, rate, betas, discriminator steps, generator's samples, steps, decay: as the sources print them.
TABLE = {
    "wgangp-cifar10": (64, 2e-4, (0.0, 0.9), 5, 128, 100_000, "linear", "wasserstein"),
    "sngan-cifar10": (64, 2e-4, (0.0, 0.9), 5, 64, 100_000, "linear", "hinge"),
    "sngan-stl10": (64, 2e-4, (0.0, 0.9), 5, 64, 100_000, "linear", "hinge"),
    "sngan64": (64, 2e-4, (0.0, 0.9), 5, 64, 100_000, "linear", "hinge"),
    "sngan128": (64, 2e-4, (0.0, 0.9), 2, 64, 100_000, "constant", "hinge"),
    "dcgan32": (64, 2e-4, (0.5, 0.999), 1, 64, 19_532, "constant", "non_saturating"),
    "dcgan64": (64, 2e-4, (0.5, 0.999), 1, 64, 79_000, "constant", "non_saturating"),
    "stylegan2-cifar10": (64, 0.0025, (0.0, 0.99), 1, 64, 1_562_500, "constant", "non_saturating"),
    "stylegan2-256": (64, 0.0025, (0.0, 0.99), 1, 64, 390_625, "constant", "non_saturating"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_plays_by_the_published_numbers(name):
    run = RECIPES[name].run
    for player in (run.generator, run.discriminator):
        assert (player.rule.eps, player.weight_decay) == (1e-8, 0.0)
    assert TABLE[name] == (
        *(run.batch, run.generator.lr, run.generator.rule.betas, run.n_critic),
        *(run.batch * run.generator_batches, run.steps, run.decay, run.settings()["loss"]),
    )
    assert (run.updates, run.precision) == ("alternating", "float32")


# Penalty and its weight, steps between its uses, path length weight, decay and steps, EMA's half-life in
# images, dequantized, flipped.
TERMS = {
    "wgangp-cifar10": (WganGP(10.0), 1, None, 1, None, True, False),
    "stylegan2-cifar10": (R1(0.01), 16, None, 1, 500_000, False, False),
    "stylegan2-256": (R1(1.0), 16, PathLength(weight=2.0, decay=0.01), 4, 20_000, False, True),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_the_published_terms_and_no_others(name):
    run = RECIPES[name].run
    drawn = run.data if isinstance(run.data, Augmented) else None
    half_life = run.batch * math.log(0.5) / math.log(run.ema) if run.ema else None
    assert TERMS.get(name, (None, 1, None, 1, None, False, False)) == (
        *(run.penalty, run.penalty_every, run.path_length, run.path_length_every),
        half_life and round(half_life),
        *(bool(drawn and drawn.dequantize), bool(drawn and drawn.flip)),
    )


# Images, their size, networks, parameters of both.
NETWORKS = {
    "wgangp-cifar10": ("CIFAR-10", 32, WganGPResNet(latent=128, width=128), None),
    "sngan-cifar10": ("CIFAR-10", 32, SNGAN(latent=128, width=64), None),
    "sngan-stl10": ("STL-10", 48, SNGAN(latent=128, width=64), None),
    "sngan64": ("CelebA", 64, SNGAN(latent=128, width=64), None),
    "sngan128": ("CelebA", 128, SNGAN(latent=128, width=64), None),
    "dcgan32": ("CIFAR-10", 32, DCGAN(latent=100, width=64, norm="batch"), None),
    "dcgan64": ("CelebA", 64, DCGAN(latent=100, width=64, norm="batch"), (3_576_704, 2_765_568)),
    "stylegan2-cifar10": (
        *("CIFAR-10", 32),
        StyleGAN2(512, 512, 1.0, mapping_depth=2, mixing=0.0, deviation_group=32, residual=False),
        (19_947_539, 20_720_641),
    ),
    "stylegan2-256": (
        *("FFHQ", 256),
        StyleGAN2(512, 512, 0.5, mapping_depth=8, mixing=0.9, deviation_group=8, residual=True),
        (24_767_458, 24_001_089),
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_the_published_networks(name):
    images, resolution, model, parameters = NETWORKS[name]
    run = RECIPES[name].run
    wanted = run.data.source if isinstance(run.data, Augmented) else run.data
    assert (wanted, run.model) == (Placeholder(images, resolution), model)
    if parameters:
        with torch.device("meta"):
            pair = run.model.build((3, resolution, resolution))
        assert parameters == tuple(sum(p.numel() for p in network.parameters()) for network in pair)


def test_every_published_recipe_names_its_source():
    assert RECIPES.keys() - TABLE.keys() == {"digits"} == RECIPES.keys() - NETWORKS.keys()
    assert all("arXiv:" in RECIPES[name].source for name in PUBLISHED)


@pytest.mark.parametrize(("name", "images"), [("stylegan2-cifar10", 100e6), ("stylegan2-256", 25e6)])
def test_stylegan2_sees_as_many_images_as_its_authors(name, images):
    assert RECIPES[name].run.steps * RECIPES[name].run.batch == images


def test_dcgan_32_is_said_to_be_ours():
    assert "ours" in RECIPES["dcgan32"].about
    assert "64 px" in RECIPES["dcgan32"].about
    epochs = RECIPES["dcgan32"].run.steps * 64 / 50_000
    assert epochs == pytest.approx(25, abs=64 / 50_000)


def test_the_path_length_takes_half_a_batch():
    """Karras et al. shrink its batch by 2."""
    assert path_length_batch(RECIPES["stylegan2-256"].run) == 32


def test_r1_is_half_its_weight_times_the_squared_gradient():
    """Of D(x) = 3 sum(x) on 4 pixels: gamma / 2 * 9 * 4."""
    penalty = RECIPES["stylegan2-256"].run.penalty
    real = torch.randn(5, 1, 2, 2)
    value = penalty(lambda x: 3 * x.sum(dim=(1, 2, 3)), real, real, Draws(torch.Generator()))
    assert value.item() == pytest.approx(0.5 * 36)
