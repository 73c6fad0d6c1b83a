"""Is Adam's magnitude in each layer nearly constant, and does a constant do as well?

Claim under test: Adam's magnitudes in each layer fluctuate around a constant, which may replace them
(recalled from the body of arXiv:2210.04319).

Replacing Adam's magnitudes by a constant turns Ada-nSGDA into nSGDA. The constant tried here is the
simplest one, the same for every layer.

The *step wander* of a layer is the coefficient of variation (standard deviation over mean) of the lengths of
its steps, over a run's probed steps. A run's step wander is the median over both players' layers. The first
tenth of the run, in which Adam's moments fill, is left out. Learning rates are constant here, so this is the
wander of Adam's magnitude. The *gradient wander* is the same for the gradients' lengths, for scale.

Verdict rule, per game, from the confirmation runs. W is adam's mean step wander. M, N and S are the mean
values (higher is better) of adam magnitude, nsgda layer and sgda. Every interval is a bootstrap 95 %
interval over seeds. (N - S) / (M - S) is the constant's share of the magnitude's advantage over sgda. The
constant

- *suffices* if N - M is above zero with its whole interval, or if M - S is, and that share is above one half
  with its whole interval;
- *fails* if M - S is above zero and that share below one half, each with its whole interval.

1. *Supported* if W is below 0.3 with its whole interval and the constant suffices.
2. *Contradicted* if W is above 0.3 with its whole interval, or the constant fails.
3. Otherwise *undecided*.

When this rule was written the results of the study grafting were known, in part from the same runs. Step
wanders were not known.
"""

from functools import partial

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.evidence.measures import gradient_wander, step_wander
from paripassu.protocol import CUT_PHOTOGRAPHS, Comparison, Evidence, Study, standard_scales
from paripassu.records import Effect, Verdict
from paripassu.studies.arms import ADAM, ADAM_MAGNITUDE, NSGDA_LAYER, SGDA
from paripassu.studies.games import DIGITS, RING8

_NEARLY_CONSTANT = 0.3
_WARM_UP = 0.1  # of the run


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    wander = bootstrap_interval(lambda w: w, evidence.estimates["step wander"]["adam"])
    gradients = bootstrap_interval(lambda w: w, evidence.estimates["gradient wander"]["adam"])
    magnitude, constant, sgda = (evidence.scores[a] for a in ("adam magnitude", "nsgda layer", "sgda"))
    gain = bootstrap_interval(lambda m, s: m - s, magnitude, sgda)
    lead = bootstrap_interval(lambda n, m: n - m, constant, magnitude)
    share = bootstrap_interval(lambda n, m, s: (n - s) / (m - s), constant, magnitude, sgda)
    effect = Effect("variation of a layer's step under Adam, as a share of its mean", *wander)
    reason = (
        f"A layer's step under Adam varies by {wander} of its mean, its gradient by {gradients}. A constant "
        f"is ahead of Adam's magnitude by {lead} and has {share} of its advantage over SGDA, {gain}."
    )
    suffices = lead.low > 0 or (gain.low > 0 and share.low > 0.5)
    fails = gain.low > 0 and share.high < 0.5
    if wander.high < _NEARLY_CONSTANT and suffices:
        return Verdict("supported", reason, effect)
    if wander.low > _NEARLY_CONSTANT or fails:
        return Verdict("contradicted", reason, effect)
    return Verdict("undecided", reason, effect)


_compare = partial(
    Comparison,
    arms=(ADAM, ADAM_MAGNITUDE, NSGDA_LAYER, SGDA),
    games=(RING8, DIGITS),
    verdict=verdict,
    measures={"step wander": step_wander, "gradient wander": gradient_wander},
)

STUDY = Study.from_file(__file__, standard_scales(_compare, tune=False, cut=(CUT_PHOTOGRAPHS,)))
