"""Does normalising make discriminator and generator move at the same pace?

Claim under test: C6 of arXiv:2210.04319: normalising works because it makes both players move at the same
pace. This study tests that it does, not that this is why it works; how well each arm does stands beside its
pace.

The pace is the discriminator's relative step, its length over the length of the player's weights, over the
generator's. A run's *pace gap* is the mean over its probed steps of the absolute decimal logarithm of the
pace: 0 where both always move alike, 1 where one moves ten times as far. Its *pace wander* is the standard
deviation of that logarithm: 0 where the pace is constant, whatever it is.

Verdict rule, per dataset, from the confirmation runs. S is sgda's mean pace gap, L and G are those of nsgda
layer and nsgda global; every interval is a bootstrap 95 % interval over seeds. A small gap is one below 0.30,
a factor of two.

1. *Supported* if, for L and for G alike, it is small with its whole interval and S minus it is above zero
   with its whole interval.
2. *Contradicted* if, for L and for G alike, it is 0.30 or above with its whole interval, or S minus it is
   below zero with its whole interval.
3. Otherwise *undecided*.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.protocol.study import CUT_ALL, CUT_PHOTOGRAPHS, CUT_TUNING, Evidence, Scale, Study
from paripassu.records import Effect, Pace, Record, Verdict
from paripassu.studies.arms import ADAM, ADAM_MAGNITUDE, NSGDA_GLOBAL, NSGDA_LAYER, SGDA
from paripassu.studies.games import DIGITS, RING8

_SMALL = math.log10(2)

SCALES = {
    "smoke": Scale(
        rates=1,
        tuning_seeds=0,
        confirmation_seeds=2,
        steps={"ring8": 20, "digits": 6},
        cut=(CUT_ALL,),
        decides=False,
    ),
    "small": Scale(
        rates=1,
        tuning_seeds=0,
        confirmation_seeds=8,
        steps={"ring8": 3000, "digits": 1000},
        cut=(CUT_TUNING,),
    ),
    "paper": Scale(
        rates=7,
        tuning_seeds=5,
        confirmation_seeds=20,
        steps={"ring8": 30_000, "digits": 30_000},
        cut=(CUT_PHOTOGRAPHS,),
    ),
}


def pace_gap(records: Sequence[Record]) -> float:
    """Mean distance of the pace from 1, in decades; NaN without a probed step in which both moved."""
    logarithms = _logarithms(records)
    return float(np.abs(logarithms).mean()) if logarithms.size else math.nan


def pace_wander(records: Sequence[Record]) -> float:
    """Standard deviation of the pace, in decades; NaN without a probed step in which both moved."""
    logarithms = _logarithms(records)
    return float(logarithms.std()) if logarithms.size else math.nan


def _logarithms(records: Sequence[Record]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    paces = [r.value for r in records if isinstance(r, Pace) and 0 < r.value < math.inf]
    return np.log10(np.asarray(paces, dtype=np.float64))


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    gaps = evidence.estimates["pace gap"]
    return judge({arm: gaps[arm] for arm in ("nsgda layer", "nsgda global")}, gaps["sgda"])


def judge(normalised: Mapping[str, Sequence[float]], sgda: Sequence[float]) -> Verdict:
    """The rule, for one normalised method or several.

    Args:
        normalised: their pace gaps, one per seed, by name; what the rule asks of L and G it asks of each.
        sgda: SGDA's pace gaps.
    """
    arms = normalised.values()
    own = [bootstrap_interval(lambda n: n, arm) for arm in arms]
    leads = [bootstrap_interval(lambda s, n: s - n, sgda, arm) for arm in arms]
    lead_of_all = bootstrap_interval(lambda s, *each: s - sum(each) / len(each), sgda, *arms)
    effect = Effect("decades by which SGDA's pace is further from 1 than nSGDA's", *lead_of_all)
    pairs = list(zip(own, leads, strict=True))
    told = zip(normalised, pairs, strict=True)
    reason = "; ".join(
        f"under {name} the pace is {gap} decades from 1, under SGDA further by {lead}"
        for name, (gap, lead) in told
    )
    reason = f"{reason[0].upper()}{reason[1:]}."
    if all(gap.high < _SMALL and lead.low > 0 for gap, lead in pairs):
        return Verdict("supported", reason, effect)
    if all(gap.low >= _SMALL or lead.high < 0 for gap, lead in pairs):
        return Verdict("contradicted", reason, effect)
    return Verdict("undecided", reason, effect)


STUDY = Study(
    name="pace",
    question="Does normalising make discriminator and generator move at the same pace?",
    claim="C6: normalising makes discriminator and generator move at the same pace (arXiv:2210.04319).",
    rule=(__doc__ or "").partition("\n\n")[2],
    arms=(ADAM, ADAM_MAGNITUDE, NSGDA_LAYER, NSGDA_GLOBAL, SGDA),
    datasets=(RING8, DIGITS),
    scales=SCALES,
    verdict=verdict,
    measures={"pace gap": pace_gap, "pace wander": pace_wander},
)
