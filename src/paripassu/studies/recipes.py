"""Published settings as complete runs: what ``paripassu train --recipe NAME`` starts from.

Each number is from the named source; where we differ from it, the recipe says so. All decisions that the
sources leave to their readers (how often to measure, log and save) are ours.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from paripassu.data import Augmented, Digits, Wanted
from paripassu.games import R1, PathLength, WganGP, hinge, non_saturating, wasserstein
from paripassu.models import DCGAN, SNGAN, StyleGAN2, WganGPResNet
from paripassu.rules import SGD, Adam, Normalize
from paripassu.train import Player, Run


class Recipe(NamedTuple):
    """A run and one sentence about it."""

    about: str
    run: Run


_NSGD = Player(Normalize(SGD(), "global"), 0.03)
_RESNET = Player(Adam((0.0, 0.9)), 2e-4)
_DCGAN = Player(Adam((0.5, 0.999)), 2e-4)
_STYLE = Player(Adam((0.0, 0.99), eps=1e-8), 2.5e-3)


# Every source's batch is 64; the rest is how often we look.
_long_run = partial(
    Run,
    batch=64,
    eval_samples=5_000,
    eval_every=5_000,
    checkpoint_every=1_000,
    log_every=100,
    probe_every=100,
)


def _sngan(images: str, resolution: int) -> Run:
    # Lee & Town 2020, arXiv:2005.02494, whose ResNets upsample bilinearly; ours do as SNGAN's authors'.
    return _long_run(
        Wanted(images, resolution),
        SNGAN(),
        generator=_RESNET,
        discriminator=_RESNET,
        loss=hinge,
        steps=100_000,
        n_critic=5,
        decay="linear",
    )


RECIPES: Mapping[str, Recipe] = {
    "digits": Recipe(
        "scikit-learn's digits, DCGAN, nSGDA: needs no data and no GPU",
        Run(Digits(), DCGAN(), generator=_NSGD, discriminator=_NSGD),
    ),
    # Gulrajani et al. 2017, arXiv:1704.00028, App. F and gan_cifar_resnet.py, without its labels.
    "wgangp-cifar10": Recipe(
        "WGAN-GP ResNet, CIFAR-10, 32 px (Gulrajani et al. 2017; unconditional IS 7.86)",
        _long_run(
            Augmented(Wanted("CIFAR-10", 32), dequantize=True),
            WganGPResNet(),
            generator=_RESNET,
            discriminator=_RESNET,
            loss=wasserstein,
            penalty=WganGP(10.0),
            steps=100_000,
            generator_batches=2,
            n_critic=5,
            decay="linear",
        ),
    ),
    "sngan-cifar10": Recipe(
        "SNGAN ResNet, CIFAR-10, 32 px (Miyato et al. 2018; FID 16.77 in mimicry)", _sngan("CIFAR-10", 32)
    ),
    "sngan-stl10": Recipe(
        "SNGAN ResNet, STL-10, 48 px (Miyato et al. 2018; FID 39.56 in mimicry)", _sngan("STL-10", 48)
    ),
    # pytorch/examples, dcgan; 25 epochs of CelebA's 202,599 images.
    "dcgan64": Recipe(
        "DCGAN, CelebA or other images, 64 px (Radford et al. 2016; PyTorch's example)",
        _long_run(
            Wanted("CelebA", 64),
            DCGAN(latent=100, width=64),
            generator=_DCGAN,
            discriminator=_DCGAN,
            steps=79_000,
        ),
    ),
    # Karras et al. 2020, arXiv:1912.04958, at the 256 px size of arXiv:2006.06676, for 25 million images.
    # Lazy terms are in the same step as the loss, not in steps of their own, so that neither the rate nor the
    # betas are corrected for such steps.
    "stylegan2-256": Recipe(
        "StyleGAN2, FFHQ, 256 px (Karras et al. 2020); --flip False where mirror images look wrong",
        _long_run(
            Augmented(Wanted("FFHQ", 256), flip=True),
            StyleGAN2(),
            generator=_STYLE,
            discriminator=_STYLE,
            loss=non_saturating,
            penalty=R1(1.0),
            penalty_every=16,
            path_length=PathLength(2.0, 0.01),
            path_length_every=4,
            steps=390_625,
            ema=0.5 ** (64 / 20_000),
            eval_samples=1_000,
        ),
    ),
}
