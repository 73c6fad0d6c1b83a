"""Which half of Adam does a GAN need, and does a constant length do as well?

Claim under test: C2: the adaptive magnitude of Adam is what GAN training needs; C3: normalised SGDA recovers
Adam's performance; C6: normalising makes both players move at the same pace (arXiv:2210.04319).

Two quantities matter to a person. The *value* of an arm is its mean score over the confirmation seeds, with
the settings that tuning chose. Its *ease* is its expected best score, averaged over 1 to all trials. A rule
looks at both. The lead of one arm over another has a bootstrap 95 % interval: for the value over seeds, for
the ease over trials, both paired. An arm *recovers* another's value or ease if its lead is above minus the
game's margin with its whole interval. It *loses* it if its lead is below that with its whole interval.

Adam has something to explain, in value or in ease, if its lead over sgda is above the margin with its whole
interval. Where it has not, a rule says nothing.

C2, the magnitude is what is needed. The *magnitude* is adam magnitude, the *direction* adam direction. For
the value or the ease, the claim is *supported* if the magnitude recovers Adam's and the direction loses it.
It is *contradicted* if the magnitude loses it, and either the direction recovers it or adam magnitude global
loses it too. If both halves recover it, either is enough, and the rule says nothing.

C3, normalised SGDA recovers Adam's performance. The paper has two normalisations, nsgda layer and nsgda
global. With two attempts, intervals are of 97.5 %. For the value or the ease, the claim is *supported* if one
of them recovers Adam's, and *contradicted* if both lose it. Beyond the paper, nsgda rms is judged by the same
rule alone: it sets the root mean square of each tensor's step to one, which is Adam's unit.

A claim is *supported* if value or ease supports it and neither contradicts it, *contradicted* if one
contradicts it and neither supports it, and *undecided* otherwise.

C6, normalising makes both players move at the same pace. The pace is the discriminator's relative step (its
length over that of the player's weights) over the generator's. A run's *pace gap* is the mean of
abs(log10(pace)) over its probed steps. *Supported* if the gaps of nsgda layer and nsgda global are below
0.30 (a factor of two), and sgda's minus theirs above zero, each with its whole interval. *Contradicted* if
both are 0.30 or above, or sgda's minus each is below zero, with their whole intervals. This says whether
the pace is the same, not whether it is the reason.

The *step wander* of a layer is the standard deviation of the lengths of its steps over their mean, after
division by what the learning rate had fallen to. A run's step wander is the median over both players' layers,
without the first tenth of the run. The *gradient wander* is the same of the gradients' lengths. They show how
constant Adam's magnitude is; no rule judges them.

Data by path: cifar10, a folder of its binary batches, with WGAN-GP, and with the non-saturating loss and R1;
cifar10-resnet, the same folder for WGAN-GP's ResNet as published, which needs a GPU; mnist, its
train-images-idx3-ubyte.gz; photographs, a folder, a zip or a Parquet file.
"""

from collections.abc import Callable, Sequence
from functools import partial

from paripassu.evidence.intervals import Interval
from paripassu.evidence.measures import gradient_wander, pace_gap, pace_wander, step_wander
from paripassu.protocol import (
    CUT_PHOTOGRAPHS,
    Comparison,
    Evidence,
    Study,
    decide,
    scale_for_a_gpu,
    short_scale,
    standard_scales,
)
from paripassu.records import Effect, Verdict, VerdictName
from paripassu.studies import pace
from paripassu.studies.arms import (
    ADAM,
    ADAM_DIRECTION,
    ADAM_MAGNITUDE,
    ADAM_MAGNITUDE_GLOBAL,
    ALL,
    NSGDA_GLOBAL,
    NSGDA_LAYER,
    NSGDA_RMS,
    SGDA,
)
from paripassu.studies.games import BY_PATH, DIGITS, DIGITS_WGAN_GP, GRID25, RING8, RING8_PLAIN

C2 = "C2: the adaptive magnitude of Adam is what GAN training needs"
C3 = "C3: normalised SGDA recovers Adam's performance"
C3_RMS = "Beyond C3: SGDA normalised in Adam's unit recovers Adam's performance"
C6 = "C6: normalising makes both players move at the same pace"


