"""Of a thousand modes that can be counted, how many does a GAN on real digits keep under each optimizer?

Claim under test: Beyond the paper: what C4 and C5 of arXiv:2210.04319 say of its synthetic framework holds
for GANs on triples of real digits.

The paper does not claim that, so a verdict here is not one on C4 or C5. Three of scikit-learn's digits, or of
MNIST's, are the channels of one image. The 1,000 triples are the modes.

A classifier reads 26,000 samples channel by channel. A mode is captured if at least one sample shows it.
Learning rates are tuned for the divergence of the triples from even shares.

The verdict rule is that of the study mixtures, with 1,000 modes, from the confirmation runs. L, G and S are
mean numbers of captured modes of nsgda layer, nsgda global and sgda; every interval is a bootstrap 95 %
interval over seeds.

1. *Supported* if L or G is at least 900 with its whole interval, and S below it with the whole interval of
   the difference.
2. *Contradicted* if S is at least 900 with its whole interval, or if L - S and G - S are both below zero
   with their whole intervals.
3. Otherwise *undecided*.

Data by path: stacked-mnist, MNIST's train-images-idx3-ubyte.gz.
"""

from functools import partial

from paripassu.protocol import Comparison, Evidence, Study, standard_scales
from paripassu.records import Verdict
from paripassu.studies.arms import ADAM, NSGDA_GLOBAL, NSGDA_LAYER, NSGDA_RMS, SGDA, arms
from paripassu.studies.games import STACKED_DIGITS, stacked_mnist
from paripassu.studies.mixtures import judge

_MODES = 1000


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    return judge(evidence.estimates[evidence.game.metric.replace("kl", "modes")], _MODES)


_compare = partial(
    Comparison,
    arms=arms(ADAM, NSGDA_LAYER, NSGDA_GLOBAL, NSGDA_RMS, SGDA),
    games=(STACKED_DIGITS,),
    verdict=verdict,
    by_path={"stacked-mnist": stacked_mnist},
)

STUDY = Study.from_file(__file__, standard_scales(_compare))
