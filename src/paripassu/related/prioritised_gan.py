r"""A GAN whose discriminator learns from real examples by priority, on a data set with rare modes.

Before each step all real examples are ranked by the discriminator's loss on them, :math:`-\log D(x)`, the
highest first. A real example of the batch is the one at a random rank,

.. math:: P(\operatorname{rank} = i) = (1 - \rho)\,\frac{i^{-1/T}}{\sum_j j^{-1/T}} + \frac{\rho}{N}

It is the sampler of DRED (`paripassu.related.priorities`) with scores that are never old, so that the share
of staleness goes to uniform draws; ρ = 1 draws uniformly. The data are Gaussians on a circle, two of which
are rare. What is drawn more often is also learned as if it were more frequent. So two things are measured
apart: whether rare modes are found, and how far the shares of all modes are from the data's. Ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import leaky_relu, softplus

from paripassu.data import Ring
from paripassu.games import non_saturating
from paripassu.related.priorities import rank_weights
from paripassu.sizes import check_sizes
from paripassu.theory import Problem, Trajectories
from paripassu.theory.connected import connected, connected_start
from paripassu.theory.problem import Array, Data, Weights

_RING = Ring(std=0.2)
_NEAR = 3.0  # standard deviations from a centre, within which a sample is of its mode


class Shares(NamedTuple):
    """How a generator's samples fall on the modes, each ``[R]``.

    Attributes:
        distance: total variation between its shares of modes and the data's; strays are of no mode.
        rare: its share of rare modes over the data's.
        captured: modes with at least one sample.
        good: share of samples within three standard deviations of a centre.
    """

    distance: Array
    rare: Array
    captured: Array
    good: Array


@dataclass(frozen=True)
class PrioritisedGan(Problem):
    """Two perceptrons in the non-saturating game, on real examples that are drawn by rank.

    Args:
        ring: the modes, at least three.
        rarity: share of each of two opposite modes, > 0 and at most that of a mode among equals.
        examples: in the data set, >= 1.
        temperature: T, > 0.
        uniform: ρ, within 0..1.
        batch: >= 1.
        latent: length of z, >= 1.
        width: of two hidden layers, >= 1.

    Raises:
        ValueError: a setting out of its range.
    """

    ring: Ring = _RING
    rarity: float = 0.02
    examples: int = 256
    temperature: float = 1.0
    uniform: float = 0.3
    batch: int = 64
    latent: int = 4
    width: int = 32

    players = ("discriminator", "generator")

    def __post_init__(self) -> None:
        if self.ring.modes < 3:
            raise ValueError(f"ring must have at least 3 modes, got {self.ring.modes}")
        if not 0 < self.rarity <= 1 / self.ring.modes:
            raise ValueError(f"rarity must be > 0 and at most 1/{self.ring.modes}, got {self.rarity}")
        check_sizes(1, examples=self.examples, batch=self.batch, latent=self.latent, width=self.width)
        if not self.temperature > 0:
            raise ValueError(f"temperature must be > 0, got {self.temperature}")
        if not 0 <= self.uniform <= 1:
            raise ValueError(f"uniform must be within 0..1, got {self.uniform}")

    @property
    def rare(self) -> list[int]:
        """The rare modes."""
        return [0, self.ring.modes // 2]

    @property
    def shares(self) -> Array:
        """Of all modes in the data, ``[K]``."""
        modes = self.ring.modes
        shares = np.full(modes, (1 - 2 * self.rarity) / (modes - 2))
        shares[self.rare] = self.rarity
        return shares

    @property
    def by_rank(self) -> Array:
        """Probability of every rank, ``[examples]``."""
        ranked = rank_weights(-np.arange(self.examples), self.temperature)
        return (1 - self.uniform) * ranked + self.uniform / self.examples

    def start(self, rng: np.random.Generator) -> Mapping[str, Sequence[Array]]:
        """He's weights and zero biases."""
        return {
            "discriminator": connected_start(rng, [2, self.width, self.width, 1]),
            "generator": connected_start(rng, [self.latent, self.width, self.width, 2]),
        }

    def run_data(self, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
        """The real examples ``[examples, 2]``, with as many of each mode as its share says."""
        upto = np.cumsum(self.shares) * self.examples
        modes = (np.arange(self.examples)[:, None] + 0.5 > upto).sum(axis=1).clip(max=self.ring.modes - 1)
        centres = self.ring.centres().double().numpy()
        return {"real": centres[modes] + self.ring.std * rng.standard_normal((self.examples, 2))}

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """Ranks of the real examples of a step, ``[steps, batch]``, and ``z``."""
        return {
            "ranks": rng.choice(self.examples, (steps, self.batch), p=self.by_rank),
            "z": rng.standard_normal((steps, self.batch, self.latent)),
        }

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """Both, on the examples at the step's ranks."""
        real = data["real"]
        order = softplus(-_network(weights["discriminator"], real)[:, 0]).detach().argsort(descending=True)
        fake = _network(weights["generator"], data["z"])
        on_real, on_fake = (
            _network(weights["discriminator"], each)[:, 0] for each in (real[order[data["ranks"]]], fake)
        )
        return {
            "discriminator": non_saturating.discriminator(on_real, on_fake),
            "generator": non_saturating.generator(on_fake),
        }

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``top``, the share of rare modes among the eighth of examples with the highest loss."""
        scores = softplus(-_network(weights["discriminator"], data["real"])[:, 0])
        top = data["real"][scores.argsort(descending=True)[: max(1, self.examples // 8)]]
        centres = self.ring.centres().double()[self.rare]
        near = (top[:, None] - centres).norm(dim=2).amin(dim=1) <= _NEAR * self.ring.std
        return {"top": near.double().mean()}

    def quality(self, paths: Trajectories, count: int = 4000) -> Shares:
        """Of ``count`` samples of each run's final generator; NaN for a run that diverged."""
        values = np.full((4, len(paths.seeds)), np.nan)
        rng = torch.Generator().manual_seed(0)
        z = torch.randn((count, self.latent), generator=rng, dtype=torch.float64)
        for run in np.flatnonzero(np.isinf(paths.diverged_at)):
            own = [torch.from_numpy(tensor[run]) for tensor in paths.weights["generator"]]
            values[:, run] = self.shares_of(_network(own, z))
        return Shares(*values)

    def shares_of(self, samples: Tensor) -> tuple[float, float, float, float]:
        """The four numbers of `Shares`, of samples ``[N, 2]``."""
        nearest = (samples.double()[:, None] - self.ring.centres().double()).norm(dim=2).min(dim=1)
        good = nearest.values <= _NEAR * self.ring.std
        own = torch.bincount(nearest.indices[good], minlength=self.ring.modes).numpy() / len(samples)
        strays = 1 - own.sum()
        distance = (np.abs(own - self.shares).sum() + strays) / 2
        rare = own[self.rare].sum() / self.shares[self.rare].sum()
        return float(distance), float(rare), float((own > 0).sum()), float(1 - strays)


def _network(own: Sequence[Tensor], x: Tensor) -> Tensor:
    """``[B, outputs]`` of three layers at ``[B, inputs]``."""
    return connected(own, x, partial(leaky_relu, negative_slope=0.2))
