"""Two arms of a sweep compared seed by seed, where a run that diverged counts as the worst."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.records import Better


class Estimated(NamedTuple):
    """A number that runs gave, and how many of them diverged.

    Attributes:
        interval: the number with its 95 % interval.
        runs: how many it is of.
        diverged: of those.
    """

    interval: Interval
    runs: int
    diverged: int

    def __str__(self) -> str:
        lost = f" ({self.diverged:,} of {self.runs:,} runs diverged)" if self.diverged else ""
        return f"{self.interval}{lost}"


def with_worst(values: Sequence[float | None] | NDArray[np.float64], worst: float) -> NDArray[np.float64]:
    """Values, with ``worst`` where a run has no finite one.

    Example:
        >>> with_worst([0.5, None, float("inf")], 1.0).tolist()
        [0.5, 1.0, 1.0]
    """
    return np.nan_to_num(np.asarray(values, np.float64), nan=worst, posinf=worst, neginf=worst)


def of_arm(outcomes: pl.DataFrame, arm: str, number: str) -> NDArray[np.float64]:
    """An arm's numbers in the order of the seeds; NaN of a run that diverged.

    Args:
        outcomes: one row a run, under one condition.
        arm: its name.
        number: a measured one.
    """
    own = outcomes.filter(arm=arm).sort("seed")
    values = own[number].cast(pl.Float64).to_numpy()
    lived = np.isinf(own["diverged_at"].to_numpy()) & np.isfinite(values)
    return np.where(lived, values, np.nan)


def lead(
    outcomes: pl.DataFrame, one: str, other: str, number: str, better: Better, worst: float | None = None
) -> Estimated:
    """The mean difference of two arms seed by seed, ``one`` minus ``other``.

    A run that diverged has the worst value that any run of ``outcomes`` has. So no arm is ahead at a seed at
    which it diverged. If no run has a value, the difference is NaN, and its interval is the whole line.

    Args:
        outcomes: one row a run, of all arms under one condition.
        one: an arm.
        other: an arm with the same seeds.
        number: a measured one.
        better: which way it improves.
        worst: value of a run that diverged instead, which no run falls below. A rule with a margin needs it:
            the worst of runs that are all good is within the margin.

    Example:
        >>> errors = [*[0.1, 0.2] * 3, *[0.3] * 5, None]
        >>> runs = {"arm": ["a"] * 6 + ["b"] * 6, "seed": [*range(6)] * 2, "error": errors}
        >>> outcomes = pl.DataFrame(runs | {"diverged_at": [float("inf")] * 11 + [7.0]})
        >>> print(lead(outcomes, "b", "a", "error", "lower"))
        0.15 [0.1, 0.2] (1 of 12 runs diverged)
    """
    every = np.concatenate([of_arm(outcomes, str(arm), number) for arm in outcomes["arm"].unique()])
    finite = every[np.isfinite(every)]
    if worst is None:
        seen = finite.min if better == "higher" else finite.max
        worst = float(seen()) if len(finite) else float("nan")
    arms = [of_arm(outcomes, arm, number) for arm in (one, other)]
    mine, others = (with_worst(values, worst) for values in arms)
    interval = bootstrap_interval(lambda mean: mean, (mine - others).tolist())
    return Estimated(interval, sum(map(len, arms)), int(sum(np.isnan(values).sum() for values in arms)))
