"""Recipes are the published settings, and their networks fit their data."""

import pytest
import torch

from paripassu.data import Augmented, Wanted
from paripassu.games import hinge, non_saturating, wasserstein
from paripassu.rules import Adam
from paripassu.studies.recipes import RECIPES

PUBLISHED = [name for name in RECIPES if name != "digits"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipes_networks_make_its_images(name):
    run = RECIPES[name].run
    wanted = run.data.source if isinstance(run.data, Augmented) else run.data
    assert isinstance(wanted, Wanted)
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


def test_wgangp_cifar10_is_gan_cifar_resnet():
    run = RECIPES["wgangp-cifar10"].run
    assert (run.generator.rule.betas, run.generator.lr, run.decay) == ((0.0, 0.9), 2e-4, "linear")
    assert (run.loss, run.penalty.weight, run.n_critic) == (wasserstein, 10.0, 5)
    assert (run.steps, run.batch, run.batch * run.generator_batches) == (100_000, 64, 128)
    assert run.data.dequantize


@pytest.mark.parametrize("name", ["sngan-cifar10", "sngan-stl10"])
def test_sngan_is_mimicrys(name):
    run = RECIPES[name].run
    assert (run.generator.rule.betas, run.generator.lr, run.decay) == ((0.0, 0.9), 2e-4, "linear")
    assert (run.loss, run.penalty, run.n_critic) == (hinge, None, 5)
    assert (run.steps, run.batch) == (100_000, 64)


def test_stylegan2_256_sees_25_million_images():
    run = RECIPES["stylegan2-256"].run
    assert run.steps * run.batch == 25_000_000
    assert run.ema ** (20_000 / 64) == pytest.approx(0.5)
    assert (run.loss, run.penalty.gamma, run.penalty_every) == (non_saturating, 1.0, 16)
    assert (run.path_length.weight, run.path_length.decay, run.path_length_every) == (2.0, 0.01, 4)
    assert (run.generator.rule.betas, run.generator.lr) == ((0.0, 0.99), 0.0025)
