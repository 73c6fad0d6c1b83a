"""Means over seeds, and how sure one can be of them and of what is computed from them.

Percentile bootstrap, seeds resampled within each arm independently (Efron & Tibshirani 1993, ch. 13).
With few seeds it is a little narrow; the number of seeds stands beside every interval.
"""

import math
from collections.abc import Callable, Sequence
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


def bootstrap_interval(statistic: Callable[..., Means], *arms: Sequence[float]) -> Interval:
    """The interval of a statistic of several arms' means.

    Args:
        statistic: of one array of means per arm, elementwise; a resample where it is not a number counts
            on both sides.
        arms: values over seeds, at least one each; seeds are taken as unpaired.

    Raises:
        ValueError: an arm without values.
    """
    if any(not len(arm) for arm in arms):
        raise ValueError("every arm needs at least one value")
    rng = np.random.default_rng(_SEED)
    samples = [np.asarray(arm, dtype=np.float64) for arm in arms]
    means = [rng.choice(arm, (_RESAMPLES, len(arm))).mean(axis=1) for arm in samples]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(*(arm.mean() for arm in samples)))
        resampled = np.asarray(statistic(*means), dtype=np.float64)
    tail = (1 - _LEVEL) / 2
    low = np.quantile(np.nan_to_num(resampled, nan=-math.inf), tail, method="lower")
    high = np.quantile(np.nan_to_num(resampled, nan=math.inf), 1 - tail, method="higher")
    return Interval(value, float(low), float(high))


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, spread and interval of one arm over its seeds.

    Raises:
        ValueError: no values.
    """
    interval = bootstrap_interval(lambda mean: mean, values)
    std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Estimate(list(values), interval.value, std, interval.low, interval.high)
