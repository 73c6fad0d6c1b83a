"""Published settings as complete runs, which ``paripassu train --recipe NAME`` starts from.

Each number is from the recipe's ``source``; where we differ from it, that says so. All decisions that the
sources leave to their readers (how often to measure, log and save) are ours.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from paripassu.data import Augmented, Digits, Placeholder
from paripassu.games import R1, PathLength, WganGP, hinge, non_saturating, wasserstein
from paripassu.models import DCGAN, SNGAN, StyleGAN2, WganGPResNet
from paripassu.records import Decay
from paripassu.rules import SGD, Adam, Normalize
from paripassu.train import Player, Run


class Recipe(NamedTuple):
    """A run, one sentence about it, and where its numbers are from."""

    about: str
    source: str
    run: Run


_NSGD = Player(Normalize(SGD(), "global"), 0.03)
_RESNET = Player(Adam((0.0, 0.9)), 2e-4)
_DCGAN = Player(Adam((0.5, 0.999)), 2e-4)
_STYLE = Player(Adam((0.0, 0.99), eps=1e-8), 2.5e-3)

_MIMICRY = (
    "Lee & Town 2020, arXiv:2005.02494, and its table of training parameters; their ResNets upsample "
    "bilinearly, ours to the nearest as in Miyato et al. 2018, arXiv:1802.05957"
)
_PYTORCH = "Radford et al. 2016, arXiv:1511.06434, as pytorch/examples, dcgan"
_LAZY = (
    "lazy terms are in the same step as the loss, not in steps of their own, so that neither the rate nor "
    "the betas are corrected for such steps"
)

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


def _sngan(images: str, resolution: int, *, n_critic: int = 5, decay: Decay = "linear") -> Run:
    return _long_run(
        Placeholder(images, resolution),
        SNGAN(),
        generator=_RESNET,
        discriminator=_RESNET,
        loss=hinge,
        steps=100_000,
        n_critic=n_critic,
        decay=decay,
    )


def _dcgan(images: str, resolution: int, steps: int) -> Run:
    return _long_run(
        Placeholder(images, resolution),
        DCGAN(latent=100, width=64),
        generator=_DCGAN,
        discriminator=_DCGAN,
        steps=steps,
    )


_stylegan2 = partial(
    _long_run,
    generator=_STYLE,
    discriminator=_STYLE,
    loss=non_saturating,
    penalty_every=16,
    eval_samples=1_000,
)


RECIPES: Mapping[str, Recipe] = {
    "digits": Recipe(
        "scikit-learn's digits, DCGAN, nSGDA: needs no data and no GPU",
        "ours",
        Run(Digits(), DCGAN(), generator=_NSGD, discriminator=_NSGD),
    ),
    "wgangp-cifar10": Recipe(
        "WGAN-GP ResNet, CIFAR-10, 32 px (Gulrajani et al. 2017; unconditional IS 7.86)",
        "Gulrajani et al. 2017, arXiv:1704.00028, App. F, and its gan_cifar_resnet.py, without its labels",
        _long_run(
            Augmented(Placeholder("CIFAR-10", 32), dequantize=True),
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
        "SNGAN ResNet, CIFAR-10, 32 px (Miyato et al. 2018; FID 16.77 in mimicry)",
        _MIMICRY,
        _sngan("CIFAR-10", 32),
    ),
    "sngan-stl10": Recipe(
        "SNGAN ResNet, STL-10, 48 px (Miyato et al. 2018; FID 39.56 in mimicry)",
        _MIMICRY,
        _sngan("STL-10", 48),
    ),
    "sngan64": Recipe(
        "SNGAN ResNet, CelebA or other images, 64 px (FID 5.71 on CelebA in mimicry)",
        _MIMICRY,
        _sngan("CelebA", 64),
    ),
    "sngan128": Recipe(
        "SNGAN ResNet, CelebA or other images, 128 px (FID 12.93 on CelebA in mimicry)",
        f"{_MIMICRY}; on LSUN's bedrooms with --decay linear (FID 25.87)",
        _sngan("CelebA", 128, n_critic=2, decay="constant"),
    ),
    "dcgan32": Recipe(
        "DCGAN, CIFAR-10 or other images, 32 px: ours, for DCGAN's authors and PyTorch's example have 64 px",
        f"{_PYTORCH}, less its layer at the highest resolution; 25 epochs of CIFAR-10's 50,000 images",
        _dcgan("CIFAR-10", 32, 19_532),
    ),
    "dcgan64": Recipe(
        "DCGAN, CelebA or other images, 64 px (Radford et al. 2016; PyTorch's example)",
        f"{_PYTORCH}; 25 epochs of CelebA's 202,599 images, rounded",
        _dcgan("CelebA", 64, 79_000),
    ),
    "stylegan2-cifar10": Recipe(
        "StyleGAN2, CIFAR-10, 32 px (Karras et al. 2020), unconditional and without augmentation",
        "Karras et al. 2020, arXiv:2006.06676, its settings for CIFAR-10 (100 million images) without its "
        f"augmentation; its average is younger at first, and {_LAZY}",
        _stylegan2(
            Placeholder("CIFAR-10", 32),
            StyleGAN2(fmaps=1.0, mapping_depth=2, mixing=0.0, deviation_group=32, residual=False),
            penalty=R1(0.01),
            steps=1_562_500,
            ema=0.5 ** (64 / 500_000),
        ),
    ),
    "stylegan2-256": Recipe(
        "StyleGAN2, FFHQ, 256 px (Karras et al. 2020); --flip False where mirror images look wrong",
        "Karras et al. 2020, arXiv:1912.04958, at the 256 px size of arXiv:2006.06676 (25 million images); "
        + _LAZY,
        _stylegan2(
            Augmented(Placeholder("FFHQ", 256), flip=True),
            StyleGAN2(deviation_group=8),
            penalty=R1(1.0),
            path_length=PathLength(2.0, 0.01),
            path_length_every=4,
            steps=390_625,
            ema=0.5 ** (64 / 20_000),
        ),
    ),
}
"""The recipes by name."""
