"""What the players play: losses and penalties of GANs, and toy games."""

from paripassu.games.draws import WHOLE, Share
from paripassu.games.losses import GanLoss, hinge, non_saturating, relativistic, wasserstein
from paripassu.games.path_length import PathLength, StyleBased
from paripassu.games.penalties import R1, R1R2, Penalty, WganGP

__all__ = [
    "R1",
    "R1R2",
    "WHOLE",
    "GanLoss",
    "PathLength",
    "Penalty",
    "Share",
    "StyleBased",
    "WganGP",
    "hinge",
    "non_saturating",
    "relativistic",
    "wasserstein",
]
