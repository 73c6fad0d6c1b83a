"""Normalised and grafted optimizers for two-player games, and the instruments to see why they work."""

from paripassu import rules
from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft
from paripassu.probe import Probe

__version__ = "0.1.0"
__all__ = ["NSGD", "AdaDir", "AdaNSGD", "Graft", "Probe", "__version__", "rules"]
