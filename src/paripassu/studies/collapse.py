"""Do nSGDA and SGDA recover all modes of the synthetic framework, at their best learning rates?

Claim under test: C4: nSGDA recovers all modes; C5: SGDA does not, whatever its learning rates; C6:
normalising makes discriminator and generator move at the same pace (arXiv:2210.04319).

Each method plays every pair of learning rates of a grid on some seeds. One pair is chosen: the one with
which most runs ever had every mode, then most still had them at the end, then soonest. It is judged on
fresh seeds. SGDA is judged a second time, among the rates up to 1, with several times the steps.

C4, nSGDA recovers all modes. The rule looks at the share of nSGDA's fresh seeds that ever had every mode
within the budget. *Supported* if the lower end of its 95 % Wilson interval is above 3/4. *Contradicted* if
the upper end is below 1/2.

C5, SGDA does not, whatever its learning rates. The rule looks at the same share for SGDA, once for each
budget. *Supported* if the upper end of its interval is below 1/4. *Contradicted* if the lower end is above
1/2. No grid is "any rates".

C6, normalising keeps the players at the same pace. This study tests that it does, not that this is why it
works. The pace is the discriminator's relative step (its length over that of the player's weights) over the
generator's. A run's gap is the mean of abs(log10(pace)) over the recorded steps at which both players move;
recorded steps are even on a logarithmic scale. The rule of the study pace judges the fresh seeds of the
first budget; nSGDA takes the place of both normalised arms. *Supported* if nSGDA's mean gap is below 0.30
(a factor of two), and SGDA's minus it is above zero, each with its whole bootstrap 95 % interval.
*Contradicted* if nSGDA's gap is 0.30 or above, or SGDA's minus it is below zero, each with its whole
interval. Fewer than five seeds decide nothing.

A claim that is neither is *undecided*. The rules of C4 and C5 were fixed before the first sweep. So was a
laxer rule for C6: it called a mean gap below 1, a factor of ten, the same pace. The rule of the study pace
replaced it when 0.97 for nSGDA and 2.43 for SGDA were known.
"""

from dataclasses import replace

import polars as pl

from paripassu.evidence.collapse import METHODS as TITLES
from paripassu.evidence.intervals import wilson
from paripassu.evidence.measures import pace_gaps
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.sweeps import PhaseSweep, SweepDesign, Tables
from paripassu.records import Effect, Finding, Verdict
from paripassu.studies import pace
from paripassu.theory import Framework


def verdict(sweep: PhaseSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    grid = f"{len(sweep.lr_d)} x {len(sweep.lr_g)} pairs of rates"
    return Judgement(
        [*judge_recovery(tables.outcomes, grid), *judge_pace(tables.paths, sweep.framework.d, sweep.steps)]
    )


def judge_recovery(outcomes: pl.DataFrame, grid: str) -> list[Finding]:
    """Judge C4 and C5 on the fresh seeds of a phase sweep.

    Args:
        outcomes: of all runs.
        grid: the grid of learning rates, in words.
    """
    findings: list[Finding] = []
    fresh = outcomes.filter(pl.col("part").str.starts_with("fresh"))
    for (method, _), own in fresh.group_by("method", "part", maintain_order=True):
        runs, ever = len(own), int((own["ever"] == "all").sum())
        at_end = int((own["end"] == "all").sum())
        share = wilson(ever, runs)
        if method == "nsgda":
            claim = "C4: nSGDA recovers all modes"
            outcome = decide(supported=share.low > 0.75, contradicted=share.high < 0.5)
        else:
            claim = "C5: SGDA does not recover all modes, whatever its learning rates"
            outcome = decide(supported=share.high < 0.25, contradicted=share.low > 0.5)
        first = own.row(0, named=True)
        of = grid if own["part"][0] == "fresh" else "those of the grid up to 1"
        reason = (
            f"With the best of {of} (lr_d {first['lr_d']:g}, lr_g {first['lr_g']:g}), {ever} of {runs} fresh "
            f"seeds had every mode at some time, a share of {ever / runs:.2f} "
            f"[{share.low:.2f}, {share.high:.2f}]; {at_end} had them at the end."
        )
        effect = Effect("share of fresh seeds that ever had every mode", *share)
        about = f"d = {first['d']:,}, {first['steps']:,} steps"
        budget = f"the best of {of}, {runs} fresh seeds"
        findings.append(Finding(claim, about, Verdict(outcome, reason, effect), budget))
    return findings


def judge_pace(paths: pl.DataFrame, d: int, steps: int, *, partly: bool = False) -> list[Finding]:
    """Judge C6, if both methods have paths, each at one pair of rates.

    Args:
        paths: of all runs that have paths.
        d: the framework's dimension.
        steps: number of steps of a run.
        partly: whether C6 is undecided, not contradicted, where normalising brings the paces nearer.
    """
    if paths.is_empty() or not {"nsgda", "sgda"} <= set(paths["method"]):
        return []
    gaps = pace_gaps(paths)
    nsgda, sgda = (gaps.filter(pl.col("method") == method) for method in ("nsgda", "sgda"))
    if nsgda.is_empty() or sgda.is_empty():
        return []
    judged = pace.judge({"nSGDA": nsgda["gap"].to_list()}, sgda["gap"].to_list())
    if partly and judged.effect and judged.effect.low > 0 and judged.outcome == "contradicted":
        judged = replace(judged, outcome="undecided")
    means = (_means(paths, method, own) for method, own in (("nsgda", nsgda), ("sgda", sgda)))
    judged = Verdict(
        judged.outcome, f"{judged.reason} Means over {', and over '.join(means)}.", judged.effect
    )
    about, budget = f"d = {d:,}, {steps:,} steps", f"{len(nsgda)} and {len(sgda)} seeds"
    return [Finding("C6: normalising keeps both players at the same pace", about, judged, budget)]


def _means(paths: pl.DataFrame, method: str, gaps: pl.DataFrame) -> str:
    """The runs and steps behind a method's mean pace gap, in words."""
    at = paths.filter(pl.col("method") == method).row(0, named=True)
    return (
        f"{len(gaps)} seeds of {TITLES[method]} (lr_d {at['lr_d']:g}, lr_g {at['lr_g']:g}), at the "
        f"{gaps['moving'].mean():.0%} of recorded steps at which both move"
    )


_FRAMEWORK = Framework(d=10_000)
_ONE_GAME = (
    "There is one game: d = 10,000, two modes that overlap by 0.1, ten discriminator and eight generator "
    "neurons, one scale of initialisation, rates that never decay, exact expectations."
)
_LESS = (
    "SGDA's small rates have 60,000 steps instead of scale paper's 600,000. Pairs are chosen on 8 seeds "
    "instead of 32, and judged on 32 instead of 256."
)
_SMOKE = PhaseSweep(_FRAMEWORK, (0.1, 1.0), (0.01, 0.1), seeds=2, fresh_seeds=2, steps=300, patience=2)
_PAPER = PhaseSweep(_FRAMEWORK, seeds=32, fresh_seeds=256, patience=60)

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(SweepDesign(_SMOKE, verdict), cut=(CUT_ALL,), decides=False),
        "small": Scale(SweepDesign(PhaseSweep(_FRAMEWORK), verdict), cut=(_ONE_GAME, _LESS)),
        "paper": Scale(SweepDesign(_PAPER, verdict), cut=(_ONE_GAME,)),
    },
)