class _Leads:
    """Leads of arms over each other, in value or in ease, and what they amount to."""

    def __init__(self, evidence: Evidence, what: str, level: float = 0.95):
        self._evidence, self._level, self.what = evidence, level, what
        self.margin = evidence.game.margin

    def lead(self, one: str, other: str, level: float | None = None) -> Interval | None:
        """Of one arm over another; None where there was no tuning to have ease in."""
        measure = self._evidence.lead if self.what == "value" else self._evidence.ease_lead
        return measure(one, other, level=level or self._level)

    def recovers(self, arm: str) -> bool | None:
        """Whether an arm recovers Adam's value or ease; None if its interval has the margin in it."""
        lead = self.lead(arm, ADAM)
        if lead is None or lead.low <= -self.margin <= lead.high:
            return None
        return lead.low > -self.margin

    def something_to_explain(self) -> bool:
        """Whether Adam is ahead of SGDA by more than the margin."""
        gain = self.lead(ADAM, SGDA, 0.95)
        return gain is not None and gain.low > self.margin


def judge_magnitude(evidence: Evidence) -> Verdict:
    """The rule of C2 in this module's docstring."""

    def outcome(leads: _Leads) -> VerdictName:
        magnitude, direction = leads.recovers(ADAM_MAGNITUDE), leads.recovers(ADAM_DIRECTION)
        if magnitude and direction is False:
            return "supported"
        refuted = magnitude is False and (direction or leads.recovers(ADAM_MAGNITUDE_GLOBAL) is False)
        return "contradicted" if refuted else "undecided"

    return _judged(evidence, outcome, (ADAM_MAGNITUDE, ADAM_MAGNITUDE_GLOBAL, ADAM_DIRECTION))


def judge_recovery(evidence: Evidence) -> Verdict:
    """The rule of C3 in this module's docstring, for the paper's two normalisations."""
    arms = (NSGDA_LAYER, NSGDA_GLOBAL)
    return _judged(evidence, partial(_any_recovers, arms=arms), arms, level=0.975)


def judge_recovery_in_adams_unit(evidence: Evidence) -> Verdict:
    """The rule of C3 in this module's docstring, for nSGDA in Adam's unit."""
    return _judged(evidence, partial(_any_recovers, arms=(NSGDA_RMS,)), (NSGDA_RMS,))


def judge_pace(evidence: Evidence) -> Verdict:
    """The rule of C6 in this module's docstring."""
    gaps = evidence.estimates["pace gap"]
    return pace.judge({arm: gaps[arm] for arm in (NSGDA_LAYER, NSGDA_GLOBAL)}, gaps[SGDA])


def _any_recovers(leads: _Leads, arms: tuple[str, ...]) -> VerdictName:
    kept = [leads.recovers(arm) for arm in arms]
    if any(kept):
        return "supported"
    return "contradicted" if all(each is False for each in kept) else "undecided"


def _judged(
    evidence: Evidence,
    outcome: Callable[[_Leads], VerdictName],
    arms: Sequence[str],
    level: float = 0.95,
) -> Verdict:
    """A rule for the value and for the ease, and what both say together."""
    outcomes: list[VerdictName] = []
    reasons: list[str] = []
    for what in ("value", "ease"):
        leads = _Leads(evidence, what, level)
        gain = leads.lead(ADAM, SGDA, 0.95)
        if gain is None:
            continue
        if not leads.something_to_explain():
            reasons.append(
                f"In {what} the lead of Adam over SGDA is {gain}, not above the margin of {leads.margin:g}: "
                "there is nothing to explain."
            )
            continue
        outcomes.append(outcome(leads))
        behind = "; ".join(f"{arm} {leads.lead(arm, ADAM)}" for arm in arms)
        reasons.append(
            f"In {what} Adam leads SGDA by {gain}. The leads over Adam, with a margin of {leads.margin:g}: "
            f"{behind}."
        )
    supported, contradicted = ("supported" in outcomes, "contradicted" in outcomes)
    word = decide(supported=supported and not contradicted, contradicted=contradicted and not supported)
    effect = Effect(
        f"lead of {arms[0]} over Adam in value, on the scale of scores", *evidence.lead(arms[0], ADAM)
    )
    return Verdict(word, " ".join(reasons), effect)


_compare = partial(
    Comparison,
    arms=ALL,
    games=(RING8, RING8_PLAIN, GRID25, DIGITS, DIGITS_WGAN_GP),
    verdict={
        C2: judge_magnitude,
        C3: judge_recovery,
        C3_RMS: judge_recovery_in_adams_unit,
        C6: judge_pace,
    },
    measures={
        "pace gap": lambda table, _: pace_gap(table),
        "pace wander": lambda table, _: pace_wander(table),
        "step wander": lambda table, run: step_wander(table, run.rate_factor),
        "gradient wander": lambda table, _: gradient_wander(table),
    },
    by_path=BY_PATH,
)

STUDY = Study.from_file(
    __file__,
    standard_scales(_compare, cut=(CUT_PHOTOGRAPHS,)) | short_scale(_compare) | scale_for_a_gpu(_compare),
)
