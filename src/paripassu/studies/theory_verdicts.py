"""What a sweep says of the claims. All rules but that of C6 were fixed before the first sweep.

- **C4** (nSGDA recovers all modes): at its best pair of rates, chosen on other seeds, the share of fresh
  seeds that ever had every mode within the budget. Supported if the lower end of its 95 % Wilson interval is
  above 3/4, contradicted if the upper end is below 1/2.
- **C5** (SGDA does not, whatever its rates): the same share for SGDA. Supported if its upper end is below
  1/4, contradicted if its lower end is above 1/2. Once for each budget; and no grid is "any rates".
- **C6** (normalising keeps the players at the same pace): on the same fresh seeds, by the rule of the study
  `pace`, in which nSGDA stands for both normalised arms: supported if its mean pace gap is below 0.30 decades
  (a factor of two) with its whole 95 % interval and SGDA's minus it above zero with its whole interval;
  contradicted if its gap is 0.30 or above, or SGDA's minus it below zero, each with its whole interval. A
  run's gap is the mean over its recorded steps of abs(log10(pace_d / pace_g)). Fewer than five seeds decide
  nothing. The first rule here took a mean gap below 1, a factor of ten, for the same pace; it gave way to the
  study's when 0.97 for nSGDA and 2.43 for SGDA were known.
- **C5 with the dimension**: the exponent of the time to recover every mode. Supported if SGDA's interval
  lies above 1/2 and nSGDA's below it; contradicted if SGDA's lies below 1/2.

Whatever is neither is undecided. Every verdict names the dimension, the grid and the budget it holds for.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from paripassu.records import ClaimVerdict, Effect, Fit, Verdict, VerdictName
from paripassu.report.series import pace_gaps
from paripassu.studies import pace
from paripassu.studies.protocol import too_small

_RESAMPLES = 2000
_FEWEST = 5  # seeds that a bootstrap interval can be taken from
_SEED = 0  # a verdict is a function of its runs
_NAMES = {"nsgda": "nSGDA", "sgda": "SGDA"}


def of_recovery(outcomes: pl.DataFrame, grid: str) -> list[ClaimVerdict]:
    """C4 and C5, on the fresh seeds of a phase sweep."""
    from scipy.stats import binomtest  # here: it takes as long to import as a short command

    verdicts: list[ClaimVerdict] = []
    fresh = outcomes.filter(pl.col("part").str.starts_with("fresh"))
    for (method, _), own in fresh.group_by("method", "part", maintain_order=True):
        runs, ever = len(own), int((own["ever"] == "all").sum())
        at_end = int((own["end"] == "all").sum())
        interval = binomtest(ever, runs).proportion_ci(method="wilson")
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
        share = Effect(
            "share of fresh seeds that ever had every mode", ever / runs, interval.low, interval.high
        )
        verdicts.append(ClaimVerdict(f"{claim} ({conditions})", Verdict(outcome, reason, share)))
    return verdicts


def of_pace(paths: pl.DataFrame) -> list[ClaimVerdict]:
    """C6, where both methods have paths."""
    if paths.is_empty() or not {"nsgda", "sgda"} <= set(paths["method"]):
        return []
    gaps = pace_gaps(paths)
    nsgda, sgda = (gaps.filter(pl.col("method") == method) for method in ("nsgda", "sgda"))
    if nsgda.is_empty() or sgda.is_empty():
        return []
    verdict = pace.judge({"nSGDA": nsgda["gap"].to_list()}, sgda["gap"].to_list())
    seeds = ", and over ".join(
        f"{len(own)} seeds of {name}, at the {own['moving'].mean():.0%} of recorded steps at which both move"
        for name, own in (("nSGDA", nsgda), ("SGDA", sgda))
    )
    verdict = replace(verdict, reason=f"{verdict.reason} Means over {seeds}.")
    if min(len(nsgda), len(sgda)) < _FEWEST:
        verdict = too_small(verdict)
    return [ClaimVerdict("C6: normalising keeps both players at the same pace", verdict)]


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
    if by_method.keys() != _NAMES.keys() or any(math.isnan(fit.exponent) for fit in fits):
        return []
    ours, theirs = by_method["nsgda"], by_method["sgda"]
    outcome = _decide(theirs.low > 0.5 > ours.high, theirs.high < 0.5)
    told = "; ".join(
        f"{_NAMES[fit.method]} d^{fit.exponent:.2f} [{fit.low:.2f}, {fit.high:.2f}], over d = "
        f"{min(fit.dimensions):,} to {max(fit.dimensions):,}"
        for fit in (ours, theirs)
    )
    reason = f"Time to recover every mode within {steps:,} steps: {told}. Beyond, most seeds did not."
    claim = "C5 with the dimension: the time that SGDA needs grows with d, that of nSGDA hardly"
    name = "power of d that the time of SGDA grows with, 0 if it does not grow"
    effect = Effect(name, theirs.exponent, theirs.low, theirs.high)
    return [ClaimVerdict(claim, Verdict(outcome, reason, effect))]


def _decide(supported: bool, contradicted: bool) -> VerdictName:  # noqa: FBT001 - the two sides of a rule
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def _slope(dimensions: Sequence[int], times: Sequence[float]) -> float:
    return float(np.polyfit(np.log(dimensions), np.log(np.maximum(times, 1.0)), 1)[0])
