"""Path length regularisation: steps of one size in style space change images by one amount.

    E (‖J_wᵀ y‖ − a)²,    y ~ N(0, I / R²)

with a the running mean of the norms. Karras et al. 2020, arXiv:1912.04958, Eq. 4 and App. B; each layer has
its own style here, and the squared norm is their mean, as in the authors' code.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from paripassu.games.draws import Draws
from paripassu.games.penalties import check_weight
from paripassu.games.second_derivatives import second_order


class StyleBased(Protocol):
    """A generator that goes through styles; the running mean is saved with it."""

    mean_path_length: Tensor

    def styles(self, z: Tensor) -> Tensor:
        """``[B, latent]`` to styles ``[B, layers, W]``."""
        ...

    def synthesise(self, styles: Tensor) -> Tensor:
        """Styles to images ``[B, C, R, R]``."""
        ...


@dataclass(frozen=True)
class PathLength:
    """A term of the generator's loss.

    Args:
        weight: its factor, > 0.
        decay: share, in (0, 1], by which the running mean moves to each batch's.
    """

    weight: float = 2.0
    decay: float = 0.01

    def __post_init__(self) -> None:
        check_weight("weight", self.weight)
        if not 0.0 < self.decay <= 1.0:
            raise ValueError(f"decay must be in (0, 1], got {self.decay}")

    def __call__(self, network: StyleBased, latents: Tensor, draws: Draws) -> Tensor:
        """The weighted term ``[]`` of a batch; the network's running mean moves.

        Args:
            network: the generator.
            latents: ``[B, latent]``.
            draws: source of the images' random directions.
        """
        styles = network.styles(latents)
        with second_order():
            images = network.synthesise(styles)
        directions = draws.normal(images.shape, images) / math.sqrt(images.shape[2] * images.shape[3])
        (gradient,) = torch.autograd.grad((images * directions).sum(), styles, create_graph=True)
        lengths = gradient.square().sum(dim=2).mean(dim=1).sqrt()
        with torch.no_grad():
            network.mean_path_length.lerp_(draws.average(lengths.mean()), self.decay)
        return self.weight * (lengths - network.mean_path_length).square().mean()
