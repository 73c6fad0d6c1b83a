"""Of a thousand modes that can be counted, how many does a GAN on real digits keep under each optimizer?

Claim under test: what C4 and C5 of arXiv:2210.04319 say of a synthetic framework, carried over to images:
three of scikit-learn's digits, or of MNIST's, are the channels of one, and the 1,000 triples are the modes.
The paper does not claim that; a verdict here is not one on C4 or C5.

26,000 samples are classified channel by channel; a mode is captured if one of them shows it. Learning rates
are tuned for the divergence of the triples from even shares.

Verdict rule, from the confirmation runs: that of the study mixtures, of 1,000 modes. L, G and S are mean
numbers of captured modes of nsgda layer, nsgda global and sgda; every interval is a bootstrap 95 % interval
over seeds.

1. *Supported* if L or G is at least 900 with its whole interval, and S below it with the whole interval of
   the difference.
2. *Contradicted* if S is at least 900 with its whole interval, or if L - S and G - S are both below zero
   with their whole intervals.
3. Otherwise *undecided*.

Data by path: stacked-mnist, MNIST's train-images-idx3-ubyte.gz.
"""

from paripassu.protocol.study import CUT_ALL, Evidence, Scale, Study
from paripassu.records import Verdict
from paripassu.studies.arms import ADAM, NSGDA_GLOBAL, NSGDA_LAYER, SGDA
from paripassu.studies.games import STACKED_DIGITS, stacked_mnist
from paripassu.studies.mixtures import judge

_MODES = 1000

SCALES = {
    "smoke": Scale(
        rates=1,
        tuning_seeds=0,
        confirmation_seeds=2,
        steps={"stacked-digits": 6, "stacked-mnist": 2},
        cut=(CUT_ALL,),
        decides=False,
    ),
    "small": Scale(
        rates=5, tuning_seeds=2, confirmation_seeds=8, steps={"stacked-digits": 2000, "stacked-mnist": 2000}
    ),
    "paper": Scale(
        rates=7,
        tuning_seeds=5,
        confirmation_seeds=20,
        steps={"stacked-digits": 30_000, "stacked-mnist": 30_000},
    ),
}


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    return judge(evidence.estimates[evidence.dataset.metric.replace("kl", "modes")], _MODES)


STUDY = Study(
    name="stacked-digits",
    question="Of a thousand modes that can be counted, how many does a GAN on real digits keep?",
    claim=(
        "Beyond the paper: what C4 and C5 of arXiv:2210.04319 say of its synthetic framework holds for GANs "
        "on triples of real digits."
    ),
    rule=(__doc__ or "").partition("\n\n")[2],
    arms=(ADAM, NSGDA_LAYER, NSGDA_GLOBAL, SGDA),
    datasets=(STACKED_DIGITS,),
    scales=SCALES,
    verdict=verdict,
    by_path={"stacked-mnist": stacked_mnist},
)
