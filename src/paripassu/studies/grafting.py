"""Does Adam help a GAN through its magnitude or through its direction?

Claim under test: C2: the adaptive magnitude of Adam is what GAN training needs (arXiv:2210.04319).

Verdict rule, per game, from the confirmation runs. A, M, D and S are the arms' mean values (higher is
better): adam, adam magnitude, adam direction, sgda; every interval is a bootstrap 95 % interval over seeds.

1. *Undecided* unless A - S is above zero with its whole interval. Otherwise there is nothing to explain.
2. *Supported* if M - D is above zero with its whole interval, and the share (M - S) / (A - S) of Adam's
   advantage that its magnitude alone recovers is above one half with its whole interval.
3. *Contradicted* if M - D is below zero with its whole interval, or the whole interval of that share is
   below one half.
4. Otherwise *undecided*.
"""

from functools import partial

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.protocol import CUT_PHOTOGRAPHS, Comparison, Evidence, Scale, Study, standard_scales
from paripassu.records import Effect, Verdict
from paripassu.studies.arms import ADAM, ADAM_DIRECTION, ADAM_MAGNITUDE, NSGDA_GLOBAL, NSGDA_LAYER, SGDA
from paripassu.studies.games import DIGITS, RING8


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    adam, magnitude, direction, sgda = (
        evidence.scores[arm] for arm in ("adam", "adam magnitude", "adam direction", "sgda")
    )
    gain = bootstrap_interval(lambda a, s: a - s, adam, sgda)
    if gain.low <= 0:
        reason = f"Adam's advantage over SGDA is {gain}, so there is nothing to explain."
        return Verdict("undecided", reason, Effect("Adam's advantage over SGDA", *gain))
    lead = bootstrap_interval(lambda m, d: m - d, magnitude, direction)
    share = bootstrap_interval(lambda m, s, a: (m - s) / (a - s), magnitude, sgda, adam)
    effect = Effect("share of Adam's advantage over SGDA that its magnitude recovers", *share)
    reason = (
        f"The lead of Adam's magnitude over its direction is {lead}; it recovers {share} of Adam's advantage "
        f"over SGDA, which is {gain}."
    )
    if lead.low > 0 and share.low > 0.5:
        return Verdict("supported", reason, effect)
    if lead.high < 0 or share.high < 0.5:
        return Verdict("contradicted", reason, effect)
    return Verdict("undecided", reason, effect)


_compare = partial(
    Comparison,
    arms=(ADAM, ADAM_MAGNITUDE, ADAM_DIRECTION, NSGDA_LAYER, NSGDA_GLOBAL, SGDA),
    games=(RING8, DIGITS),
    verdict=verdict,
)
_DEMO = Scale(
    _compare(size="demo", rates=1, confirmation_seeds=2),
    cut=(
        "Learning rates are not tuned: each arm uses the one that scale small chose on its tuning seeds.",
        "There are 2 seeds instead of 8, and half of the updates of scale small.",
        "Intervals from 2 seeds are too narrow. The result that counts is that of scale small.",
    ),
)

STUDY = Study.from_file(__file__, standard_scales(_compare, cut=(CUT_PHOTOGRAPHS,)) | {"demo": _DEMO})
