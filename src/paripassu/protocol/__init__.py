"""How every study is done: one `Study`, one runner, designs of two kinds."""

from paripassu.protocol.gans import (
    CUT_PHOTOGRAPHS,
    CUT_TUNING,
    Arm,
    ByArm,
    Comparison,
    Evidence,
    Game,
    Measure,
    VerdictRule,
    standard_scales,
)
from paripassu.protocol.runner import Progress, run_study, summarise
from paripassu.protocol.study import CUT_ALL, Design, Judgement, Scale, Study, Unit, Work, decide, too_small

__all__ = [
    "CUT_ALL",
    "CUT_PHOTOGRAPHS",
    "CUT_TUNING",
    "Arm",
    "ByArm",
    "Comparison",
    "Design",
    "Evidence",
    "Game",
    "Judgement",
    "Measure",
    "Progress",
    "Scale",
    "Study",
    "Unit",
    "VerdictRule",
    "Work",
    "decide",
    "run_study",
    "standard_scales",
    "summarise",
    "too_small",
]
