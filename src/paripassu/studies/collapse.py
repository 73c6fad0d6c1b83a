"""Does normalised SGDA recover all modes in the synthetic framework, and SGDA at no learning rates?

Claims under test: C4 and C5 of arXiv:2210.04319, and of C6 that normalising makes both players move at the
same pace, not that this is why it works.

Each method plays every pair of learning rates of a grid on some seeds. The pair with which most runs ever had
every mode, most still had them at the end, and soonest, is judged on fresh seeds; SGDA's a second time, among
the rates up to 1 with several times the steps. The verdict rules:

C4, nSGDA recovers all modes: the share of nSGDA's fresh seeds that ever had every mode within the budget.
Supported if the lower end of its 95 % Wilson interval is above 3/4, contradicted if the upper end is below
1/2.

C5, SGDA does not, whatever its learning rates: the same share for SGDA. Supported if the upper end of its
interval is below 1/4, contradicted if the lower end is above 1/2. Once for each budget; and no grid is "any
rates".

C6, normalising keeps the players at the same pace: on the fresh seeds of the first budget, by the rule of the
study pace, in which nSGDA stands for both normalised arms. The pace is the discriminator's relative step, its
length over that of the player's weights, over the generator's; a run's gap is the mean of abs(log10(pace))
over its recorded steps, which are even on a logarithmic scale, where both players move. Supported if nSGDA's
mean gap is below 0.30 (a factor of two) with its whole bootstrap 95 % interval and SGDA's minus it above
zero with its whole interval; contradicted if nSGDA's gap is 0.30 or above, or SGDA's minus it below zero,
each with its whole interval. Fewer than five seeds decide nothing.

Whatever is neither is undecided. The rules of C4 and C5 were fixed before the first sweep. So was a laxer one
for C6, which took a mean gap below 1, a factor of ten, for the same pace; it gave way to that of the study
pace when 0.97 for nSGDA and 2.43 for SGDA were known.
"""

from paripassu.protocol.study import CUT_ALL
from paripassu.protocol.sweeps.study import SweepScale, SweepStudy
from paripassu.protocol.sweeps.sweep import PhaseSweep
from paripassu.theory import Framework

_GAME = Framework(d=10_000)
_ONE_GAME = (
    "One game: d = 10,000, two modes that overlap by 0.1, ten discriminator and eight generator neurons, one "
    "scale of the start, rates that never decay, exact expectations."
)
_LESS = (
    "SGDA's small rates get 60,000 steps instead of scale paper's 600,000; pairs are chosen on 8 seeds "
    "instead of 32, and judged on 32 instead of 256."
)

STUDY = SweepStudy(
    name="theory-modes",
    question="Do nSGDA and SGDA recover all modes of the synthetic framework, at their best learning rates?",
    claim=(
        "C4: nSGDA recovers all modes; C5: SGDA does not, whatever its learning rates; C6: normalising makes "
        "discriminator and generator move at the same pace (arXiv:2210.04319)."
    ),
    rule=(__doc__ or "").partition("\n\n")[2],
    scales={
        "smoke": SweepScale(
            PhaseSweep(_GAME, (0.1, 1.0), (0.01, 0.1), seeds=2, fresh_seeds=2, steps=300, patience=2),
            cut=(CUT_ALL,),
            decides=False,
        ),
        "small": SweepScale(PhaseSweep(_GAME), cut=(_ONE_GAME, _LESS)),
        "paper": SweepScale(PhaseSweep(_GAME, seeds=32, fresh_seeds=256, patience=60), cut=(_ONE_GAME,)),
    },
)
