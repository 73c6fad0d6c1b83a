"""The games that studies play, with the lengths of their runs and the centres of the arms' learning rates.

Both players use the same rule and rate.
"""

from dataclasses import replace
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
from paripassu.games import WganGP, wasserstein
from paripassu.models import DCGAN, MLP
from paripassu.protocol import Game
from paripassu.recipes import RECIPES
from paripassu.rules import Adam, Graft, Rule
from paripassu.train import Player, Run

# Generator updates at each scale of a study.
_MIXTURE_STEPS = {"smoke": 20, "small": 3000, "paper": 30_000}
_IMAGE_STEPS = {"smoke": 6, "small": 1000, "paper": 30_000}

_MIXTURE_CENTRES = {
    "adam": 3.2e-4,
    "adam magnitude": 3.2e-4,
    "adam direction": 1e-2,
    "nsgda layer": 1e-2,
    "nsgda global": 3e-2,
    "sgda": 3e-2,
}


def _watched(run: Run) -> Run:
    """``run``, measured and probed as often as studies need, whatever its length."""
    return replace(
        run,
        # Six times in a run. At scale smoke this would take longer than the steps, so every 10 at most.
        eval_every=max(10, run.steps // 6),
        checkpoint_every=max(1, run.steps // 3),
        probe_every=max(1, run.steps // 60),
    )


def _mixture_run(mixture: Mixture, rule: Rule, lr: float, steps: int, seed: int) -> Run:
    player = Player(rule, lr)
    run = Run(
        mixture,
        MLP(latent=2, width=128, depth=3),
        generator=player,
        discriminator=player,
        batch=256,
        steps=steps,
        seed=seed,
    )
    return _watched(run)


def _images_run(data: Source, latent: int, rule: Rule, lr: float, steps: int, seed: int) -> Run:
    player = Player(rule, lr)
    run = Run(
        data,
        DCGAN(latent=latent, width=16, norm="none"),
        generator=player,
        discriminator=player,
        loss=wasserstein,
        penalty=WganGP(),
        batch=64,
        steps=steps,
        seed=seed,
        log_every=25,
    )
    return _watched(run)


RING8 = Game(
    name="ring8",
    setting="ring of 8 Gaussians (radius 2, std 0.02), MLP 3 x 128, non-saturating loss, batch 256",
    run=lambda rule, lr, steps, seed: _mixture_run(Ring(), rule, lr, steps, seed),
    metric="mode-overlap@2500",
    steps=_MIXTURE_STEPS | {"demo": 1500},
    centres=_MIXTURE_CENTRES,
    chosen={
        "adam": 1e-4,
        "adam magnitude": 1e-4,
        "adam direction": 3.2e-2,
        "nsgda layer": 1e-2,
        "nsgda global": 3e-2,
        "sgda": 3e-2,
    },
)

# Not yet tuned at any scale. Without tuning, arms take the rates of the ring of 8.
RING16 = Game(
    name="ring16",
    setting="ring of 16 Gaussians (radius 4, std 0.02), MLP 3 x 128, non-saturating loss, batch 256",
    run=lambda rule, lr, steps, seed: _mixture_run(Ring(modes=16, radius=4.0), rule, lr, steps, seed),
    metric="mode-overlap@2500",
    steps=_MIXTURE_STEPS,
    centres=_MIXTURE_CENTRES,
    chosen=RING8.chosen,
)

GRID25 = Game(
    name="grid25",
    setting="5 x 5 Gaussians (spacing 2, std 0.05), MLP 3 x 128, non-saturating loss, batch 256",
    run=lambda rule, lr, steps, seed: _mixture_run(Grid(), rule, lr, steps, seed),
    metric="mode-overlap@2500",
    steps=_MIXTURE_STEPS,
    centres=_MIXTURE_CENTRES,
    chosen=RING8.chosen,
)

DIGITS = Game(
    name="digits",
    setting="scikit-learn's digits, DCGAN 8 px of width 16 without norm, WGAN-GP (weight 10), batch 64",
    run=lambda rule, lr, steps, seed: _images_run(Digits(), 32, rule, lr, steps, seed),
    metric="fd-digits@2500",
    steps=_IMAGE_STEPS | {"demo": 500},
    centres={
        "adam": 3.2e-3,
        "adam magnitude": 3.2e-3,
        "adam direction": 3e-2,
        "nsgda layer": 3e-2,
        "nsgda global": 1e-1,
        "sgda": 3e-2,
    },
    chosen={
        "adam": 1e-2,
        "adam magnitude": 3.2e-2,
        "adam direction": 3e-2,
        "nsgda layer": 9.5e-2,
        "nsgda global": 3.2e-1,
        "sgda": 3e-2,
    },
)

# Not yet tuned at any scale. Without tuning, arms take the rates of the digits.
STACKED_DIGITS = Game(
    name="stacked-digits",
    setting=(
        "three of scikit-learn's digits as the channels of one image, DCGAN 8 px of width 16 without norm, "
        "WGAN-GP (weight 10), batch 64"
    ),
    run=lambda rule, lr, steps, seed: replace(
        _images_run(StackedDigits(), 32, rule, lr, steps, seed), eval_samples=26_000
    ),
    metric="kl-digits@26000",
    steps=_IMAGE_STEPS | {"small": 2000},
    centres=DIGITS.centres,
    chosen=DIGITS.chosen,
)

# From a pilot of 300 updates on a tuning seed of cifar10, for the two arms with Adam's magnitude. The other
# arms had not begun to learn in it; they take the centres of the digits.
_PATH_CENTRES = {
    "adam": 1e-3,
    "adam magnitude": 1e-3,
    "nsgda layer": 3e-2,
    "nsgda global": 1e-1,
    "sgda": 1e-2,
}


def cifar10(path: Path) -> Game:
    """The 50,000 training images of CIFAR-10, from a folder of its binary batches."""
    return _by_path("cifar10", "CIFAR-10's training images", Cifar(path))


# There was no pilot. Adam takes the recipe's rate. nSGDA takes about the lengths of Adam's steps at that
# rate, which are 2e-4 times the root of the number of weights: 0.08 in the largest tensors, 0.2 in a player.
# SGDA takes the centre of the other images, because nothing is known about it here.
_RESNET_CENTRES = {
    "adam": 2e-4,
    "adam magnitude": 2e-4,
    "nsgda layer": 1e-1,
    "nsgda global": 3e-1,
    "sgda": 1e-2,
}


def cifar10_resnet(path: Path) -> Game:
    """The same images with the settings of the recipe ``wgangp-cifar10``; it needs a GPU."""
    recipe = RECIPES["wgangp-cifar10"].run

    def run(rule: Rule, lr: float, steps: int, seed: int) -> Run:
        player = Player(_with_adam(rule, recipe.generator.rule), lr)
        played = replace(
            recipe,
            data=Augmented(Cifar(path), dequantize=True),
            generator=player,
            discriminator=player,
            steps=steps,
            seed=seed,
            log_every=25,
        )
        return _watched(played)

    return Game(
        name="cifar10-resnet",
        setting=(
            "CIFAR-10's training images, dequantized, WGAN-GP's ResNet of 128 channels as published (weight "
            "10, batch 64 and the generator's 128, 5 discriminator updates each, rates falling to 0, Adam's "
            "betas 0 and 0.9 in every arm that has one)"
        ),
        run=run,
        metric="fd-pixels8@5000",
        steps={"smoke": 1, "small": 1000, "paper": 10_000},
        centres=_RESNET_CENTRES,
        chosen=_RESNET_CENTRES,
    )


def _with_adam(rule: Rule, adam: Rule) -> Rule:
    """``rule`` with ``adam`` in place of its Adam, if it is or grafts one."""
    if isinstance(rule, Adam):
        return adam
    if isinstance(rule, Graft):
        magnitude, direction = (_with_adam(part, adam) for part in (rule.magnitude, rule.direction))
        return replace(rule, magnitude=magnitude, direction=direction)
    return rule


def mnist(path: Path) -> Game:
    """MNIST, from its ``train-images-idx3-ubyte.gz``, brought to 32 px."""
    return _by_path("mnist", "MNIST's training images at 32 px", Idx(path, resolution=32))


def photographs(path: Path) -> Game:
    """Images in a folder, a zip or a Parquet file, brought to 64 px."""
    game = _by_path("photographs", f"the images of {path.name} at 64 px", ImageFolder(path, resolution=64))
    return replace(game, steps=_IMAGE_STEPS | {"small": 300})


def stacked_mnist(path: Path) -> Game:
    """Triples of MNIST's digits, from its ``train-images-idx3-ubyte.gz``, at 32 px."""
    game = _by_path(
        "stacked-mnist", "three of MNIST's digits as the channels of one image of 32 px", StackedMnist(path)
    )
    return replace(
        game,
        run=lambda *settings: replace(game.run(*settings), eval_samples=26_000),
        steps={"smoke": 2, "small": 2000, "paper": 30_000},
        metric="kl-mnist@26000",
    )


def _by_path(name: str, images: str, data: Source) -> Game:
    return Game(
        name=name,
        setting=f"{images}, DCGAN of width 16 without norm, WGAN-GP (weight 10), batch 64",
        run=lambda rule, lr, steps, seed: _images_run(data, 64, rule, lr, steps, seed),
        metric="fd-pixels8@2500",
        steps=_IMAGE_STEPS,
        centres=_PATH_CENTRES,
        chosen=_PATH_CENTRES,
    )


BY_PATH = {"cifar10": cifar10, "cifar10-resnet": cifar10_resnet, "mnist": mnist, "photographs": photographs}
