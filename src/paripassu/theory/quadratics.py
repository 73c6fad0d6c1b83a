r"""Noisy quadratics: what does a rule converge to, when each gradient carries noise?

One player minimizes

.. math:: E\, \tfrac12 \lVert θ - X \rVert^2

and sees the gradient θ - X̄ at each step, where X̄ is the mean of a fresh batch. With learning rates that stay
away from zero no rule of this package converges. θ keeps moving around a fixed point, at a distance whose
square is of the order of the rate (Dereich, Graeber & Jentzen 2024, arXiv:2407.08100, for Adam and its
relatives; classical for SGD). Which point that is depends on the rule:

- SGD, with or without momentum: the mean of X;
- the sign of the gradient, which is NSGD in one dimension: the median;
- NSGD with batches of one: the geometric median, the zero of E[(θ - X)/‖θ - X‖];
- RMSprop and Adam: between median and mean, the closer to the mean the longer their memory of squares.

Three statistics show it. `no_limit_statistic` is E‖θ_2n - θ_n‖, which goes to 0 if θ converges. The mean of
``Trajectories.lengths`` is E‖θ_{n+1} - θ_n‖. `stationary_moments` are the mean and variance around which θ
settles.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from paripassu.sizes import check_sizes
from paripassu.theory.problem import Array, Data, Problem, Weights
from paripassu.theory.recording import Trajectories


class Law(Protocol):
    """A distribution of X, independent in each coordinate."""

    @property
    def mean(self) -> float:
        """Of one coordinate."""
        ...

    @property
    def variance(self) -> float:
        """Of one coordinate."""
        ...

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Independent draws, float64."""
        ...


@dataclass(frozen=True)
class Normal:
    """N(``mean``, ``sigma``²).

    Raises:
        ValueError: ``sigma`` is not finite and > 0, or ``mean`` not finite.

    Example:
        >>> from paripassu.theory import Normal
        >>> Normal(sigma=3.0).variance
        9.0
    """

    mean: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and 0.0 < self.sigma < math.inf):
            raise ValueError(f"mean must be finite and sigma > 0, got {self.mean} and {self.sigma}")

    @property
    def variance(self) -> float:
        """``sigma`` squared."""
        return self.sigma**2

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Independent draws, float64."""
        return self.mean + self.sigma * rng.standard_normal(shape)


@dataclass(frozen=True)
class TwoPoint:
    """``high`` with probability ``p``, else ``low``.

    Raises:
        ValueError: not ``low < high``, both finite, or ``p`` is not in (0, 1).

    Example:
        >>> from paripassu.theory import TwoPoint
        >>> TwoPoint().variance, TwoPoint(0.0, 1.0, p=0.3).mean
        (1.0, 0.3)
    """

    low: float = -1.0
    high: float = 1.0
    p: float = 0.5

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"low must be below high, both finite, got {self.low} and {self.high}")
        if not 0.0 < self.p < 1.0:
            raise ValueError(f"p must be in (0, 1), got {self.p}")

    @property
    def mean(self) -> float:
        """``low + p (high - low)``."""
        return self.low + self.p * (self.high - self.low)

    @property
    def variance(self) -> float:
        """``p (1 - p) (high - low)²``."""
        return self.p * (1 - self.p) * (self.high - self.low) ** 2

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Independent draws, float64."""
        return np.where(rng.random(shape) < self.p, self.high, self.low)


@dataclass(frozen=True)
class NoisyQuadratic(Problem):
    """``E ½‖θ - X‖²`` for one player with a fresh batch at each step.

    Args:
        law: of each coordinate of X, which are independent.
        d: dimension, >= 1.
        batch: independent copies of X whose mean a step sees, >= 1.
        initial: every coordinate of the first θ.

    Raises:
        ValueError: a setting out of its range.

    Example:
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import NoisyQuadratic, TwoPoint, play
        >>> coin = NoisyQuadratic(TwoPoint(0.0, 1.0, p=0.3))
        >>> paths = play(coin, SGD(), lr=0.1, steps=200, seeds=range(500), record=[200])
        >>> float(paths.observed["theta"].mean().round(1))
        0.3
    """

    law: Law = field(default_factory=Normal)
    d: int = 1
    batch: int = 1
    initial: float = 0.0
    players = ("theta",)

    def __post_init__(self) -> None:
        check_sizes(1, d=self.d, batch=self.batch)
        if not math.isfinite(self.initial):
            raise ValueError(f"initial must be finite, got {self.initial}")

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """``[d]``, each coordinate ``initial``."""
        del rng
        return {"theta": [np.full(self.d, self.initial)]}

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """``X [steps, d]``, means of batches."""
        return {"X": self.law.sample(rng, (steps, self.batch, self.d)).mean(axis=1)}

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``½‖θ - X̄‖²``, whose gradient is that of the batch's mean loss."""
        return {"theta": (weights["theta"][0] - data["X"]).square().sum() / 2}

    def gradients(self, weights: Weights, data: Data, players: Sequence[str]) -> Weights:
        """``θ - X̄``."""
        return {player: (weights[player][0] - data["X"],) for player in players}


