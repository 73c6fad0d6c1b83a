"""Does a GAN on a mixture lose modes under SGDA and keep them under normalised SGDA?

Claim under test: Beyond the paper: what C4 and C5 of arXiv:2210.04319 say of its synthetic framework holds
for GANs on mixtures of Gaussians.

The paper does not claim that, so a verdict here is not one on C4 or C5.

A mode is captured if at least one of 2,500 samples lies within three of its standard deviations. Learning
rates are tuned for the overlap with the mixture. Lost modes, unequal modes and stray samples all lower it.
All arms have the same momentum.

Verdict rule, per game of K modes, from the confirmation runs. L, G and S are mean numbers of captured modes
of nsgda layer, nsgda global and sgda; every interval is a bootstrap 95 % interval over seeds.

1. *Supported* if L or G is at least 0.9 K with its whole interval, and S below it with the whole interval of
   the difference.
2. *Contradicted* if S is at least 0.9 K with its whole interval, or if L - S and G - S are both below zero
   with their whole intervals.
3. Otherwise *undecided*.
"""

from functools import partial

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.protocol import ByArm, Comparison, Evidence, Study, standard_scales
from paripassu.records import Effect, Verdict
from paripassu.studies.arms import ADAM, NSGDA_GLOBAL, NSGDA_LAYER, NSGDA_RMS, SGDA, arms
from paripassu.studies.games import GRID25, RING16

_MODES = {"ring16": 16, "grid25": 25}
_NEARLY_ALL = 0.9


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    return judge(evidence.estimates["modes@2500"], _MODES[evidence.game.name])


def judge(captured: ByArm, modes: int) -> Verdict:
    """The rule on captured modes.

    Args:
        captured: number of captured modes, by arm and seed.
        modes: number of modes of the game.
    """
    layer, whole, sgda = (captured[arm] for arm in (NSGDA_LAYER, NSGDA_GLOBAL, SGDA))
    own = [bootstrap_interval(lambda n: n, arm) for arm in (layer, whole)]
    leads = [bootstrap_interval(lambda n, s: n - s, arm, sgda, paired=True) for arm in (layer, whole)]
    left = bootstrap_interval(lambda s: s, sgda)
    both = bootstrap_interval(lambda n, m, s: (n + m) / 2 - s, layer, whole, sgda, paired=True)
    effect = Effect(f"modes of {modes} that nSGDA captures more than SGDA", *both)
    reason = (
        f"Of {modes} modes, nsgda layer captures {own[0]}, nsgda global {own[1]}, sgda {left}; "
        f"the first two are ahead of sgda by {leads[0]} and {leads[1]}."
    )
    enough = _NEARLY_ALL * modes
    if any(n.low >= enough and lead.low > 0 for n, lead in zip(own, leads, strict=True)):
        return Verdict("supported", reason, effect)
    if left.low >= enough or all(lead.high < 0 for lead in leads):
        return Verdict("contradicted", reason, effect)
    return Verdict("undecided", reason, effect)


_compare = partial(
    Comparison,
    arms=arms(ADAM, NSGDA_LAYER, NSGDA_GLOBAL, NSGDA_RMS, SGDA),
    games=(RING16, GRID25),
    verdict=verdict,
)

STUDY = Study.from_file(__file__, standard_scales(_compare))
