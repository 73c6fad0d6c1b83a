"""Games of a few numbers, for whose learning dynamics closed forms are known.

Each is a function of both players' numbers that returns both losses, and a `Problem` made of it. Each player
minimizes its own loss.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn.functional import softplus

from paripassu.sizes import check_sizes
from paripassu.theory.problem import Array, Data, Problem, Weights


def bilinear(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """``min_x max_y <x, y>``: losses of x and of y.

    Simultaneous SGDA multiplies ``|x|^2 + |y|^2`` by ``1 + lr^2`` each step.

    Example:
        >>> import torch
        >>> from paripassu.theory import bilinear
        >>> bilinear(torch.tensor([2.0]), torch.tensor([3.0]))
        (tensor(6.), tensor(-6.))
    """
    value = (x * y).sum()
    return value, -value


def dirac_gan(theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
    """The Dirac-GAN: losses of the generator ``theta`` and of the discriminator ``psi``, both ``[]``.

    Data is a point at 0, the generator's is at ``theta``, the logit is ``psi * x``, the loss saturating:
    unregularized gradient methods circle around the equilibrium (0, 0) or leave it.

    Source: Mescheder et al. 2018, arXiv:1801.04406, Def. 2.1.

    Example:
        >>> import torch
        >>> from paripassu.theory import dirac_gan
        >>> dirac_gan(torch.tensor(0.0), torch.tensor(0.0))  # minus log 2 and 2 log 2
        (tensor(-0.6931), tensor(1.3863))
    """
    fake = psi * theta
    return -softplus(fake), softplus(-psi * 0.0) + softplus(fake)


@dataclass(frozen=True)
class Bilinear(Problem):
    """The game `bilinear`, from standard normal starts.

    Args:
        n: numbers of each player, >= 1.

    Raises:
        ValueError: ``n`` < 1.

    Example:
        >>> from paripassu.theory import Bilinear
        >>> Bilinear(n=2).players
        ('x', 'y')
    """

    n: int = 1
    players = ("x", "y")

    def __post_init__(self) -> None:
        check_sizes(1, n=self.n)

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """Standard normal numbers, x first."""
        return {player: [rng.standard_normal(self.n)] for player in self.players}

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``<x, y>`` and its negative."""
        del data
        x, y = bilinear(weights["x"][0], weights["y"][0])
        return {"x": x, "y": y}


@dataclass(frozen=True)
class DiracGAN(Problem):
    """The game `dirac_gan`, from standard normal starts.

    Example:
        >>> from paripassu.theory import DiracGAN
        >>> DiracGAN().players
        ('generator', 'discriminator')
    """

    players = ("generator", "discriminator")

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """One standard normal number a player, the generator's first."""
        return {player: [np.asarray(rng.standard_normal())] for player in self.players}

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """Losses of Mescheder et al."""
        del data
        generator, discriminator = dirac_gan(weights["generator"][0], weights["discriminator"][0])
        return {"generator": generator, "discriminator": discriminator}
