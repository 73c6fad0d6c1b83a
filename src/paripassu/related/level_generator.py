r"""New levels between given ones: a variational autoencoder of levels, and points between two codes.

.. math:: z = \operatorname{slerp}(\mu_a, \mu_b; t) + \left((1 - t)\,s_a + t\,s_b\right) \odot \varepsilon

The autoencoder is fitted to a given set of levels, so that what it makes stays near them. A level is decoded
in order: walls and moss, then the goal where no wall is, then the start elsewhere.

Garcin et al. 2024, arXiv:2402.03479. Paths, the order of decoding, and the bound of 0.955 are as in the
authors' code. Ours: perceptrons of one hidden layer instead of a graph network, on grids of 5 x 5.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from paripassu.related.grids import CELLS, PLANES, Levels
from paripassu.sizes import check_sizes

_PARALLEL = 0.955  # cosine from which on a straight line is taken
_POINTS = 6  # on the way between two levels, both of which are among them


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """A point on the arc from ``a`` to ``b``; on the straight line where their cosine is beyond ±0.955.

    Args:
        a: ``[..., Z]``.
        b: ``[..., Z]``.
        t: ``[..., 1]`` within 0..1; 0 gives ``a``.

    Example:
        >>> import torch
        >>> from paripassu.related.level_generator import slerp
        >>> half = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
        >>> [round(number, 4) for number in half.tolist()]
        [0.7071, 0.7071]
    """
    cosine = torch.cosine_similarity(a, b, dim=-1)[..., None]
    straight = cosine.abs() > _PARALLEL
    angle = torch.acos(torch.where(straight, 0.0, cosine))
    on_arc = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return torch.where(straight, torch.lerp(a, b, t), on_arc)


@dataclass(frozen=True)
class LevelGenerator:
    """Settings of the autoencoder and of its training.

    Args:
        latent: length of a code, >= 1.
        width: of the hidden layers, >= 1.
        steps: of Adam on all levels, >= 1.
        lr: of Adam, > 0.
        weight: of the codes' divergence from the normal law, >= 0.

    Raises:
        ValueError: a setting out of its range.
    """

    latent: int = 16
    width: int = 64
    steps: int = 300
    lr: float = 5e-3
    weight: float = 0.0448

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent, width=self.width, steps=self.steps)
        if not 0 < self.lr < math.inf or not 0 <= self.weight < math.inf:
            raise ValueError(
                f"lr must be finite and > 0 and weight finite and >= 0, got {self.lr} and {self.weight}"
            )

    def fit(self, levels: Levels, seed: int) -> "FittedGenerator":
        """The autoencoder of these levels."""
        draws = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = nn.Sequential(
                nn.Linear(PLANES, self.width), nn.ReLU(), nn.Linear(self.width, 2 * self.latent)
            )
            decoder = nn.Sequential(
                nn.Linear(self.latent, self.width), nn.ReLU(), nn.Linear(self.width, PLANES)
            )
        optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], self.lr)
        fitted = FittedGenerator(encoder, decoder, levels)
        for _ in range(self.steps):
            mean, std = fitted.codes()
            noise = torch.randn(mean.shape, generator=draws)
            divergence = (mean.square() + std.square() - 1).sum() / 2 - std.log().sum()
            rebuilt = log_loss(decoder(mean + std * noise), levels)
            optimizer.zero_grad()
            (rebuilt + self.weight * divergence / len(mean)).backward()
            optimizer.step()
        for half in (encoder, decoder):
            half.requires_grad_(requires_grad=False)
        return fitted


@dataclass(frozen=True)
class FittedGenerator:
    """Both halves of an autoencoder, and the levels that it was fitted to."""

    encoder: nn.Module
    decoder: nn.Module
    levels: Levels

    def codes(self) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of all levels' codes, ``[N, latent]`` each."""
        mean, log_std = self.encoder(planes(self.levels)).chunk(2, dim=1)
        return mean, log_std.clamp(-8, 4).exp()

    def between(self, pairs: int, rng: np.random.Generator) -> Levels:
        """Six levels on the way between each of ``pairs`` random pairs, with both ends.

        Raises:
            ValueError: it was fitted to one level alone.
        """
        count = len(self.levels.goals)
        if count < 2:
            raise ValueError("levels between two need a data set of at least two")
        chosen = np.stack([rng.choice(count, 2, replace=False) for _ in range(pairs)])
        first, last = (torch.from_numpy(column).repeat_interleave(_POINTS) for column in chosen.T)
        t = torch.linspace(0, 1, _POINTS).repeat(pairs)[:, None]
        mean, std = self.codes()
        noise = torch.from_numpy(rng.standard_normal((len(t), mean.shape[1]))).to(mean.dtype)
        z = slerp(mean[first], mean[last], t) + torch.lerp(std[first], std[last], t) * noise
        return decoded(self.decoder(z))


def planes(levels: Levels) -> Tensor:
    """Walls, moss, the goal and the start as 0 and 1, ``[N, 100]``."""
    ends = [one_hot(torch.from_numpy(each), CELLS) for each in (levels.goals, levels.starts)]
    tiles = [torch.from_numpy(each) for each in (levels.walls, levels.moss)]
    return torch.cat([*tiles, *ends], dim=1).float()


def log_loss(logits: Tensor, levels: Levels) -> Tensor:
    """Minus the logarithm of the levels' probability, a mean over levels.

    Args:
        logits: ``[N, 100]``, of each tile by itself, then of the goal's and the start's cell.
        levels: N.
    """
    tiles, goal, start = logits.split([2 * CELLS, CELLS, CELLS], dim=1)
    targets = planes(levels)[:, : 2 * CELLS]
    by_tile = binary_cross_entropy_with_logits(tiles, targets, reduction="sum") / len(targets)
    ends = ((goal, levels.goals), (start, levels.starts))
    return by_tile + sum(cross_entropy(own, torch.from_numpy(at)) for own, at in ends)


def decoded(logits: Tensor) -> Levels:
    """The most probable levels, N of ``[N, 100]``: tiles, then the goal, then the start.

    If all cells are likely walls, the goal and the start are free all the same.
    """
    numbers = logits.detach().double().numpy().reshape(-1, 4, CELLS)
    tiles, (goal, start) = numbers[:, :2] > 0, (numbers[:, n] for n in (2, 3))
    walls, moss = tiles[:, 0].copy(), tiles[:, 1].copy()
    each = np.arange(len(walls))
    # Far below any logit, so that a masked cell is taken only if there is no other.
    goals = np.where(walls, goal - 1e9, goal).argmax(axis=1)
    masked = np.where(walls, start - 1e9, start)
    masked[each, goals] = -np.inf
    starts = masked.argmax(axis=1)
    walls[each, goals] = walls[each, starts] = False
    return Levels(walls, moss, goals, starts)
