"""Architectures: a generator and a discriminator together, for they are tuned as a pair."""

from paripassu.models.architecture import Architecture, Pair
from paripassu.models.conditional import (
    BesideLatent,
    Chain,
    ConditionalBatchNorm,
    Projection,
    TakesLabels,
    given,
)
from paripassu.models.dcgan import DCGAN
from paripassu.models.function import FromFunction
from paripassu.models.latent import Autoencoder, Coder
from paripassu.models.mlp import MLP
from paripassu.models.sngan import SNGAN
from paripassu.models.stylegan2 import StyleGAN2
from paripassu.models.wgangp_resnet import WganGPResNet

__all__ = [
    "DCGAN",
    "MLP",
    "SNGAN",
    "Architecture",
    "Autoencoder",
    "BesideLatent",
    "Chain",
    "Coder",
    "ConditionalBatchNorm",
    "FromFunction",
    "Pair",
    "Projection",
    "StyleGAN2",
    "TakesLabels",
    "WganGPResNet",
    "given",
]
