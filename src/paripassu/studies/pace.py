"""The rule on pace, which is the same for GANs and for the synthetic framework.

A player's relative step is the length of its step over the length of its weights. The pace is the
discriminator's relative step over the generator's. A run's *pace gap* is the mean over its recorded steps of
the absolute decimal logarithm of the pace: 0 where both always move alike, 1 where one moves ten times as
far. A small gap is one below 0.30, a factor of two.
"""

import math
from collections.abc import Mapping, Sequence

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.records import Effect, Verdict

CLAIM = "C6: normalising makes discriminator and generator move at the same pace (arXiv:2210.04319)."
_RULE = """\
S is {sgda}'s mean pace gap, {normalised}; every interval is a bootstrap
95 % interval over seeds. The paper says that an even pace is why normalising works. This rule is about
whether the pace is the same, not whether it is the reason.

1. *Supported* if, {alike}the gap is below 0.30 with its whole interval and S minus it is
   above zero with its whole interval.
2. *Contradicted* if, {alike}the gap is 0.30 or above with its whole interval, or S minus it
   is below zero with its whole interval.
3. Otherwise *undecided*.
"""
RULE = _RULE.format(
    sgda="sgda",
    normalised="L and G are those of nSGDA per layer and per player",
    alike="for L and for G alike, ",
)
RULE_OF_ONE = _RULE.format(sgda="SGDA", normalised="N is nSGDA's", alike="for N, ")
"""For a sweep in which nSGDA has one form."""

_SMALL = math.log10(2)


def judge(normalised: Mapping[str, Sequence[float]], sgda: Sequence[float]) -> Verdict:
    """The rule in `RULE`, for one normalised method or several.

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
