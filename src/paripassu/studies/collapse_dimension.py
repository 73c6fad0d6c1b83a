"""How does the time to recover all modes of the synthetic framework grow with the dimension?

Claim under test: C5 of arXiv:2210.04319 as a statement about time.

At every dimension each method's pair of learning rates is chosen on some seeds and judged on fresh ones; a
run stops at the first record with every mode, or at the budget. The exponent is the slope of the logarithm of
the median time on that of the dimension, by least squares over the dimensions at which more than half of the
seeds had every mode; its 95 % interval is a bootstrap's over seeds, in which a median beyond the budget is
taken at the budget.

Verdict rule, fixed before the first sweep. Supported if SGDA's interval lies above 1/2 and nSGDA's below it,
contradicted if SGDA's lies below 1/2. Otherwise undecided, as where a method has every mode at fewer than two
dimensions.
"""

from paripassu.protocol.study import CUT_ALL
from paripassu.protocol.sweeps.study import SweepScale, SweepStudy
from paripassu.protocol.sweeps.sweep import ScalingSweep
from paripassu.theory import Framework

_GAME = Framework(d=100)  # each dimension in its turn
_ONE_GAME = (
    "One game: two modes that overlap by 0.1, ten discriminator and eight generator neurons, rates that "
    "never decay, exact expectations. The interval does not count that the pairs of rates were chosen on few "
    "seeds."
)
_LESS = (
    "Runs end at 200,000 steps instead of scale paper's 10,000,000, so that SGDA's exponent rests on the "
    "dimensions that it manages in those; pairs are chosen on 8 seeds instead of 32, and judged on 16 "
    "instead of 128."
)

STUDY = SweepStudy(
    name="theory-dimension",
    question="How does the time to recover all modes of the synthetic framework grow with the dimension?",
    claim=(
        "C5 as a statement about time: the time that SGDA needs to recover all modes grows with the "
        "dimension, that of nSGDA hardly (arXiv:2210.04319)."
    ),
    rule=(__doc__ or "").partition("\n\n")[2],
    scales={
        "smoke": SweepScale(
            ScalingSweep(_GAME, (100, 1000), (1.0,), (0.01, 0.1), seeds=2, fresh_seeds=2, steps=300),
            cut=(CUT_ALL,),
            decides=False,
        ),
        "small": SweepScale(ScalingSweep(_GAME), cut=(_ONE_GAME, _LESS)),
        "paper": SweepScale(
            ScalingSweep(_GAME, seeds=32, fresh_seeds=128, steps=10_000_000), cut=(_ONE_GAME,)
        ),
    },
)
