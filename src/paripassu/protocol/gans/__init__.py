"""Studies that compare arms on games. Each arm is tuned, then measured on fresh seeds."""

from paripassu.protocol.gans.comparison import Comparison
from paripassu.protocol.gans.game import Arm, ByArm, Evidence, Game, Measure, VerdictRule
from paripassu.protocol.gans.scales import (
    CUT_PHOTOGRAPHS,
    scale_for_a_gpu,
    short_scale,
    standard_scales,
    untuned_scales,
)
from paripassu.protocol.gans.tuning import SearchSpace, Tuning

__all__ = [
    "CUT_PHOTOGRAPHS",
    "Arm",
    "ByArm",
    "Comparison",
    "Evidence",
    "Game",
    "Measure",
    "SearchSpace",
    "Tuning",
    "VerdictRule",
    "scale_for_a_gpu",
    "short_scale",
    "standard_scales",
    "untuned_scales",
]
