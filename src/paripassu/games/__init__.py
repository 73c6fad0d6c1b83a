"""What the players play: losses and penalties of GANs, and toy games."""

from paripassu.games.losses import GanLoss, hinge, non_saturating, wasserstein
from paripassu.games.penalties import R1, Penalty, WganGP
from paripassu.games.toy import bilinear, dirac_gan

__all__ = [
    "R1",
    "GanLoss",
    "Penalty",
    "WganGP",
    "bilinear",
    "dirac_gan",
    "hinge",
    "non_saturating",
    "wasserstein",
]
