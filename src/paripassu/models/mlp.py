"""Multilayer perceptrons: for points in the plane, and the least that one can do on small images."""

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from paripassu.models.architecture import Architecture, Pair
from paripassu.sizes import check_sizes


@dataclass(frozen=True)
class MLP(Architecture):
    """Leaky ReLU networks, the same for both players; torch's default initialisation.

    Args:
        latent: length of z, >= 1.
        width: of each hidden layer, >= 1.
        depth: hidden layers, >= 1.
    """

    latent: int = 2
    width: int = 128
    depth: int = 3

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent, width=self.width, depth=self.depth)

    @property
    def name(self) -> str:
        """``"mlp"``."""
        return "mlp"

    @property
    def has_channels(self) -> bool:
        """Never: images are flattened."""
        return False

    def build(self, shape: tuple[int, ...]) -> Pair:
        """Networks for any shape; images are flattened and end in tanh."""
        size = math.prod(shape)
        hidden = [self.width] * self.depth
        tail = [nn.Unflatten(1, shape), nn.Tanh()] if len(shape) > 1 else []
        return Pair(
            nn.Sequential(*_layers([self.latent, *hidden, size]), *tail),
            nn.Sequential(nn.Flatten(), *_layers([size, *hidden, 1]), nn.Flatten(0)),
        )


def _layers(sizes: list[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2)]
    return layers[:-1]
