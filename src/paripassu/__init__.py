"""Normalised and grafted optimizers for two-player games, and the instruments to see why they work."""

from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft

__version__ = "0.1.0"
__all__ = ["NSGD", "AdaDir", "AdaNSGD", "Graft", "__version__"]
