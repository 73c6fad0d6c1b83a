"""What a sweep says of the claims; the rules, fixed before the first sweep.

- **C4** (nSGDA recovers all modes): at its best pair of rates, chosen on other seeds, the share of fresh
  seeds that ever had every mode within the budget. Supported if the lower end of its 95 % Wilson interval is
  above 3/4, contradicted if the upper end is below 1/2.
- **C5** (SGDA does not, whatever its rates): the same share for SGDA. Supported if its upper end is below
  1/4, contradicted if its lower end is above 1/2. Once for each budget; and no grid is "any rates".
- **C6** (normalising keeps the players at the same pace): on the same fresh seeds, how far the pace of the
  discriminator is from the generator's, as the mean over recorded steps of abs(log10(pace_d / pace_g)).
  Supported if it is lower for nSGDA than for SGDA by an interval that leaves 0 out and is below 1 (a factor
  of ten) for nSGDA; contradicted if it is higher by such an interval. Fewer than five seeds decide nothing.
- **C5 with the dimension**: the exponent of the time to recover every mode. Supported if SGDA's interval
  lies above 1/2 and nSGDA's below it; contradicted if SGDA's lies below 1/2.

Whatever is neither is undecided. Every verdict names the dimension, the grid and the budget it holds for.
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from paripassu.records import ClaimVerdict, Fit, Verdict, VerdictName
from paripassu.report.statistics import bootstrap_interval

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
        verdicts.append(ClaimVerdict(f"{claim} ({conditions})", Verdict(outcome, reason)))
    return verdicts


def of_pace(paths: pl.DataFrame) -> list[ClaimVerdict]:
    """C6, where both methods have paths."""
    if paths.is_empty() or not {"nsgda", "sgda"} <= set(paths["method"]):
        return []
    apart = (pl.col("pace_d") / pl.col("pace_g")).log10().abs()
    usable = paths.with_columns(apart=apart).filter(pl.col("apart").is_finite())
    per_seed = usable.group_by("method", "seed", maintain_order=True).agg(pl.col("apart").mean())
    ours, theirs = (per_seed.filter(pl.col("method") == m)["apart"].to_list() for m in ("nsgda", "sgda"))
    if not ours or not theirs:
        return []
    gap = bootstrap_interval(lambda n, s: s - n, ours, theirs)
    mean = float(np.mean(ours))
    enough = min(len(ours), len(theirs)) >= _FEWEST
    outcome = _decide(enough and gap.low > 0 and mean < 1, enough and gap.high < 0)
    reason = (
        f"Over time the players' paces are apart by {mean:.2f} decades for nSGDA and {np.mean(theirs):.2f} "
        f"for SGDA, {gap} less, over {len(ours)} and {len(theirs)} seeds."
    )
    return [ClaimVerdict("C6: normalising keeps both players at the same pace", Verdict(outcome, reason))]


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
    return [ClaimVerdict(claim, Verdict(outcome, reason))]


def _decide(supported: bool, contradicted: bool) -> VerdictName:  # noqa: FBT001 - the two sides of a rule
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def _slope(dimensions: Sequence[int], times: Sequence[float]) -> float:
    return float(np.polyfit(np.log(dimensions), np.log(np.maximum(times, 1.0)), 1)[0])
