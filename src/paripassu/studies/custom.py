"""Studies of sweeps with any settings. Each has the question and the rule of the study that it resembles."""

from paripassu.protocol import Judgement, Scale, Study
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
from paripassu.studies import collapse, collapse_dimension, pace

SCALE = "custom"


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
    """A study of one configuration. If both methods play, the rule of the study pace judges their pace."""
    question = "What do the players do in one configuration of the synthetic framework?"
    if not set(METHODS) <= set(sweep.methods):
        return _study(sweep.kind, question, sweep, _no_claim)
    like = Study("pace", question, pace.CLAIM, pace.RULE_OF_ONE, {})
    return _study(sweep.kind, question, sweep, _pace, like)


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


def _pace(sweep: RunSweep, tables: Tables) -> Judgement:
    return Judgement(collapse.judge_pace(tables.paths, sweep.framework.d, sweep.steps))


def _no_claim(_: VarySweep | RunSweep, __: Tables) -> Judgement:
    return Judgement([])
