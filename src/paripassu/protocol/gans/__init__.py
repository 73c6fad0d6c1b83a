"""Studies that compare arms on games. Each arm is tuned, then measured on fresh seeds."""

from paripassu.protocol.gans.comparison import Comparison
from paripassu.protocol.gans.game import Arm, ByArm, Evidence, Game, Measure, VerdictRule
from paripassu.protocol.gans.scales import CUT_PHOTOGRAPHS, CUT_TUNING, standard_scales

__all__ = [
    "CUT_PHOTOGRAPHS",
    "CUT_TUNING",
    "Arm",
    "ByArm",
    "Comparison",
    "Evidence",
    "Game",
    "Measure",
    "VerdictRule",
    "standard_scales",
]
