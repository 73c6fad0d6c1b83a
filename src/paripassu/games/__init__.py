"""What the players of a GAN minimize: losses, penalties, the path length term, the deviation over a batch."""

from paripassu.games.deviation import BatchDeviation, batch_deviation
from paripassu.games.draws import Draws
from paripassu.games.losses import GanLoss, hinge, non_saturating, relativistic, wasserstein
from paripassu.games.path_length import PathLength, StyleBased
from paripassu.games.penalties import R1, R1R2, Penalty, WganGP
from paripassu.games.second_derivatives import input_gradient, second_order

__all__ = [
    "R1",
    "R1R2",
    "BatchDeviation",
    "Draws",
    "GanLoss",
    "PathLength",
    "Penalty",
    "StyleBased",
    "WganGP",
    "batch_deviation",
    "hinge",
    "input_gradient",
    "non_saturating",
    "relativistic",
    "second_order",
    "wasserstein",
]
