"""Does normalising make discriminator and generator move at the same pace?

Claim under test: C6: normalising makes discriminator and generator move at the same pace
(arXiv:2210.04319).

The paper says that this is why normalising works. This study tests whether the pace is the same, not whether
it is the reason. The page shows how well each arm does beside its pace.

A player's relative step is the length of its step over the length of its weights. The pace is the
discriminator's relative step over the generator's. A run's *pace gap* is the mean over its probed steps of
the absolute decimal logarithm of the pace: 0 where both always move alike, 1 where one moves ten times as
far. Its *pace wander* is the standard deviation of that logarithm: 0 where the pace is constant, whatever it
is.

Verdict rule, per game, from the confirmation runs. S is sgda's mean pace gap, L and G are those of nsgda
layer and nsgda global; every interval is a bootstrap 95 % interval over seeds. A small gap is one below
0.30, a factor of two.

1. *Supported* if, for L and for G alike, it is small with its whole interval and S minus it is above zero
   with its whole interval.
2. *Contradicted* if, for L and for G alike, it is 0.30 or above with its whole interval, or S minus it is
   below zero with its whole interval.
3. Otherwise *undecided*.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.evidence.measures import pace_gap, pace_wander
from paripassu.protocol import CUT_PHOTOGRAPHS, Comparison, Evidence, Study, standard_scales
from paripassu.records import Effect, Verdict
from paripassu.studies.arms import ADAM, ADAM_MAGNITUDE, NSGDA_GLOBAL, NSGDA_LAYER, SGDA
from paripassu.studies.games import DIGITS, RING8

_SMALL = math.log10(2)


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    gaps = evidence.estimates["pace gap"]
    return judge({arm: gaps[arm] for arm in ("nsgda layer", "nsgda global")}, gaps["sgda"])


def judge(normalised: Mapping[str, Sequence[float]], sgda: Sequence[float]) -> Verdict:
    """The rule, for one normalised method or several.

    Args:
        normalised: pace gaps of the normalised methods, one per seed, by name. The rule treats each as it
            treats L and G.
        sgda: SGDA's pace gaps, one per seed.
    """
    arms = normalised.values()
    own = [bootstrap_interval(lambda n: n, arm) for arm in arms]
    leads = [bootstrap_interval(lambda s, n: s - n, sgda, arm) for arm in arms]
    lead_of_all = bootstrap_interval(lambda s, *each: s - sum(each) / len(each), sgda, *arms)
    effect = Effect("decades by which SGDA's pace is further from 1 than nSGDA's", *lead_of_all)
    pairs = list(zip(own, leads, strict=True))
    reason = "; ".join(
        f"under {name} the pace is {gap} decades from 1, under SGDA {lead} further"
        for name, (gap, lead) in zip(normalised, pairs, strict=True)
    )
    reason = f"{reason[0].upper()}{reason[1:]}."
    if all(gap.high < _SMALL and lead.low > 0 for gap, lead in pairs):
        return Verdict("supported", reason, effect)
    if all(gap.low >= _SMALL or lead.high < 0 for gap, lead in pairs):
        return Verdict("contradicted", reason, effect)
    return Verdict("undecided", reason, effect)


_compare = partial(
    Comparison,
    arms=(ADAM, ADAM_MAGNITUDE, NSGDA_LAYER, NSGDA_GLOBAL, SGDA),
    games=(RING8, DIGITS),
    verdict=verdict,
    measures={"pace gap": pace_gap, "pace wander": pace_wander},
)

STUDY = Study.from_file(__file__, standard_scales(_compare, tune=False, cut=(CUT_PHOTOGRAPHS,)))
