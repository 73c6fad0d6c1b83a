"""Penalties on the discriminator's gradient with respect to its input, added to its loss."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.games.draws import Draws
from paripassu.games.second_derivatives import input_gradient

Discriminator = Callable[[Tensor], Tensor]


class Penalty(ABC):
    """A differentiable term of the discriminator's loss.

    `paripassu.games.second_order` makes penalties on gradients cheap.
    """

    @abstractmethod
    def __call__(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws, /) -> Tensor:
        """The weighted penalty ``[]`` of a batch.

        Args:
            discriminator: maps a batch ``[B, ...]`` to logits ``[B]``, each of its own sample only (or, as
                with minibatch statistics, nearly so: the gradient is of the logits' sum).
            real: ``[B, ...]``.
            fake: ``[B, ...]``, detached.
            draws: source of whatever the penalty draws.
        """


@dataclass(frozen=True)
class WganGP(Penalty):
    """Gradient norms of 1 on random lines between real and fake samples.

    Args:
        weight: factor of ``E (|grad D| - 1)^2``, > 0.

    Source: Gulrajani et al. 2017, arXiv:1704.00028, Eq. 3.
    """

    weight: float = 10.0

    def __post_init__(self) -> None:
        check_weight("weight", self.weight)

    def __call__(self, discriminator: Discriminator, real: Tensor, fake: Tensor, draws: Draws, /) -> Tensor:
        """``weight * mean((norm - 1)^2)``."""
        along = draws.uniform((len(real), *[1] * (real.ndim - 1)), real)
        norms = _gradients(discriminator, torch.lerp(real, fake, along)).norm(dim=1)
        return self.weight * (norms - 1).square().mean()


@dataclass(frozen=True)
class R1(Penalty):
    """Small gradients on real samples.

    Args:
        gamma: ``gamma / 2`` is the factor of ``E |grad D(real)|^2``, > 0.

    Source: Mescheder et al. 2018, arXiv:1801.04406, Eq. 9.
    """

    gamma: float = 1.0

    def __post_init__(self) -> None:
        check_weight("gamma", self.gamma)

    def __call__(self, discriminator: Discriminator, real: Tensor, _fake: Tensor, _draws: Draws, /) -> Tensor:
        """``gamma / 2 * mean(norm^2)``."""
        return self.gamma / 2 * _mean_square(discriminator, real)


@dataclass(frozen=True)
class R1R2(Penalty):
    """Small gradients on real and on fake samples.

    Args:
        gamma: ``gamma / 2`` is the factor of ``E |grad D(real)|^2 + E |grad D(fake)|^2``, > 0.

    Source: Mescheder et al. 2018, arXiv:1801.04406, Eqs. 9 and 10; both at once in R3GAN (Huang et al. 2024,
    arXiv:2501.05441).
    """

    gamma: float = 1.0

    def __post_init__(self) -> None:
        check_weight("gamma", self.gamma)

    def __call__(self, discriminator: Discriminator, real: Tensor, fake: Tensor, _draws: Draws, /) -> Tensor:
        """``gamma / 2 * (mean(real norm^2) + mean(fake norm^2))``."""
        return self.gamma / 2 * (_mean_square(discriminator, real) + _mean_square(discriminator, fake))


def _mean_square(discriminator: Discriminator, at: Tensor) -> Tensor:
    return _gradients(discriminator, at).square().sum(dim=1).mean()


def _gradients(discriminator: Discriminator, at: Tensor) -> Tensor:
    # [B, numel]: the sum's gradient holds each sample's own, since logits do not mix samples.
    return input_gradient(discriminator, at).flatten(start_dim=1)


def check_weight(name: str, value: float) -> None:
    """Raise ``ValueError`` unless the weight of a term is finite and > 0."""
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(
            f"{name} must be finite and > 0, got {value}: leave the penalty out instead of weighing it 0"
        )
