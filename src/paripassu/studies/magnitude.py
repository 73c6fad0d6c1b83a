"""Is Adam's magnitude in each layer nearly constant, and does a constant do as well?

Claim under test, recalled from the body of arXiv:2210.04319: Adam's magnitudes in each layer fluctuate around
a constant during training, and a constant may therefore replace them, which makes nSGDA of Ada-nSGDA. The
constant tried is the simplest, the same for every layer.

A run's *step wander* is the coefficient of variation over its probed steps (standard deviation over mean) of
the length of a layer's steps, the median over both players' layers; the first tenth of the run, in which
Adam's moments fill, is left out. At the constant learning rates here it is that of Adam's magnitude. The
*gradient wander* is the same of the gradients' lengths, for scale.

Verdict rule, per dataset, from the confirmation runs. W is adam's mean step wander; M, N and S are the mean
values (higher is better) of adam magnitude, nsgda layer and sgda; every interval is a bootstrap 95 % interval
over seeds. The constant *does* if N - M is above zero with its whole interval, or if M - S is, and the share
(N - S) / (M - S) of what the magnitude brings above one half with its whole interval. It *does not* if M - S
is above zero and that share below one half, each with its whole interval.

1. *Supported* if W is below 0.3 with its whole interval and the constant does.
2. *Contradicted* if W is above 0.3 with its whole interval, or the constant does not.
3. Otherwise *undecided*.

When this rule was written the results of the study grafting, in part the same runs, were known; step wanders
were not.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.protocol.study import CUT_ALL, CUT_PHOTOGRAPHS, CUT_TUNING, Evidence, Scale, Study
from paripassu.records import Effect, Record, Update, Verdict
from paripassu.studies.arms import ADAM, ADAM_MAGNITUDE, NSGDA_LAYER, SGDA
from paripassu.studies.games import DIGITS, RING8

_NEARLY_CONSTANT = 0.3
_WARM_UP = 0.1  # of the run

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


def step_wander(records: Sequence[Record]) -> float:
    """Median over the layers of how much the lengths of their steps vary; NaN without two probed steps."""
    return _wander(records, lambda update: update.update)


def gradient_wander(records: Sequence[Record]) -> float:
    """The same of the gradients' lengths."""
    return _wander(records, lambda update: update.gradient)


def _wander(records: Sequence[Record], length: Callable[[Update], float]) -> float:
    end = max((r.step for r in records), default=0)
    lengths: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        if isinstance(record, Update) and record.layer and record.step > _WARM_UP * end:
            lengths[record.player, record.layer].append(length(record))
    varied = [np.std(of_layer) / np.mean(of_layer) for of_layer in lengths.values() if np.mean(of_layer) > 0]
    return float(np.median(varied)) if varied else math.nan


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    wander = bootstrap_interval(lambda w: w, evidence.estimates["step wander"]["adam"])
    gradients = bootstrap_interval(lambda w: w, evidence.estimates["gradient wander"]["adam"])
    magnitude, constant, sgda = (evidence.goodness[a] for a in ("adam magnitude", "nsgda layer", "sgda"))
    gain = bootstrap_interval(lambda m, s: m - s, magnitude, sgda)
    lead = bootstrap_interval(lambda n, m: n - m, constant, magnitude)
    share = bootstrap_interval(lambda n, m, s: (n - s) / (m - s), constant, magnitude, sgda)
    effect = Effect("variation of a layer's step under Adam, as a part of its mean", *wander)
    reason = (
        f"A layer's step under Adam varies by {wander} of its mean, its gradient by {gradients}. A constant "
        f"is ahead of Adam's magnitude by {lead} and brings {share} of its advantage over SGDA, {gain}."
    )
    does = lead.low > 0 or (gain.low > 0 and share.low > 0.5)
    does_not = gain.low > 0 and share.high < 0.5
    if wander.high < _NEARLY_CONSTANT and does:
        return Verdict("supported", reason, effect)
    if wander.low > _NEARLY_CONSTANT or does_not:
        return Verdict("contradicted", reason, effect)
    return Verdict("undecided", reason, effect)


STUDY = Study(
    name="magnitude",
    question="Is Adam's magnitude in each layer nearly constant, and does a constant do as well?",
    claim=(
        "Recalled from the body of arXiv:2210.04319: Adam's magnitudes in each layer fluctuate around a "
        "constant, which may replace them."
    ),
    rule=(__doc__ or "").partition("\n\n")[2],
    arms=(ADAM, ADAM_MAGNITUDE, NSGDA_LAYER, SGDA),
    datasets=(RING8, DIGITS),
    scales=SCALES,
    verdict=verdict,
    measures={"step wander": step_wander, "gradient wander": gradient_wander},
)