def no_limit_statistic(paths: Trajectories, name: str = "theta") -> tuple[NDArray[np.int64], Array]:
    """``E‖θ_2n - θ_n‖`` over the runs, for every recorded n > 0 whose double is recorded.

    It goes to 0 if θ converges in mean to any limit, even a random one. So a floor above 0 means that θ does
    not converge.

    Args:
        paths: of runs that have not diverged, of the same learning rate.
        name: what to take for θ among ``paths.observed``.

    Returns:
        The steps n ``[K]``, and the statistic ``[K]`` in units of θ.

    Raises:
        ValueError: no step is recorded together with its double.

    Example:
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import NoisyQuadratic, inverse, no_limit_statistic, play
        >>> settings = dict(lr=1.0, steps=512, seeds=range(100), record=[2, 4, 256, 512])
        >>> steps, gap = no_limit_statistic(play(NoisyQuadratic(), SGD(), schedule=inverse, **settings))
        >>> steps.tolist(), bool(gap[1] < gap[0] / 5)  # rates of 1/n: it converges
        ([2, 256], True)
    """
    column = {int(step): n for n, step in enumerate(paths.steps) if step > 0}
    steps = [step for step in column if 2 * step in column]
    if not steps:
        raise ValueError(f"no step n > 0 is recorded together with 2n, got {paths.steps.tolist()}")
    values = paths.observed[name]
    gaps = values[:, [column[2 * n] for n in steps]] - values[:, [column[n] for n in steps]]
    lengths = np.sqrt(np.square(gaps).reshape(*gaps.shape[:2], -1).sum(axis=2))
    return np.array(steps), lengths.mean(axis=0)


def stationary_moments(paths: Trajectories, after: int, name: str = "theta") -> tuple[Array, Array]:
    """Mean and variance of θ over all runs and all records from step ``after`` on.

    Args:
        paths: of runs that have not diverged, of the same learning rate.
        after: first step that counts; earlier ones still depend on the start.
        name: what to take for θ among ``paths.observed``.

    Returns:
        Two arrays of θ's shape, in units of θ and of its square.

    Raises:
        ValueError: nothing is recorded from step ``after`` on.

    Example:
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import NoisyQuadratic, play, stationary_moments
        >>> settings = dict(lr=0.5, steps=200, seeds=range(200), record=range(20, 201, 5))
        >>> mean, variance = stationary_moments(play(NoisyQuadratic(), SGD(), **settings), after=20)
        >>> variance.round(1)  # lr / (2 - lr) = 0.333
        array([0.3])
    """
    counts = paths.steps >= after
    if not counts.any():
        raise ValueError(f"nothing is recorded from step {after} on, got {paths.steps.tolist()}")
    values = paths.observed[name][:, counts]
    return values.mean(axis=(0, 1)), values.var(axis=(0, 1))


def average_variance(lr: float, steps: int) -> float:
    r"""Variance of the average (θ₁ + ... + θ_n)/n of SGD's path, in units of the variance of X.

    It falls like 1/n at a constant rate, at which θ does not converge. From θ₀ = E X and with r = 1 - ``lr``,

    .. math:: \frac{1}{n^2} \sum_{m \le n} (1 - r^m)^2.

    Args:
        lr: learning rate in (0, 2).
        steps: n >= 1.

    Raises:
        ValueError: a setting out of its range.

    Source: Polyak & Juditsky 1992, SIAM J. Control Optim. 30(4), for the averaging; the sum is elementary.

    Example:
        >>> from paripassu.theory import average_variance
        >>> average_variance(0.5, steps=1), round(1000 * average_variance(0.5, steps=1000), 3)
        (0.25, 0.998)
    """
    if not (0 < lr < 2 and steps >= 1):
        raise ValueError(f"lr must be in (0, 2) and steps >= 1, got {lr} and {steps}")
    return float(np.square(1 - (1 - lr) ** np.arange(1, steps + 1)).sum()) / steps**2
