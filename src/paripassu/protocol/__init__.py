"""How every study is done: one `Study`, one runner, designs of two kinds."""

from paripassu.protocol.gans import (
    CUT_PHOTOGRAPHS,
    Arm,
    ByArm,
    Comparison,
    Evidence,
    Game,
    Measure,
    SearchSpace,
    Tuning,
    VerdictRule,
    scale_for_a_gpu,
    short_scale,
    standard_scales,
    untuned_scales,
)
from paripassu.protocol.runner import run_study, summarise
from paripassu.protocol.sitting import Progress
from paripassu.protocol.study import CUT_ALL, Design, Judgement, Scale, Study, Unit, Work, decide, too_small

__all__ = [
    "CUT_ALL",
    "CUT_PHOTOGRAPHS",
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
    "SearchSpace",
    "Study",
    "Tuning",
    "Unit",
    "VerdictRule",
    "Work",
    "decide",
    "run_study",
    "scale_for_a_gpu",
    "short_scale",
    "standard_scales",
    "summarise",
    "too_small",
    "untuned_scales",
]
