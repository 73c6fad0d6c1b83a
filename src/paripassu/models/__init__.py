"""Architectures: a generator and a discriminator together, for they are tuned as a pair."""

from paripassu.models.architecture import Architecture, Pair
from paripassu.models.dcgan import DCGAN
from paripassu.models.mlp import MLP

__all__ = ["DCGAN", "MLP", "Architecture", "Pair"]
