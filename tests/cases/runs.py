"""Tiny runs: points, digits, digits through styles, digits by class."""

from dataclasses import replace

from paripassu.data import Digits, Labelled, Ring
from paripassu.games import R1R2, PathLength, WganGP, relativistic, wasserstein
from paripassu.models import DCGAN, MLP, StyleGAN2
from paripassu.rules import SGD, Adam, Graft, Normalize
from paripassu.train import Player, Run

GRAFT = Graft(Adam((0.5, 0.999)), SGD(momentum=0.5))


def points() -> Run:
    """A graft with every kind of state against a layer-wise nSGD, on points, with an averaged generator."""
    return Run(
        Ring(),
        MLP(width=16, depth=2),
        generator=Player(GRAFT, 1e-3),
        discriminator=Player(Normalize(SGD(0.9), "layer"), 1e-2, weight_decay=1e-3),
        steps=40,
        batch=32,
        decay="linear",
        ema=0.9,
        eval_samples=100,
        log_every=5,
        probe_every=10,
        shadow=Adam((0.5, 0.999)),
        eval_every=20,
        checkpoint_every=10,
    )


def images() -> Run:
    """WGAN-GP on digits, with two discriminator steps a round."""
    return Run(
        Digits(),
        DCGAN(latent=8, width=4, norm="none"),
        generator=Player(Adam((0.0, 0.9)), 1e-3),
        discriminator=Player(Adam((0.0, 0.9)), 1e-3),
        loss=wasserstein,
        penalty=WganGP(),
        steps=6,
        batch=8,
        n_critic=2,
        eval_samples=50,
        log_every=2,
        probe_every=2,
        eval_every=3,
        checkpoint_every=3,
    )


def conditional() -> Run:
    """The same with labels."""
    return replace(images(), data=Labelled(Digits()))


def styles() -> Run:
    """StyleGAN2 with noise, mixing, every term there is, some of them lazy, and an averaged generator."""
    player = Player(Adam((0.0, 0.99)), 2.5e-3)
    return Run(
        Digits(),
        StyleGAN2(latent=8, width=4, mapping_depth=2, mixing=0.5),
        generator=player,
        discriminator=player,
        loss=relativistic,
        penalty=R1R2(),
        penalty_every=2,
        path_length=PathLength(),
        path_length_every=3,
        steps=12,
        batch=4,
        generator_batches=2,
        ema=0.9,
        eval_samples=10,
        log_every=4,
        probe_every=6,
        eval_every=6,
        checkpoint_every=4,
    )
