"""How does the time to recover all modes of the synthetic framework grow with the dimension?

Claim under test: C5: as a statement about time, the time that SGDA needs to recover all modes grows with
the dimension, that of nSGDA hardly (arXiv:2210.04319).

At every dimension each method's pair of learning rates is chosen on some seeds and judged on fresh ones. A
run stops at the first record with every mode, or at the budget. The exponent is the slope of the logarithm
of the median time on that of the dimension, by least squares over the dimensions at which more than half of
the seeds had every mode. Its 95 % interval is a bootstrap over seeds, in which a median beyond the budget
counts as the budget.

The verdict rule was fixed before the first sweep. *Supported* if SGDA's interval lies above 1/2 and nSGDA's
below it. *Contradicted* if SGDA's lies below 1/2. Otherwise *undecided*, for example if a method has every
mode at fewer than two dimensions.
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from paripassu.evidence.collapse import METHODS as TITLES
from paripassu.evidence.intervals import interval_of
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.sweeps import METHODS, ScalingSweep, SweepDesign, Tables
from paripassu.records import Effect, Finding, Fit, Verdict, span
from paripassu.theory import Framework

_RESAMPLES = 2000
_SEED = 0  # a verdict is a function of its runs
_CLAIM = "C5: the time that SGDA needs grows with the dimension, that of nSGDA hardly"


def verdict(sweep: ScalingSweep, tables: Tables) -> Judgement:
    """The rule in this module's docstring."""
    fits = growth(tables.outcomes.filter(pl.col("part") == "fresh"))
    return Judgement(judge_growth(fits, sweep.steps), fits=fits)


def growth(outcomes: pl.DataFrame) -> list[Fit]:
    """Each method's exponent: least squares of log median first recovery on log d.

    A dimension counts where more than half of the seeds recovered. The bootstrap draws seeds within each
    dimension. A median beyond the budget counts as the budget, which is a lower bound.
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
        exponent = _slope(used, [float(np.median(times[d])) for d in used])
        interval = interval_of(exponent, np.array(draws), min(len(times[d]) for d in used))
        result.append(Fit(str(method), *interval, used))
    return result


def judge_growth(fits: Sequence[Fit], steps: int) -> list[Finding]:
    """The rule on exponents, if both methods have one.

    Args:
        fits: of both methods.
        steps: largest number of steps of a run.
    """
    by_method = {fit.method: fit for fit in fits}
    if by_method.keys() != set(METHODS):
        return []
    ours, theirs = by_method["nsgda"], by_method["sgda"]
    about = f"within {steps:,} steps"
    none = [TITLES[fit.method] for fit in fits if math.isnan(fit.exponent)]
    if none:
        reason = (
            f"{' and '.join(none)} had every mode at fewer than two d within {steps:,} steps, so there is no "
            "exponent."
        )
        return [Finding(_CLAIM, about, Verdict("undecided", reason))]
    outcome = decide(supported=theirs.low > 0.5 > ours.high, contradicted=theirs.high < 0.5)
    each = "; ".join(
        f"{TITLES[fit.method]} d^{fit.exponent:.3g} [{span(fit.low, fit.high)}], over d = "
        f"{min(fit.dimensions):,} to {max(fit.dimensions):,}"
        for fit in (ours, theirs)
    )
    reason = f"Time to recover every mode within {steps:,} steps: {each}. At other d most seeds did not."
    name = "power of d that the time of SGDA grows with, 0 if it does not grow"
    effect = Effect(name, theirs.exponent, theirs.low, theirs.high)
    return [Finding(_CLAIM, about, Verdict(outcome, reason, effect))]


def _slope(dimensions: Sequence[int], times: Sequence[float]) -> float:
    return float(np.polyfit(np.log(dimensions), np.log(np.maximum(times, 1.0)), 1)[0])


_FRAMEWORK = Framework(d=100)  # the sweep replaces d
_ONE_GAME = (
    "There is one game: two modes that overlap by 0.1, ten discriminator and eight generator neurons, rates "
    "that never decay, exact expectations. The interval does not include the uncertainty from choosing pairs "
    "of rates on few seeds."
)
_LESS = (
    "Runs end at 200,000 steps instead of scale paper's 10,000,000, so SGDA's exponent is from fewer "
    "dimensions. Pairs are chosen on 8 seeds instead of 32, and judged on 16 instead of 128."
)
_SMOKE = ScalingSweep(_FRAMEWORK, (100, 1000), (1.0,), (0.01, 0.1), seeds=2, fresh_seeds=2, steps=300)
_PAPER = ScalingSweep(_FRAMEWORK, seeds=32, fresh_seeds=128, steps=10_000_000)

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(SweepDesign(_SMOKE, verdict), cut=(CUT_ALL,), decides=False),
        "small": Scale(SweepDesign(ScalingSweep(_FRAMEWORK), verdict), cut=(_ONE_GAME, _LESS)),
        "paper": Scale(SweepDesign(_PAPER, verdict), cut=(_ONE_GAME,)),
    },
)
