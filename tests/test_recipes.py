"""Recipes are the published settings, and their networks fit their data."""

import math
from dataclasses import replace

import pytest
import torch
from tests.cases.networks import without_values

from paripassu.data import Augmented, Digits, FromDataset, Placeholder, Ring
from paripassu.games import R1, R1R2, Draws, PathLength, WganGP, hinge
from paripassu.models import DCGAN, MLP, SNGAN, StyleGAN2, WganGPResNet
from paripassu.recipes import RECIPES, from_config, override
from paripassu.rules import SGD, Adam, Graft, RMSprop
from paripassu.train import Player, train
from paripassu.train.processes import path_length_batch

PUBLISHED = [name for name in RECIPES if name != "digits"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipes_networks_make_its_images(name):
    run = RECIPES[name].run
    wanted = run.data.source if isinstance(run.data, Augmented) else run.data
    assert isinstance(wanted, Placeholder)
    shape = (3, wanted.resolution, wanted.resolution)
    pair = without_values(run.model, shape)
    with torch.device("meta"):
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


DIGITS, STYLES = RECIPES["digits"].run, RECIPES["stylegan2-256"].run


def test_nothing_given_changes_nothing():
    assert all(override(recipe.run) == recipe.run for recipe in RECIPES.values())


def test_names_and_objects_are_the_same_option():
    named = override(
        DIGITS,
        data="ring",
        model="mlp",
        optimizer_d="rmsprop",
        lr_d=0.1,
        loss="hinge",
        penalty="r1-r2",
        penalty_weight=3.0,
        shadow="sgd",
    )
    given = override(
        DIGITS,
        data=Ring(),
        model=MLP(),
        optimizer_d=RMSprop(),
        lr_d=0.1,
        loss=hinge,
        penalty=R1R2(3.0),
        shadow=SGD(),
    )
    assert named == given
    assert named.generator == DIGITS.generator


def test_settings_of_a_run_are_options_of_their_own():
    settings = {"steps": 3, "seed": 4, "ema": 0.5, "updates": "simultaneous", "compile": True}
    run = override(DIGITS, **settings)
    assert {name: getattr(run, name) for name in settings} == settings


def test_settings_reach_the_rules_inside():
    run = override(
        DIGITS, optimizer_g=Graft(Adam((0.5, 0.9)), SGD()), lr_g=1.0, betas=(0.1, 0.2), momentum=0.3
    )
    assert run.generator.rule == Graft(Adam((0.1, 0.2)), SGD(momentum=0.3))
    assert run.discriminator.rule.rule == SGD(momentum=0.3)


def test_a_penalty_takes_batch_normalisation_out():
    assert (DIGITS.model.norm, override(DIGITS, penalty="r1").model.norm) == ("batch", "none")
    with pytest.raises(ValueError, match="mix samples"):
        override(DIGITS, penalty="r1", norm="batch")


def test_terms_that_are_not_the_runs_are_not_as_lazy():
    assert override(STYLES, penalty="wgan-gp").penalty_every == 1
    assert override(STYLES, penalty_weight=3.0).penalty_every == STYLES.penalty_every == 16
    without = override(STYLES, penalty="none", path_length=0.0)
    assert (without.penalty, without.path_length, without.path_length_every) == (None, None, 1)


def test_augmentation_stays_that_of_the_recipe():
    run = override(STYLES, data=Digits(), dequantize=True)
    assert run.data == Augmented(Digits(), flip=True, dequantize=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stesp": 3}, "there is no option 'stesp': did you mean steps?"),
        ({"optimizer_d": "adam"}, "--optimizer-d needs --lr-d: the recipe's 0.03 is for another optimizer"),
        ({"model": "mlp", "norm": "none"}, "mlp has no norm to set: leave it out"),
        ({"model": MLP(), "fmaps": 1.0}, "mlp has no fmaps to set"),
        ({"data": Ring(), "resolution": 8}, "leave out --resolution: ring8 has its own"),
        ({"penalty_weight": 1.0}, "--penalty-weight needs a --penalty"),
        ({"betas": (0.5, 0.9)}, "--betas is for adam, adansgd, adadir"),
        ({"model": "networks.py"}, "say what in the file, as networks.py:NAME"),
        ({"data": "photos.py"}, "say what in the file, as photos.py:NAME"),
        ({"shadow": "adm"}, "there is no optimizer 'adm': did you mean adam?"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        override(DIGITS, **options)


def test_a_class_is_what_it_makes():
    """As of ``FILE.py:NAME``."""
    run = RECIPES["digits"].run
    made = override(run, optimizer_d=Adam, lr_d=1e-3, shadow=SGD, penalty=R1, model=DCGAN)
    assert (made.discriminator.rule, made.shadow, made.penalty) == (Adam(), SGD(), R1())
    assert override(run, model=MLP, data=Ring) == override(run, model="mlp", data="ring")


def test_a_dataset_and_a_path_are_data(tmp_path):
    pixels = [(torch.zeros(1, 8, 8), 0), (torch.ones(1, 8, 8), 1)]
    assert override(RECIPES["digits"].run, data=pixels).data == FromDataset(pixels)
    (tmp_path / "photos").mkdir()
    by_path, by_text = (
        override(RECIPES["digits"].run, data=path, resolution=8).data
        for path in (tmp_path / "photos", str(tmp_path / "photos"))
    )
    assert by_path == by_text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"optimizer_d": torch.optim.Adam, "lr_d": 1.0}, "Adam is a class, not a Rule: .* FromTorch makes"),
        ({"optimizer_g": 5, "lr_g": 1.0}, "5 is an object of int, not a Rule"),
        ({"optimizer_d": Graft, "lr_d": 1.0}, "Graft cannot be made without settings .* as in Graft"),
        ({"shadow": None}, "None is an object of NoneType, not a Rule"),
        ({"model": Adam}, "Adam is a class, not an Architecture"),
        ({"data": 5}, "5 is an object of int, not a Source"),
        ({"penalty": 5}, "a penalty must be none, wgan-gp or .*, got 5"),
        ({"loss": 5}, "a loss must be non_saturating or .*, got 5"),
        ({"lr_d": "abc"}, "lr_d must be a number, got 'abc'"),
        ({"weight_decay": None}, "weight_decay must be a number, got None"),
        ({"ema": "abc"}, "ema must be a number, got 'abc'"),
        ({"pace": "abc"}, "a pace must be a number, got the text 'abc'"),
        ({"momentum": "abc"}, "momentum must be a number, got 'abc'"),
        ({"betas": 5, "optimizer_d": "adam", "lr_d": 1.0}, "betas must be two decay rates, got 5"),
        ({"steps": "abc"}, "steps must be a whole number, got 'abc'"),
        ({"penalty": "r1", "penalty_weight": "abc"}, "penalty_weight must be a number, got 'abc'"),
        ({"latent": "abc"}, "latent must be a whole number, got 'abc'"),
        ({"device": 5}, "device must be text, got 5"),
        ({"channels_last": "yes"}, "channels_last must be True or False, got 'yes'"),
    ],
)
def test_what_is_no_such_part_gets_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        override(RECIPES["digits"].run, **options)


def test_a_recipe_is_no_run(tmp_path):
    recipe = RECIPES["digits"]
    for use in (override, lambda it: from_config(tmp_path, it), lambda it: train(it, tmp_path)):
        with pytest.raises(ValueError, match=r"give its .run, as in RECIPES\['digits'\].run"):
            use(recipe)
        with pytest.raises(ValueError, match="Run is needed here, got 'digits'"):
            use("digits")


def test_a_player_and_a_run_refuse_text_for_numbers():
    with pytest.raises(ValueError, match="a learning rate must be a number, got the text '1e-3'"):
        Player(Adam(), "1e-3")
    with pytest.raises(ValueError, match="ema must be a number, got the text 'abc'"):
        replace(RECIPES["digits"].run, ema="abc")
