"""What a study estimated, group by group: an arm on a game, or a method in one setting of a sweep.

`study_groups` is the one place that knows how the results of each kind of study are laid out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from paripassu.evidence.collapse import METHODS, PATHS_TABLE, deciding_outcomes, has_table, sweep_table
from paripassu.evidence.intervals import Interval, bootstrap_interval, difference, wilson
from paripassu.evidence.kinds import of_kind
from paripassu.evidence.measures import pace_gaps
from paripassu.evidence.played import played_arms
from paripassu.records import StudyResult


class Moved(NamedTuple):
    """A quantity then and now.

    Attributes:
        old: its value then.
        new: its value now.
        low: lower end of the 95 % interval of ``new - old``.
        high: upper end.
        beyond_noise: whether that interval leaves out zero; never with fewer than five values, which have
            no interval.
        limit: that larger values were counted as.
    """

    old: float
    new: float
    low: float
    high: float
    beyond_noise: bool
    limit: float


@dataclass(frozen=True)
class Quantity:
    """Something that a study estimated.

    Attributes:
        values: one a seed; not needed where ``interval`` is given.
        interval: of a quantity that has one of its own, such as a share or an exponent.
        centre: what sums up the values, as `numpy.mean` and `numpy.median`.
        limit: the largest value that could be seen; larger ones count as it.

    Example:
        >>> old, new = Quantity([1.0, 1.1, 0.9] * 2), Quantity([2.0, 2.1, 1.9] * 2)
        >>> old.moved_to(new).beyond_noise
        True
    """

    values: Sequence[float] = ()
    interval: Interval | None = None
    centre: Callable[..., Any] = np.mean
    limit: float = math.inf

    def moved_to(self, new: "Quantity") -> Moved:
        """The difference to another study's.

        Of two intervals it is their `difference`. Else it is a bootstrap's over seeds, taken as unpaired,
        with values up to the lower limit of both.
        """
        limit = min(self.limit, new.limit)
        if self.interval and new.interval:
            moved = difference(new.interval, self.interval)
            values = self.interval.value, new.interval.value
        else:
            then, now = ([min(value, limit) for value in own.values] for own in (self, new))
            moved = bootstrap_interval(lambda old, new: new - old, then, now, centre=self.centre)
            values = (float(self.centre(then, axis=0)), float(self.centre(now, axis=0)))
        beyond = moved.low > 0 or moved.high < 0
        return Moved(*values, moved.low, moved.high, beyond, limit)


@dataclass(frozen=True)
class Group:
    """One arm on one game, or one method in one setting.

    Attributes:
        runs: how many it is of.
        diverged: of those.
        quantities: what was estimated, by name.
        rates: the learning rates that were chosen for it, in words; empty where they were given.
    """

    quantities: Mapping[str, Quantity]
    runs: int = 0
    diverged: int = 0
    rates: str = ""


Groups = dict[tuple[str, str], Group]
"""By the game or the setting in words, and by the arm or the method."""


def study_groups(result: StudyResult, folder: Path) -> Groups:
    """All that a study estimated.

    Args:
        result: of a finished study.
        folder: the study's, whose tables are read.

    Raises:
        ValueError: a table is missing or damaged, or the study is of a kind that this paripassu does not
            know.
    """
    return of_kind(_GROUPS, result)(result, folder)


def _of_comparison(result: StudyResult, _: Path) -> Groups:
    return {
        (game.game, arm.arm): Group(
            quantities={name: Quantity(estimate.values) for name, estimate in arm.estimates.items()},
            runs=len(arm.runs),
            diverged=arm.diverged,
            rates=str(arm.chosen),
        )
        for game in result.games
        for arm in game.arms
    }


def _of_run(result: StudyResult, folder: Path) -> Groups:
    return _of_outcomes(result, folder, lambda _: "runs") | _of_paths(result, folder)


def _of_phase(result: StudyResult, folder: Path) -> Groups:
    by_part = _of_outcomes(result, folder, lambda row: row["part"], are_chosen=True)
    return by_part | _of_paths(result, folder)


def _of_scaling(result: StudyResult, folder: Path) -> Groups:
    # Runs stop at the first recovery, so that their end says nothing.
    by_d = _of_outcomes(result, folder, lambda row: f"d = {row['d']:,}", are_chosen=True, have_ends=False)
    growth = {
        ("over all d", METHODS[fit.method]): Group(
            {"exponent of the time": Quantity(interval=Interval(fit.exponent, fit.low, fit.high))}
        )
        for fit in result.fits
    }
    return by_d | growth


def _of_vary(result: StudyResult, folder: Path) -> Groups:
    by_part = _of_outcomes(result, folder, lambda row: f"{row['part']} = {row['setting']:g}")
    return by_part | _of_paths(result, folder)


def _of_played(result: StudyResult, folder: Path) -> Groups:
    return {
        (arm.condition, arm.arm): Group(
            {name: Quantity(values) for name, values in arm.values.items()}, arm.runs, arm.diverged, arm.rates
        )
        for arm in played_arms(result, folder)
    }


_GROUPS: dict[str, Callable[[StudyResult, Path], Groups]] = {
    "comparison": _of_comparison,
    "run": _of_run,
    "phase": _of_phase,
    "scaling": _of_scaling,
    "vary": _of_vary,
    "played": _of_played,
    "dissection": _of_played,
}


def _of_outcomes(
    result: StudyResult,
    folder: Path,
    where: Callable[[dict[str, Any]], str],
    *,
    are_chosen: bool = False,
    have_ends: bool = True,
) -> Groups:
    """Groups of a sweep's runs.

    Args:
        result: the sweep's.
        folder: the sweep's.
        where: the setting in words, from a run's row.
        are_chosen: whether the sweep chose the learning rates.
        have_ends: whether runs go on after they recovered every mode.
    """
    outcomes = deciding_outcomes(result, folder)
    keys = [name for name in ("part", "d", "setting") if name in outcomes.columns]
    groups: Groups = {}
    for (method, *_), own in outcomes.group_by("method", *keys, maintain_order=True):
        first = own.row(0, named=True)
        quantities = {"share with every mode, ever": _share(own["ever"])}
        if have_ends:
            quantities["share with every mode, at the end"] = _share(own["end"])
        quantities["first recovery, median"] = Quantity(
            own["first_recovery"].to_list(), centre=np.median, limit=first["steps"]
        )
        groups[where(first), METHODS[str(method)]] = Group(
            quantities=quantities,
            runs=len(own),
            diverged=int((own["end"] == "diverged").sum()),
            rates=f"lr_d {first['lr_d']:g}, lr_g {first['lr_g']:g}" if are_chosen else "",
        )
    return groups


def _share(outcomes: pl.Series) -> Quantity:
    return Quantity(interval=wilson(int((outcomes == "all").sum()), len(outcomes)))


def _of_paths(result: StudyResult, folder: Path) -> Groups:
    if not has_table(result, folder, PATHS_TABLE):
        return {}
    gaps = pace_gaps(sweep_table(result, folder, PATHS_TABLE))
    by_method = ((method, gaps.filter(method=method)["gap"].to_list()) for method in METHODS)
    return {
        ("runs with paths", METHODS[method]): Group({"pace gap": Quantity(values)}, runs=len(values))
        for method, values in by_method
        if values
    }
