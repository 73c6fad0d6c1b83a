"""Normalised and grafted optimizers for two-player games, and the instruments to see why they work.

Torch and numpy are enough for all of these. `paripassu.theory` and the command line need the extra ``lab``.
"""

from importlib import import_module
from types import ModuleType

from paripassu import rules
from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft
from paripassu.probe import Probe, suggest_lr

__version__ = "0.1.0"
__all__ = ["NSGD", "AdaDir", "AdaNSGD", "Graft", "Probe", "__version__", "rules", "suggest_lr"]


def __getattr__(name: str) -> ModuleType:
    # Imported when first used: its compiler takes a second to load, which training does not need.
    if name == "theory":
        return import_module("paripassu.theory")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
