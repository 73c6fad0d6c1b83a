r"""All pairs of arms: the difference of their values, seed by seed, with an interval.

Runs of one seed begin with the same weights and see the same data, so arms are compared by seed. With the n
differences :math:`d_s` of a pair, their mean has the 95 % interval of Student's t (1908),

.. math:: \bar d \pm t_{0.975, n - 1} \; \frac{s_d}{\sqrt n}.

It is exact for normal differences, however few. Each pair has an interval by itself: of twenty pairs that do
not differ, one is apart by chance.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import mean, stdev
from typing import NamedTuple

from paripassu.evidence.intervals import Interval
from paripassu.evidence.student import t_quantile
from paripassu.records import GameResult


class Pair(NamedTuple):
    """Two arms on one game.

    Attributes:
        better: the arm with the better mean.
        worse: the other.
        lead: how much better it is, in the metric's units: the mean over seeds with its 95 % interval, which
            is boundless with a single seed.
        seeds: how many seeds both arms have.
    """

    better: str
    worse: str
    lead: Interval
    seeds: int

    @property
    def is_apart(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.lead.low > 0


def all_pairs(game: GameResult) -> list[Pair]:
    """Every pair of arms on a game by the deciding metric: those of the best arm first, then of the next.

    A pair with a seed that has no finite value is left out.
    """
    sign = 1 if game.better == "higher" else -1
    values = {arm.arm: [sign * value for value in arm.estimates[game.metric].values] for arm in game.arms}
    return list(_pairs(dict(sorted(values.items(), key=lambda item: _key(item[1]), reverse=True))))


def _key(values: Sequence[float]) -> float:
    centre = mean(values)
    return centre if math.isfinite(centre) else -math.inf


def _pairs(values: dict[str, list[float]]) -> Iterator[Pair]:
    for one, other in combinations(values, 2):
        differences = [a - b for a, b in zip(values[one], values[other], strict=False)]
        if differences and all(map(math.isfinite, differences)):
            yield Pair(one, other, paired_interval(differences), len(differences))


def paired_interval(differences: Sequence[float]) -> Interval:
    """The mean of paired differences with its 95 % interval, Student's t.

    Args:
        differences: finite, one a seed, at least one.

    Example:
        >>> str(paired_interval([1.0, 2.0, 3.0]))
        '2 [-0.484, 4.48]'
    """
    centre, count = mean(differences), len(differences)
    if count == 1:
        return Interval(centre, -math.inf, math.inf)
    half = t_quantile(count - 1) * stdev(differences) / math.sqrt(count)
    return Interval(centre, centre - half, centre + half)
