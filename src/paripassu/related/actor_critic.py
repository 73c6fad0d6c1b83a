r"""An actor-critic on small grids: episodes, advantages, its loss, and exact returns.

The policy has no memory, so what it does in all 25 cells of a level is one pass of the network. An episode
begins at the start and ends at the goal, with a reward of 1, or at the horizon without one.

.. math:: A_t = \sum_k (\gamma\lambda)^k \left(r_{t+k} + \gamma V(s_{t+k+1}) - V(s_{t+k})\right),
    \qquad R_t = A_t + V(s_t)

Mnih et al. 2016, arXiv:1602.01783 (the loss); Schulman et al. 2016, arXiv:1506.02438 (the advantages).
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from paripassu.related.grids import CELLS, MOVES, PLANES, Bools, Indices, Levels, next_cells, observations
from paripassu.sizes import check_sizes

Array = NDArray[np.float64]

DISCOUNT, TRACE = 0.95, 0.95
_VALUE_WEIGHT, _ENTROPY_WEIGHT = 0.5, 0.01


class Sight(NamedTuple):
    """What the network makes of every cell.

    Attributes:
        features: of the shared trunk, ``[N, 25, width]``.
        log_policy: logarithms of the moves' probabilities, ``[N, 25, 4]``.
        values: ``[N, 25]``.
    """

    features: Tensor
    log_policy: Tensor
    values: Tensor


class ActorCritic(nn.Module):
    """Two layers that both heads share, and the heads.

    Args:
        width: of the layers, >= 1.
        seed: of the initial weights.

    Raises:
        ValueError: width < 1.
    """

    def __init__(self, width: int = 64, seed: int = 0) -> None:
        super().__init__()
        check_sizes(1, width=width)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.trunk = nn.Sequential(
                nn.Linear(PLANES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
            )
            self.heads = nn.Linear(width, MOVES + 1)

    def forward(self, levels: Levels) -> Sight:
        """Of N levels."""
        features = self.trunk(torch.from_numpy(observations(levels)))
        both = self.heads(features)
        return Sight(features, log_softmax(both[..., :MOVES], dim=-1), both[..., MOVES])


class Episodes(NamedTuple):
    """One episode of each of N levels.

    Attributes:
        cells: where the agent is, ``[N, T]``.
        moves: ``[N, T]``.
        alive: whether the goal was not reached before, ``[N, T]``.
        rewards: ``[N, T]``.
    """

    cells: Indices
    moves: Indices
    alive: Bools
    rewards: Array

    @property
    def returns(self) -> Array:
        """Discounted, of whole episodes, ``[N]``."""
        return self.rewards @ DISCOUNT ** np.arange(self.rewards.shape[1])


def policy_of(sight: Sight) -> Array:
    """Probabilities of the moves, ``[N, 25, 4]``."""
    return sight.log_policy.detach().double().exp().numpy()


def episodes(levels: Levels, policy: Array, horizon: int, rng: np.random.Generator) -> Episodes:
    """One of each level, by a policy ``[N, 25, 4]``, of at most ``horizon`` moves."""
    count = len(levels.goals)
    each, following, upto = np.arange(count), next_cells(levels), policy.cumsum(axis=2)
    drawn = rng.random((horizon, count))
    cells, moves = np.zeros((count, horizon), np.int64), np.zeros((count, horizon), np.int64)
    alive, rewards = np.zeros((count, horizon), bool), np.zeros((count, horizon))
    cell, lives = levels.starts, np.ones(count, bool)
    for step in range(horizon):
        move = (drawn[step][:, None] > upto[each, cell, : MOVES - 1]).sum(axis=1)
        cells[:, step], moves[:, step], alive[:, step] = cell, move, lives
        cell = following[each, cell, move]
        there = lives & (cell == levels.goals)
        rewards[:, step] = there
        lives = lives & ~there
    return Episodes(cells, moves, alive, rewards)


def advantages(played: Episodes, values: Array) -> Array:
    """``A_t`` of each move, ``[N, T]``, 0 after the goal.

    Args:
        played: the episodes.
        values: of every cell, ``[N, 25]``. They count as 0 at the goal and at the horizon.
    """
    each = np.take_along_axis(values, played.cells, axis=1)
    result = np.zeros_like(each)
    ahead = following = np.zeros(len(each))
    for step in reversed(range(each.shape[1])):
        alive = played.alive[:, step]
        error = played.rewards[:, step] + DISCOUNT * following - each[:, step]
        ahead = np.where(alive, error + DISCOUNT * TRACE * ahead, 0.0)
        following = np.where(alive, each[:, step], 0.0)
        result[:, step] = ahead
    return result


def value_losses(played: Episodes, gains: Array) -> Array:
    """Mean of ``|R_t - V_t|`` of each episode, ``[N]``: the score of its level."""
    return np.abs(gains).sum(axis=1) / played.alive.sum(axis=1)


def loss(sight: Sight, played: Episodes, gains: Array) -> Tensor:
    """Of the policy, the values and the policy's entropy, a mean over moves.

    Args:
        sight: of the levels, with gradients.
        played: episodes of these levels.
        gains: `advantages`; the policy's part divides them by their standard deviation.
    """
    level, step = np.nonzero(played.alive)
    cell, own = played.cells[level, step], gains[level, step]
    log_policy, values = sight.log_policy[level, cell], sight.values[level, cell]
    scaled = torch.from_numpy((own - own.mean()) / (own.std() + 1e-8)).to(values.dtype)
    targets = values.detach() + torch.from_numpy(own).to(values.dtype)
    taken = log_policy.gather(1, torch.from_numpy(played.moves[level, step])[:, None])[:, 0]
    entropy = -(log_policy.exp() * log_policy).sum(dim=1).mean()
    squared = (values - targets).square().mean()
    return -(scaled * taken).mean() + _VALUE_WEIGHT * squared - _ENTROPY_WEIGHT * entropy


def expected_returns(levels: Levels, policy: Array, horizon: int) -> Array:
    """Mean discounted return of each level, ``[N]``, exact."""
    count = len(levels.goals)
    following = next_cells(levels)
    at_goal = following == levels.goals[:, None, None]
    flat = following.reshape(count, -1)
    values = np.zeros((count, CELLS))
    for _ in range(horizon):
        ahead = np.take_along_axis(values, flat, axis=1).reshape(following.shape)
        values = (policy * np.where(at_goal, 1.0, DISCOUNT * ahead)).sum(axis=2)
    return values[np.arange(count), levels.starts]
