"""What a sweep says of the claims.

The rules in words, and which of them were fixed before the first sweep, are in the docstrings of the studies:
`theory_modes` has those of C4, C5 and C6, `theory_dimension` that of C5 as a statement about time. Every
verdict names the dimension, the grid and the budget it holds for.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from paripassu.evidence.intervals import wilson
from paripassu.evidence.tables import pace_gaps
from paripassu.protocol.study import too_small
from paripassu.records import ClaimVerdict, Effect, Fit, Verdict, VerdictName
from paripassu.studies import pace

_RESAMPLES = 2000
_FEWEST = 5  # seeds that a bootstrap interval can be taken from
_SEED = 0  # a verdict is a function of its runs
_NAMES = {"nsgda": "nSGDA", "sgda": "SGDA"}


def of_recovery(outcomes: pl.DataFrame, grid: str) -> list[ClaimVerdict]:
    """C4 and C5, on the fresh seeds of a phase sweep."""
    verdicts: list[ClaimVerdict] = []
    fresh = outcomes.filter(pl.col("part").str.starts_with("fresh"))
    for (method, _), own in fresh.group_by("method", "part", maintain_order=True):
        runs, ever = len(own), int((own["ever"] == "all").sum())
        at_end = int((own["end"] == "all").sum())
        interval = wilson(ever, runs)
        if method == "nsgda":
            claim = "C4: nSGDA recovers all modes"
            outcome = _decide(interval.low > 0.75, interval.high < 0.5)
        else:
            claim = "C5: SGDA does not recover all modes, whatever its learning rates"
            outcome = _decide(interval.high < 0.25, interval.low > 0.5)
        first = own.row(0, named=True)
        conditions = f"d = {first['d']:,}, {first['steps']:,} steps"
        of = grid if own["part"][0] == "fresh" else "those of the grid up to 1"
        reason = (
            f"With the best of {of} (lr_d {first['lr_d']:g}, lr_g {first['lr_g']:g}), {ever} of {runs} fresh "
            f"seeds had every mode at some time, a share of {ever / runs:.2f} "
            f"[{interval.low:.2f}, {interval.high:.2f}]; {at_end} had them at the end."
        )
        share = Effect("share of fresh seeds that ever had every mode", *interval)
        verdicts.append(ClaimVerdict(f"{claim} ({conditions})", Verdict(outcome, reason, share)))
    return verdicts


def of_pace(paths: pl.DataFrame, d: int, steps: int) -> list[ClaimVerdict]:
    """C6, where both methods have paths, each at one pair of rates."""
    if paths.is_empty() or not {"nsgda", "sgda"} <= set(paths["method"]):
        return []
    gaps = pace_gaps(paths)
    nsgda, sgda = (gaps.filter(pl.col("method") == method) for method in ("nsgda", "sgda"))
    if nsgda.is_empty() or sgda.is_empty():
        return []
    verdict = pace.judge({"nSGDA": nsgda["gap"].to_list()}, sgda["gap"].to_list())
    told = (_means(paths, method, own) for method, own in (("nsgda", nsgda), ("sgda", sgda)))
    verdict = replace(verdict, reason=f"{verdict.reason} Means over {', and over '.join(told)}.")
    if min(len(nsgda), len(sgda)) < _FEWEST:
        verdict = too_small(verdict)
    claim = f"C6: normalising keeps both players at the same pace (d = {d:,}, {steps:,} steps)"
    return [ClaimVerdict(claim, verdict)]


def _means(paths: pl.DataFrame, method: str, gaps: pl.DataFrame) -> str:
    """What a method's mean pace gap is a mean over."""
    at = paths.filter(pl.col("method") == method).row(0, named=True)
    return (
        f"{len(gaps)} seeds of {_NAMES[method]} (lr_d {at['lr_d']:g}, lr_g {at['lr_g']:g}), at the "
        f"{gaps['moving'].mean():.0%} of recorded steps at which both move"
    )


def fits(outcomes: pl.DataFrame) -> list[Fit]:
    """Each method's exponent: least squares of log median first recovery on log d.

    A dimension counts where more than half of the seeds recovered. The bootstrap draws seeds within each
    dimension; a median beyond the budget is taken at the budget, a lower bound.
    """
    result: list[Fit] = []
    for (method,), own in outcomes.group_by("method", maintain_order=True):
        times = {
            int(d): np.array(rows["first_recovery"].to_list())
            for (d,), rows in own.group_by("d", maintain_order=True)
        }
        used = [d for d, first in times.items() if np.isfinite(np.median(first))]
        budget = float(own["steps"][0])
        if len(used) < 2:
            result.append(Fit(str(method), math.nan, math.nan, math.nan, used))
            continue
        rng = np.random.default_rng(_SEED)
        draws = [
            _slope(
                used,
                [min(budget, float(np.median(rng.choice(times[d], len(times[d]))))) for d in used],
            )
            for _ in range(_RESAMPLES)
        ]
        low, high = np.quantile(draws, [0.025, 0.975])
        exponent = _slope(used, [float(np.median(times[d])) for d in used])
        result.append(Fit(str(method), exponent, float(low), float(high), used))
    return result


def of_growth(fits: Sequence[Fit], steps: int) -> list[ClaimVerdict]:
    """C5 as what it comes to: how the time that SGDA needs grows."""
    by_method = {fit.method: fit for fit in fits}
    if by_method.keys() != _NAMES.keys():
        return []
    claim = "C5 with the dimension: the time that SGDA needs grows with d, that of nSGDA hardly"
    none = [_NAMES[fit.method] for fit in fits if math.isnan(fit.exponent)]
    if none:
        reason = (
            f"No exponent of {' and '.join(none)}: every mode at fewer than two d within {steps:,} steps."
        )
        return [ClaimVerdict(claim, Verdict("undecided", reason))]
    ours, theirs = by_method["nsgda"], by_method["sgda"]
    outcome = _decide(theirs.low > 0.5 > ours.high, theirs.high < 0.5)
    told = "; ".join(
        f"{_NAMES[fit.method]} d^{fit.exponent:.2f} [{fit.low:.2f}, {fit.high:.2f}], over d = "
        f"{min(fit.dimensions):,} to {max(fit.dimensions):,}"
        for fit in (ours, theirs)
    )
    reason = f"Time to recover every mode within {steps:,} steps: {told}. Beyond, most seeds did not."
    name = "power of d that the time of SGDA grows with, 0 if it does not grow"
    effect = Effect(name, theirs.exponent, theirs.low, theirs.high)
    return [ClaimVerdict(claim, Verdict(outcome, reason, effect))]


def _decide(supported: bool, contradicted: bool) -> VerdictName:  # noqa: FBT001 - the two sides of a rule
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def _slope(dimensions: Sequence[int], times: Sequence[float]) -> float:
    return float(np.polyfit(np.log(dimensions), np.log(np.maximum(times, 1.0)), 1)[0])
