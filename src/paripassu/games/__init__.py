"""What the players play: losses and penalties of GANs, and toy games."""

from paripassu.games.losses import GanLoss, hinge, non_saturating, relativistic, wasserstein
from paripassu.games.path_length import PathLength, StyleBased
from paripassu.games.penalties import R1, R1R2, Penalty, WganGP
from paripassu.games.share import WHOLE, Share
from paripassu.games.toy import bilinear, dirac_gan

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
    "bilinear",
    "dirac_gan",
    "hinge",
    "non_saturating",
    "relativistic",
    "wasserstein",
]
