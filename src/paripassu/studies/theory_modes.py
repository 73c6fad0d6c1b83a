"""Does normalised SGDA recover all modes in the synthetic framework, and SGDA at no learning rates?

Claims under test: C4 and C5 of arXiv:2210.04319, and what C6 gives as the reason. `PhaseSweep` says what
runs, `theory_verdicts` what the runs decide, by rules fixed before them.
"""

from paripassu.studies.theory_study import SweepStudy
from paripassu.studies.theory_sweep import PhaseSweep
from paripassu.theory import Framework

_GAME = Framework(d=10_000)

STUDY = SweepStudy(
    name="theory-modes",
    question="Do nSGDA and SGDA recover all modes of the synthetic framework, at their best learning rates?",
    scales={
        "smoke": PhaseSweep(_GAME, (0.1, 1.0), (0.01, 0.1), seeds=2, fresh_seeds=2, steps=300, patience=2),
        "small": PhaseSweep(_GAME),
        "paper": PhaseSweep(_GAME, seeds=32, fresh_seeds=256, patience=60),
    },
)
