"""The games that studies play, with the lengths of their runs and the centres of the arms' learning rates.

A game whose loss is usually trained without momentum (WGAN-GP) plays the family *plain*, and one whose loss
is usually trained with momentum plays the family *heavy*.

Centres are rates of the generator. Those of Adam, its halves and SGDA are about the best rates of an earlier
grid at constant, equal rates; nsgda rms takes Adam's, because its unit is Adam's. The seeds of that grid are
used here for tuning alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from paripassu.data import (
    Augmented,
    Cifar,
    Digits,
    Grid,
    Idx,
    ImageFolder,
    Ring,
    Source,
    StackedDigits,
    StackedMnist,
)
from paripassu.data.mixtures import Mixture
from paripassu.games import R1, GanLoss, Penalty, WganGP, non_saturating, wasserstein
from paripassu.metrics import NETWORKS, FeatureMetric
from paripassu.models import DCGAN, MLP
from paripassu.protocol import Game
from paripassu.recipes import RECIPES
from paripassu.records import Settings
from paripassu.rules import SGD, Rule
from paripassu.studies.arms import (
    ADAM,
    ADAM_DIRECTION,
    ADAM_MAGNITUDE,
    ADAM_MAGNITUDE_GLOBAL,
    HEAVY,
    NSGDA_GLOBAL,
    NSGDA_LAYER,
    NSGDA_RMS,
    PLAIN,
    SGDA,
)
from paripassu.train import Player, Run

# Generator updates at each scale of a study.
_MIXTURE_STEPS = {"smoke": 20, "small": 3000, "paper": 30_000}
DIGITS_STEPS = {"smoke": 6, "small": 1000, "paper": 30_000}
IMAGE_STEPS = {"smoke": 2, "small": 2000, "paper": 30_000}
WIDE_STEPS = {"gpu": 4000}
WIDE = 32

# A distance that is a quarter larger is one that a person sees; so are 5 samples in 100 off the modes.
QUARTER = 0.223
_TWENTIETH = 0.05

# What people see of a photograph. It takes a CPU a minute, so it does not tune.
SEEN = FeatureMetric("fd", NETWORKS["efficientnet-lite0"], 2500)
DIGITS_SEEN = FeatureMetric("fd", NETWORKS["mnist"], 2500)  # a network that tells MNIST's digits apart


def _centres(adam: float, direction: float, layer: float, whole: float, sgda: float) -> dict[str, float]:
    """The generator's rate of each arm, in the units that arms share."""
    return {
        ADAM: adam,
        ADAM_MAGNITUDE: adam,
        ADAM_MAGNITUDE_GLOBAL: adam,
        NSGDA_RMS: adam,
        ADAM_DIRECTION: direction,
        NSGDA_LAYER: layer,
        NSGDA_GLOBAL: whole,
        SGDA: sgda,
    }


_MIXTURE_CENTRES = _centres(adam=3.2e-4, direction=1e-2, layer=1e-2, whole=3.2e-2, sgda=3.2e-2)
_DIGITS_CENTRES = _centres(adam=3.2e-3, direction=3.2e-2, layer=3.2e-2, whole=1e-1, sgda=3.2e-2)
_IMAGE_CENTRES = _centres(adam=1e-3, direction=1e-2, layer=1e-1, whole=3.2e-1, sgda=3.2e-3)


