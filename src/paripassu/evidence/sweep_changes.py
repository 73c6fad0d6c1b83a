"""What changed from one sweep of the synthetic framework to another, beyond what their seeds explain.

Shares and exponents differ beyond noise when the interval of their `difference`, made of both shares' Wilson
or both exponents' bootstrap intervals, leaves out zero; medians and pace gaps when a bootstrap's does, as in
`changes`. Times are counted up to the shorter of both budgets, so a median there is a lower bound.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from paripassu.evidence.changes import Change, StudyChanges, lacking
from paripassu.evidence.intervals import Interval, bootstrap_interval, difference, wilson
from paripassu.evidence.tables import pace_gaps
from paripassu.records import SWEEP_FILE, SweepResult, flat_settings
from paripassu.records.codec import load
from paripassu.report.collapse import NAMES, headline_outcomes, table

Groups = dict[tuple[str, str], pl.DataFrame]  # a setting's runs, by the setting in words and method


def sweep_changes(old: Path, new: Path) -> StudyChanges:
    """Compare two sweeps of one kind, by their folders.

    Raises:
        ValueError: one is no sweep or not finished, they are of different kinds, or a table is damaged.
    """
    before, after = _finished(old), _finished(new)
    if before.kind != after.kind:
        raise ValueError(
            f"a {before.kind} and a {after.kind} are different sweeps: name two results of one kind"
        )
    olds, news = _groups(before, old), _groups(after, new)
    shared = [key for key in olds if key in news]
    notes = [*_words(before, after), *_verdicts(before, after)]
    notes += lacking("Setting", [", ".join(key) for key in olds], [", ".join(key) for key in news])
    chosen = before.kind in ("phase", "scaling")
    notes += [note for key in shared for note in _notes(key, olds[key], news[key], chosen=chosen)]
    changes = [
        *(change for key in shared for change in _outcomes(key, olds[key], news[key], kind=before.kind)),
        *_exponents(before, after),
        *_paces(old, new),
    ]
    return StudyChanges(_label(before), _label(after), notes, changes)


def _finished(folder: Path) -> SweepResult:
    if not (folder / SWEEP_FILE).is_file():
        raise ValueError(f"{folder} holds no sweep: name two folders of sweeps, or two of one study")
    result = load(folder / SWEEP_FILE, SweepResult)
    if not result.finished:
        raise ValueError(f"{folder} is not finished: give its command again to go on where it stopped")
    return result


def _label(sweep: SweepResult) -> str:
    where, purpose = sweep.environment, sweep.purpose
    name = f"{purpose.study}, {purpose.scale}" if purpose.study else f"theory {sweep.kind}"
    return f"{name}, {where.date[:10]}, commit {where.commit or 'unknown'}"


def _groups(result: SweepResult, folder: Path) -> Groups:
    keys = {"run": (), "phase": ("part",), "scaling": ("d",), "vary": ("part", "setting")}[result.kind]
    by_setting = headline_outcomes(result, folder).group_by("method", *keys, maintain_order=True)
    words = {
        "run": lambda: "runs",
        "phase": lambda part: part,
        "scaling": lambda d: f"d = {d:,}",
        "vary": lambda part, setting: f"{part} = {setting:g}",
    }[result.kind]
    return {(words(*setting), NAMES[method]): own for (method, *setting), own in by_setting}


def _words(old: SweepResult, new: SweepResult) -> Iterator[str]:
    befores, afters = (flat_settings(result.settings) for result in (old, new))
    for name in befores | afters:
        before, after = befores.get(name), afters.get(name)
        if before != after:
            yield f"{name} then {before}, now {after}."
    if not (old.purpose.rule and new.purpose.rule):
        yield "Not both folders kept their verdict rule, which may read otherwise."
    elif old.purpose.rule != new.purpose.rule:
        yield "The verdict rule reads otherwise."


def _verdicts(old: SweepResult, new: SweepResult) -> Iterator[str]:
    olds, news = ({held.claim: held.verdict.outcome for held in result.claims} for result in (old, new))
    yield from lacking("Claim", olds, news)
    for claim in olds:
        if news.get(claim, olds[claim]) != olds[claim]:
            yield f"{claim}: the verdict was {olds[claim]}, it is {news[claim]}."


def _notes(key: tuple[str, str], old: pl.DataFrame, new: pl.DataFrame, *, chosen: bool) -> Iterator[str]:
    of = ", ".join(key)
    rates = [tuple(own.row(0, named=True)[name] for name in ("lr_d", "lr_g")) for own in (old, new)]
    if chosen and rates[0] != rates[1]:
        then, now = (f"lr_d {lr_d:g}, lr_g {lr_g:g}" for lr_d, lr_g in rates)
        yield f"{of}: the rates were {then}, they are {now}."
    diverged = [int((own["end"] == "diverged").sum()) for own in (old, new)]
    if diverged[0] != diverged[1]:
        yield f"{of}: {diverged[0]} of {len(old)} runs diverged, now {diverged[1]} of {len(new)}."


def _outcomes(key: tuple[str, str], old: pl.DataFrame, new: pl.DataFrame, *, kind: str) -> Iterator[Change]:
    told = {"ever": "share with every mode, ever"}
    # Runs that stop at the first recovery have no end of their own.
    told |= {} if kind == "scaling" else {"end": "share with every mode, at the end"}
    for column, name in told.items():
        shares = [wilson(int((own[column] == "all").sum()), len(own)) for own in (old, new)]
        yield _change(key, name, *shares)
    budget = min(old["steps"][0], new["steps"][0])
    then, now = ([min(time, budget) for time in own["first_recovery"].to_list()] for own in (old, new))
    yield _of_seeds(key, f"first recovery, median up to {budget:,} steps", then, now, centre=np.median)


def _exponents(old: SweepResult, new: SweepResult) -> Iterator[Change]:
    olds, news = ({fit.method: fit for fit in result.fits} for result in (old, new))
    for method in (method for method in olds if method in news):
        then, now = (Interval(fit.exponent, fit.low, fit.high) for fit in (olds[method], news[method]))
        yield _change(("over all d", NAMES[method]), "exponent of the time", then, now)


def _paces(old: Path, new: Path) -> Iterator[Change]:
    if not all((folder / "paths.parquet").is_file() for folder in (old, new)):
        return
    olds, news = (pace_gaps(table(folder, "paths")) for folder in (old, new))
    for method in NAMES:
        then, now = (own.filter(pl.col("method") == method)["gap"].to_list() for own in (olds, news))
        if then and now:
            yield _of_seeds(("runs with paths", NAMES[method]), "pace gap", then, now, centre=np.mean)


def _change(key: tuple[str, str], name: str, old: Interval, new: Interval) -> Change:
    moved = difference(new, old)
    return Change(*key, name, old.value, new.value, moved.low, moved.high, moved.low > 0 or moved.high < 0)


def _of_seeds(
    key: tuple[str, str], name: str, old: list[float], new: list[float], *, centre: Callable[..., Any]
) -> Change:
    moved = bootstrap_interval(lambda then, now: now - then, old, new, centre=centre)
    values = (float(centre(old, axis=0)), float(centre(new, axis=0)))
    # A single seed shows no noise to be beyond.
    beyond = min(len(old), len(new)) > 1 and (moved.low > 0 or moved.high < 0)
    return Change(*key, name, *values, moved.low, moved.high, beyond)
