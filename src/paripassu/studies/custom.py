"""Studies of sweeps with any settings. Each has the question and the rule of the study that it resembles."""

import polars as pl

from paripassu.evidence.intervals import wilson
from paripassu.protocol import Judgement, Scale, Study, decide
from paripassu.protocol.sweeps import (
    METHODS,
    PhaseSweep,
    RunSweep,
    ScalingSweep,
    SweepDesign,
    SweepVerdict,
    Tables,
    VarySweep,
)
from paripassu.records import Effect, Finding, Verdict
from paripassu.studies import collapse, collapse_dimension

SCALE = "custom"

_RUN_CLAIM = (
    "C4: nSGDA recovers all modes; C5: SGDA does not; C6: normalising makes discriminator and generator move "
    "at the same pace (arXiv:2210.04319). Here all three are about one pair of learning rates."
)
_RUN_RULE = """\
Both methods play at one pair of learning rates. The study collapse tries a grid of them.

C4, nSGDA recovers all modes. The rule looks at the share of its seeds that ever had every mode. *Supported*
if the lower end of its 95 % Wilson interval is above 3/4. *Contradicted* if the upper end is below 1/2.

C5, SGDA does not. The rule looks at the same share for SGDA. *Supported* if the upper end is below 1/4.
*Contradicted* if the lower end is above 1/2.

C6, normalising makes both players move at the same pace. The pace is the discriminator's relative step (its
length over that of the player's weights) over the generator's. A run's gap is the mean of abs(log10(pace))
over the recorded steps at which both players move. *Supported* if nSGDA's gap is below 0.30 (a factor of
two), and SGDA's minus it is above zero, each with its whole bootstrap 95 % interval. *Contradicted* if
SGDA's minus it is below zero with its whole interval. If normalising brings the paces nearer, and not
within a factor of two, the claim is *undecided*. Fewer than five seeds decide nothing about C6.
"""


def phase(sweep: PhaseSweep) -> Study:
    """A study of which learning rates recover every mode, by the rules of the study collapse."""
    return _study(
        sweep.kind, "Which learning rates recover every mode?", sweep, collapse.verdict, collapse.STUDY
    )


def scaling(sweep: ScalingSweep) -> Study:
    """A study of how the time to recover every mode grows, by the rule of the study collapse-dimension."""
    like = collapse_dimension.STUDY
    return _study(sweep.kind, like.question, sweep, collapse_dimension.verdict, like)


def run(sweep: RunSweep) -> Study:
    """A study of one configuration. If both methods play at their own pace, it judges C4, C5 and C6."""
    question = "What do the players do in one configuration of the synthetic framework?"
    if sweep.pace is not None or not set(METHODS) <= set(sweep.methods):
        return _study(sweep.kind, question, sweep, _no_claim)
    like = Study("run", question, _RUN_CLAIM, _RUN_RULE, {})
    return _study(sweep.kind, question, sweep, _of_one_pair, like)


def vary(sweep: VarySweep) -> Study:
    """A study of what the recovery depends on. No claim of the paper is about that."""
    return _study(sweep.kind, "What does the recovery of every mode depend on?", sweep, _no_claim)


def _study(
    kind: str,
    question: str,
    sweep: PhaseSweep | ScalingSweep | RunSweep | VarySweep,
    verdict: SweepVerdict,
    like: Study | None = None,
) -> Study:
    claim, rule = (like.claim, like.rule) if like else ("", "")
    return Study(f"theory-{kind}", question, claim, rule, {SCALE: Scale(SweepDesign(sweep, verdict))})


def _of_one_pair(sweep: RunSweep, tables: Tables) -> Judgement:
    """The rules in `_RUN_RULE`."""
    recovery = [_recovery(sweep, tables.outcomes.filter(method=method)) for method in METHODS]
    moved = collapse.judge_pace(tables.paths, sweep.framework.d, sweep.steps, partly=True)
    return Judgement([*recovery, *moved])


def _recovery(sweep: RunSweep, own: pl.DataFrame) -> Finding:
    """C4 or C5, for the runs of one method."""
    runs, ever, at_end = len(own), own.filter(ever="all").height, own.filter(end="all").height
    share, first = wilson(ever, runs), own["first_recovery"].median()
    when = f", first at step {first:,.0f} (median)" if ever > runs / 2 else ""
    seen = f"{ever} of {runs} seeds find every mode{when}; {at_end} have them at the end."
    rates = f"With lr_d {sweep.lr_d:g} and lr_g {sweep.lr_g:g}, {seen}"
    if own["method"][0] == "nsgda":
        claim, sides = "C4: nSGDA recovers all modes", (share.low > 0.75, share.high < 0.5)
    else:
        claim, sides = "C5: SGDA does not recover all modes", (share.high < 0.25, share.low > 0.5)
    outcome = decide(supported=sides[0], contradicted=sides[1])
    about = f"d = {sweep.framework.d:,}, {sweep.steps:,} steps"
    effect = Effect("share of seeds that ever had every mode", *share)
    return Finding(claim, about, Verdict(outcome, rates, effect), f"one pair of rates, {runs} seeds")


def _no_claim(_: VarySweep | RunSweep, __: Tables) -> Judgement:
    return Judgement([])