def _watched(run: Run) -> Run:
    """``run``, measured and probed as often as studies need, whatever its length."""
    return replace(
        run,
        # Six times in a run. At scale smoke this would take longer than the steps, so every 10 at most.
        eval_every=max(10, run.steps // 6),
        checkpoint_every=max(1, run.steps // 3),
        probe_every=max(1, run.steps // 60),
    )


def played(run: Run, rule: Rule, settings: Settings, steps: int, seed: int) -> Run:
    """``run`` by a rule at the settings of a trial."""
    return _watched(
        replace(
            run,
            generator=Player(rule, settings.lr_g),
            discriminator=Player(rule, settings.lr_d),
            decay=settings.decay,
            steps=steps,
            seed=seed,
        )
    )


def _mixture_game(name: str, words: str, mixture: Mixture, family: str, steps: Mapping[str, int]) -> Game:
    unset = Player(SGD(), 1.0)
    run = Run(mixture, MLP(latent=2, width=128, depth=3), unset, unset, batch=256)
    return Game(
        name=name,
        setting=f"{words}, MLP 3 x 128, non-saturating loss, batch 256",
        run=partial(played, run),
        metric="mode-overlap@2500",
        centres=_MIXTURE_CENTRES,
        steps=steps,
        family=family,
        margin=_TWENTIETH,
    )


def _images_run(data: Source, latent: int, loss: GanLoss, penalty: Penalty, width: int = 16) -> Run:
    unset = Player(SGD(), 1.0)
    return Run(
        data,
        DCGAN(latent=latent, width=width, norm="none"),
        unset,
        unset,
        loss=loss,
        penalty=penalty,
        batch=64,
        log_every=25,
    )


def _both_losses(
    name: str,
    images: str,
    data: Source,
    latent: int,
    metric: str,
    steps: Mapping[str, int],
    centres: Mapping[str, float],
    judged_by: FeatureMetric | None = None,
    width: int = 16,
) -> tuple[Game, Game]:
    """The same images with the non-saturating loss and R1 (heavy), and with WGAN-GP (plain)."""
    networks = f"{images}, DCGAN of width {width} without norm, batch 64"
    of_loss = partial(Game, metric=metric, centres=centres, steps=steps, margin=QUARTER, judged_by=judged_by)
    return (
        of_loss(
            name,
            f"{networks}, non-saturating loss, R1 (weight 1)",
            partial(played, _images_run(data, latent, non_saturating, R1(1.0), width)),
            family=HEAVY,
        ),
        of_loss(
            f"{name}-wgan-gp",
            f"{networks}, WGAN-GP (weight 10)",
            partial(played, _images_run(data, latent, wasserstein, WganGP(), width)),
            family=PLAIN,
        ),
    )


_RING = ("ring of 8 Gaussians (radius 2, std 0.02)", Ring())
RING8 = _mixture_game("ring8", *_RING, HEAVY, _MIXTURE_STEPS)
RING8_PLAIN = _mixture_game("ring8-plain", *_RING, PLAIN, _MIXTURE_STEPS)
RING16 = _mixture_game(
    "ring16",
    "ring of 16 Gaussians (radius 4, std 0.02)",
    Ring(modes=16, radius=4.0),
    HEAVY,
    _MIXTURE_STEPS,
)
GRID25 = _mixture_game("grid25", "5 x 5 Gaussians (spacing 2, std 0.05)", Grid(), HEAVY, _MIXTURE_STEPS)

DIGITS, DIGITS_WGAN_GP = _both_losses(
    "digits",
    "scikit-learn's digits at 8 px",
    Digits(),
    32,
    "fd-digits@2500",
    DIGITS_STEPS,
    _DIGITS_CENTRES,
)


def _stacked(
    name: str, images: str, data: Source, latent: int, metric: str, steps: Mapping[str, int]
) -> Game:
    run = replace(_images_run(data, latent, wasserstein, WganGP()), eval_samples=26_000)
    return Game(
        name=name,
        setting=f"{images}, DCGAN of width 16 without norm, WGAN-GP (weight 10), batch 64",
        run=partial(played, run),
        metric=metric,
        centres=_DIGITS_CENTRES,
        steps=steps,
        family=PLAIN,
        margin=QUARTER,
    )


STACKED_DIGITS = _stacked(
    "stacked-digits",
    "three of scikit-learn's digits as the channels of one image of 8 px",
    StackedDigits(),
    32,
    "kl-digits@26000",
    DIGITS_STEPS | {"small": 2000},
)


def stacked_mnist(path: Path) -> tuple[Game]:
    """Triples of MNIST's digits, from its ``train-images-idx3-ubyte.gz``, at 32 px."""
    words = "three of MNIST's digits as the channels of one image of 32 px"
    return (_stacked("stacked-mnist", words, StackedMnist(path), 64, "kl-mnist@26000", IMAGE_STEPS),)


def _of_images(
    name: str,
    images: str,
    data: Source,
    steps: Mapping[str, int],
    judged_by: FeatureMetric = SEEN,
    width: int = 16,
) -> tuple[Game, Game]:
    metric = "fd-pixels8@2500"
    return _both_losses(name, images, data, 64, metric, steps, _IMAGE_CENTRES, judged_by, width)


def cifar10(path: Path) -> tuple[Game, ...]:
    """The 50,000 training images of CIFAR-10, from a folder of its binary batches.

    At scale gpu the networks are twice as wide.
    """
    words, data = "CIFAR-10's training images", Cifar(path)
    wide = _of_images("cifar10-wide", words, data, WIDE_STEPS, width=WIDE)
    return (*_of_images("cifar10", words, data, IMAGE_STEPS), *wide)


def mnist(path: Path) -> tuple[Game, Game]:
    """MNIST, from its ``train-images-idx3-ubyte.gz``, brought to 32 px."""
    steps = IMAGE_STEPS | {"small": 1000}
    data = Idx(path, resolution=32)
    return _of_images("mnist", "MNIST's training images at 32 px", data, steps, DIGITS_SEEN)


def photographs(path: Path) -> tuple[Game, Game]:
    """Images in a folder, a zip or a Parquet file, brought to 64 px."""
    steps = IMAGE_STEPS | {"small": 300}
    data = ImageFolder(path, resolution=64)
    return _of_images("photographs", f"the images of {path.name} at 64 px", data, steps)


# There was no pilot. Adam takes the recipe's rate. nSGDA takes about the lengths of Adam's steps at that
# rate, which are 2e-4 times the root of the number of weights: 0.08 in the largest tensors, 0.2 in a player.
# SGDA takes the centre of the other images, because nothing is known about it here.
_RESNET_CENTRES = _centres(adam=2e-4, direction=1e-2, layer=1e-1, whole=3.2e-1, sgda=1e-2)


def cifar10_resnet(path: Path) -> tuple[Game]:
    """The same images with the settings of the recipe ``wgangp-cifar10``; it needs a GPU."""
    run = replace(RECIPES["wgangp-cifar10"].run, data=Augmented(Cifar(path), dequantize=True), log_every=25)
    game = Game(
        name="cifar10-resnet",
        setting=(
            "CIFAR-10's training images, dequantized, WGAN-GP's ResNet of 128 channels as published (weight "
            "10, batch 64 and the generator's 128, 5 discriminator updates each)"
        ),
        run=partial(played, run),
        metric="fd-pixels8@5000",
        steps={"smoke": 1, "small": 1000, "paper": 10_000},
        centres=_RESNET_CENTRES,
        family=PLAIN,
        margin=QUARTER,
        judged_by=SEEN,
    )
    return (game,)


BY_PATH = {"cifar10": cifar10, "cifar10-resnet": cifar10_resnet, "mnist": mnist, "photographs": photographs}
