"""Means over seeds, and how sure one can be of them and of what is computed from them.

Percentile bootstrap, seeds resampled within each arm independently (Efron & Tibshirani 1993, ch. 13).
With few seeds it is a little narrow; the number of seeds stands beside every interval.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paripassu.records import Estimate

Means = NDArray[np.float64]

_LEVEL = 0.95
_RESAMPLES = 10_000
_SEED = 0  # a result is a function of its values: the same records give the same page


class Interval(NamedTuple):
    """A statistic of some arms' means with its bootstrap 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def bootstrap_interval(
    statistic: Callable[..., Means], *arms: Sequence[float], centre: Callable[..., Means] = np.mean
) -> Interval:
    """The interval of a statistic of several arms' means, or of another ``centre`` of each.

    Args:
        statistic: of one array of means per arm, elementwise; a resample where it is not a number counts
            on both sides.
        arms: values over seeds, at least one each; seeds are taken as unpaired.
        centre: of an array along an ``axis``, as `numpy.mean` and `numpy.median`.

    Raises:
        ValueError: an arm without values.
    """
    if any(not len(arm) for arm in arms):
        raise ValueError("every arm needs at least one value")
    rng = np.random.default_rng(_SEED)
    samples = [np.asarray(arm, dtype=np.float64) for arm in arms]
    means = [centre(rng.choice(arm, (_RESAMPLES, len(arm))), axis=1) for arm in samples]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(*(centre(arm, axis=0) for arm in samples)))
        resampled = np.asarray(statistic(*means), dtype=np.float64)
    tail = (1 - _LEVEL) / 2
    low = np.quantile(np.nan_to_num(resampled, nan=-math.inf), tail, method="lower")
    high = np.quantile(np.nan_to_num(resampled, nan=math.inf), 1 - tail, method="higher")
    return Interval(value, float(low), float(high))


def wilson(hits: int, runs: int) -> Interval:
    """A share with its 95 % interval, Wilson's (1927) without continuity correction.

    Args:
        hits: of ``runs``.
        runs: at least one.
    """
    z = NormalDist().inv_cdf(0.5 + _LEVEL / 2)
    centre = (hits + z * z / 2) / (runs + z * z)
    half = z / (runs + z * z) * math.sqrt(hits * (runs - hits) / runs + z * z / 4)
    return Interval(hits / runs, max(0.0, centre - half), min(1.0, centre + half))


def difference(one: Interval, other: Interval) -> Interval:
    """``one`` minus ``other``, independent of it, with an interval made of theirs.

    Newcombe 1998, Statistics in Medicine 17, 873-890, method 10, for shares; for any intervals Zou & Donner
    2008, Statistics in Medicine 27, 1693-1702.
    """
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Interval(value, value - below, value + above)


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, spread and interval of one arm over its seeds.

    Raises:
        ValueError: no values.
    """
    interval = bootstrap_interval(lambda mean: mean, values)
    std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Estimate(list(values), interval.value, std, interval.low, interval.high)
