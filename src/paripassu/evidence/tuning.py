r"""How easily an arm is tuned: the best result that a person can expect after n trials.

With N trials of scores :math:`v_{(1)} \le \dots \le v_{(N)}`, the expected best of n of them, drawn with
replacement, is (Dodge et al. 2019, arXiv:1909.03004)

.. math:: E_n = \sum_i v_{(i)} \left[ (i/N)^n - ((i-1)/N)^n \right].

The *ease* of an arm is the mean of :math:`E_1, \dots, E_N`: what a person can expect whose budget is as
likely to be one trial as any other number up to N.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paripassu.evidence.intervals import RESAMPLES, Interval, interval_of, resampled_indices

Scores = NDArray[np.float64]


def expected_best(scores: Sequence[float]) -> list[float]:
    """The expected best score after 1, 2, ... and all trials.

    Args:
        scores: one a trial, finite, higher is better; at least one.

    Example:
        >>> expected_best([0.0, 1.0])
        [0.5, 0.75]
    """
    return (_weights(len(scores)) @ np.sort(np.asarray(scores, dtype=np.float64))).tolist()


def expected_best_intervals(scores: Sequence[float], *, resamples: int = RESAMPLES) -> list[Interval]:
    """As `expected_best`, with bootstrap 95 % intervals over trials."""
    values = np.asarray(scores, dtype=np.float64)
    drawn = np.sort(values[resampled_indices(len(values), resamples)], axis=1) @ _weights(len(values)).T
    return [interval_of(value, drawn[:, n], len(values)) for n, value in enumerate(expected_best(scores))]


def ease(scores: Sequence[float], *, resamples: int = RESAMPLES) -> Interval:
    """Mean of the expected best scores after 1 to all trials, with its interval over trials.

    Example:
        >>> str(ease([1.0] * 8))
        '1 [1, 1]'
    """
    values = np.asarray(scores, dtype=np.float64)
    drawn = _ease(values[resampled_indices(len(values), resamples)])
    return interval_of(float(_ease(values[None, :])[0]), drawn, len(values))


def mean_expected_best(scores: Scores, axis: int) -> Scores:
    """The ease of trials along the last axis, as a centre for `bootstrap_interval`.

    Args:
        scores: ``[..., trials]``.
        axis: the last one.

    Example:
        >>> float(mean_expected_best(np.array([0.0, 1.0]), axis=0))
        0.625
    """
    return np.sort(scores, axis=axis) @ _weights(scores.shape[axis]).mean(axis=0)


def ease_lead(
    one: Sequence[float], other: Sequence[float], *, level: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """Difference of two arms' ease, with an interval that resamples trials.

    Trial n of both arms is the same point of the search space. So the two are resampled together.

    Args:
        one: scores of an arm's trials, in their order.
        other: those of the arm whose ease is subtracted; as many.
        level: of the interval.
        resamples: of the bootstrap.

    Raises:
        ValueError: the arms had different numbers of trials.
    """
    if len(one) != len(other):
        raise ValueError(f"arms must have equal numbers of trials, got {len(one)} and {len(other)}")
    values = np.asarray([one, other], dtype=np.float64)
    drawn = values[:, resampled_indices(len(one), resamples)]
    whole = _ease(values)
    return interval_of(float(whole[0] - whole[1]), _ease(drawn[0]) - _ease(drawn[1]), len(one), level)


def share_close_to_best(values: Sequence[float], *, higher: bool, tolerance: float = 0.1) -> float:
    """Share of trials whose metric is within a tenth of the best one, the best one included.

    Args:
        values: of the metric, one a trial, >= 0.
        higher: whether a higher value is better.
        tolerance: as a share of the best value.

    Example:
        >>> share_close_to_best([10.0, 10.9, 30.0, 50.0], higher=False)
        0.5
    """
    best = max(values) * (1 - tolerance) if higher else min(values) * (1 + tolerance)
    return sum(v >= best if higher else v <= best for v in values) / len(values)


def _weights(count: int) -> Scores:
    """``[n, i]``: the weight of the i-th smallest score in the expected best of n."""
    cumulative = (np.arange(count + 1) / count) ** np.arange(1, count + 1)[:, None]
    return np.diff(cumulative, axis=1)


def _ease(scores: Scores) -> Scores:
    return mean_expected_best(scores, axis=1)
