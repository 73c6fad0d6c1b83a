r"""Means over seeds, and 95 % intervals of them and of statistics of several means.

Intervals are percentile bootstraps over seeds (Efron & Tibshirani 1993, ch. 13). Seeds are resampled within
each arm independently, or for all arms together where runs of one seed belong together.

A plain percentile interval of few values is too narrow: of 8 normal ones it holds the mean 88 % of the time.
So its level is raised until the interval of a mean is as wide as Student's t of n values would be: the share
in each tail is (Hesterberg 2015, arXiv:1411.5279, section 5.3)

.. math:: \Phi\left( - \sqrt{n / (n - 1)} \; t_{0.975, n - 1} \right).

Fewer than 5 values have too few resamples for that, and no interval: it is boundless on both sides.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paripassu.evidence.student import t_quantile
from paripassu.records import Estimate, span

Means = NDArray[np.float64]

_LEVEL = 0.95
RESAMPLES = 10_000
FEWEST = 5
"""Values, such as seeds or trials, that have an interval."""
_SEED = 0  # the same records give the same page


class Interval(NamedTuple):
    """A statistic of some arms' means with its bootstrap 95 % interval, boundless if values are too few."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "unknown"
        return f"{self.value:.3g} [{span(self.low, self.high)}]"


def bootstrap_interval(
    statistic: Callable[..., Means],
    *arms: Sequence[float],
    centre: Callable[..., Means] = np.mean,
    paired: bool = False,
    level: float = _LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """The interval of a statistic of several arms' means, or of another ``centre`` of each.

    Args:
        statistic: of one array of means per arm, elementwise. A resample where it is not a number counts
            on both sides.
        arms: values over seeds, at least one each; with fewer than `FEWEST` of one the interval is boundless.
        centre: of an array along an ``axis``, as `numpy.mean` and `numpy.median`.
        paired: whether values at one place belong to one seed in every arm, and are resampled together.
        level: of the interval, in (0, 1).
        resamples: number of bootstrap resamples.

    Raises:
        ValueError: an arm without values, or paired arms of unequal length.

    Example:
        >>> longer, shorter = [3.0, 3.2, 3.1, 3.3, 2.9], [1.0, 1.1, 0.9, 1.2, 0.8]
        >>> str(bootstrap_interval(lambda a, b: a - b, longer, shorter))
        '2.1 [1.84, 2.38]'
    """
    if any(not len(arm) for arm in arms):
        raise ValueError("every arm needs at least one value")
    samples = [np.asarray(arm, dtype=np.float64) for arm in arms]
    if paired:
        if len({len(arm) for arm in samples}) > 1:
            raise ValueError("arms are paired by seed, so each needs as many values as the others")
        places = resampled_indices(len(samples[0]), resamples)
        means = [centre(arm[places], axis=1) for arm in samples]
    else:
        rng = np.random.default_rng(_SEED)
        means = [centre(rng.choice(arm, (resamples, len(arm))), axis=1) for arm in samples]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(*(centre(arm, axis=0) for arm in samples)))
        resampled = np.asarray(statistic(*means), dtype=np.float64)
    return interval_of(value, resampled, min(map(len, samples)), level)


def resampled_indices(count: int, resamples: int = RESAMPLES) -> NDArray[np.int64]:
    """``[resamples, count]``: places drawn with replacement, the same at every call."""
    return np.random.default_rng(_SEED).integers(0, count, (resamples, count))


def interval_of(value: float, resampled: Means, count: int, level: float = _LEVEL) -> Interval:
    """A value with the interval of its resamples; one that is no number counts on both sides.

    Args:
        value: the statistic itself.
        resampled: the statistic of each resample.
        count: how many values were resampled; of the smallest arm, if arms were resampled independently.
        level: of the interval, in (0, 1).
    """
    if count < FEWEST:
        return Interval(value, -math.inf, math.inf)
    tail = NormalDist().cdf(-math.sqrt(count / (count - 1)) * t_quantile(count - 1, level))
    is_none = np.isnan(resampled)
    low = np.quantile(np.where(is_none, -math.inf, resampled), tail, method="lower")
    high = np.quantile(np.where(is_none, math.inf, resampled), 1 - tail, method="higher")
    return Interval(value, float(low), float(high))


def wilson(hits: int, runs: int, level: float = _LEVEL) -> Interval:
    """A share with its interval, Wilson's (1927) without continuity correction.

    Args:
        hits: of ``runs``.
        runs: at least one.
        level: of the interval, in (0, 1).

    Example:
        >>> str(wilson(8, 32))
        '0.25 [0.133, 0.421]'
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (hits + z * z / 2) / (runs + z * z)
    half = z / (runs + z * z) * math.sqrt(hits * (runs - hits) / runs + z * z / 4)
    # Of no hits the lower end is 0, and of hits alone the upper one 1. Rounding would miss them.
    return Interval(hits / runs, centre - half if hits else 0.0, centre + half if hits < runs else 1.0)


def difference(one: Interval, other: Interval) -> Interval:
    """``one`` minus ``other``, which are independent, with an interval made of both intervals.

    Source: for shares, Newcombe 1998, Statistics in Medicine 17, 873-890, method 10. For any intervals, Zou &
    Donner 2008, Statistics in Medicine 27, 1693-1702.

    Example:
        >>> str(difference(wilson(56, 70), wilson(48, 80)))
        '0.2 [0.0524, 0.334]'
    """
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Interval(value, value - below, value + above)


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, standard deviation and interval of one arm over its seeds.

    Raises:
        ValueError: no values.

    Example:
        >>> estimate([1.0, 2.0, 3.0]).mean
        2.0
    """
    interval = bootstrap_interval(lambda mean: mean, values)
    std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Estimate(list(values), interval.value, std, interval.low, interval.high)
