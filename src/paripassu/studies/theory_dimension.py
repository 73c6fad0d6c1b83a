"""How does the time to recover all modes of the synthetic framework grow with the dimension?

Claim under test: C5 of arXiv:2210.04319 as a statement about time. `ScalingSweep` says what runs,
`theory_verdicts` what the runs decide, by rules fixed before them.
"""

from paripassu.studies.theory_study import SweepStudy
from paripassu.studies.theory_sweep import ScalingSweep
from paripassu.theory import Framework

_GAME = Framework(d=100)  # each dimension in its turn

STUDY = SweepStudy(
    name="theory-dimension",
    question="How does the time to recover all modes of the synthetic framework grow with the dimension?",
    scales={
        "smoke": ScalingSweep(_GAME, (100, 1000), (1.0,), (0.01, 0.1), seeds=2, fresh_seeds=2, steps=300),
        "small": ScalingSweep(_GAME),
        "paper": ScalingSweep(_GAME, seeds=32, fresh_seeds=128, steps=10_000_000),
    },
)
