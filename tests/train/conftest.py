"""Tiny runs of both kinds of data."""

import pytest

from paripassu.data import Digits, Ring
from paripassu.games import WganGP, wasserstein
from paripassu.models import DCGAN, MLP
from paripassu.rules import SGD, Adam, Graft, Normalize
from paripassu.train import Player, Run

GRAFT = Graft(Adam((0.5, 0.999)), SGD(momentum=0.5))


@pytest.fixture
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


@pytest.fixture
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
