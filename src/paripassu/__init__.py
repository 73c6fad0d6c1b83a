"""Normalised and grafted optimizers for two-player games, and the instruments to see why they work."""

from importlib import import_module
from types import ModuleType

from paripassu import rules
from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft
from paripassu.probe import Probe

__version__ = "0.1.0"
__all__ = ["NSGD", "AdaDir", "AdaNSGD", "Graft", "Probe", "__version__", "rules"]


def __getattr__(name: str) -> ModuleType:
    # Who trains a GAN should not wait for the theory's compiler.
    if name == "theory":
        return import_module("paripassu.theory")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
