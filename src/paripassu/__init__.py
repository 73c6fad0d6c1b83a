"""Normalised and grafted optimizers for two-player games, and the instruments to see why they work.

Torch and numpy are enough for the optimizers, the rules, the probe and the losses. `load`, the other packages
and the command line need the extra ``lab``.
"""

from importlib import import_module

TYPE_CHECKING = False  # as type checkers read it; `typing` takes as long to load as all else here
if TYPE_CHECKING:
    from paripassu import data as data
    from paripassu import games as games
    from paripassu import metrics as metrics
    from paripassu import models as models
    from paripassu import optim as optim
    from paripassu import probe as probe
    from paripassu import recipes as recipes
    from paripassu import rules
    from paripassu import theory as theory
    from paripassu import train as train
    from paripassu.evidence import load
    from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft, RuleOptimizer
    from paripassu.probe import ConsoleWriter, Probe, TensorBoardWriter, suggest_lr

__version__ = "0.1.0"
__all__ = [
    "NSGD", "AdaDir", "AdaNSGD", "ConsoleWriter", "Graft", "Probe", "RuleOptimizer", "TensorBoardWriter",
    "__version__", "load", "rules", "suggest_lr",
]  # fmt: skip

# Imported when first used: torch takes seconds to load, and Ctrl-C in them is answered by our own code.
_HOMES = {
    "NSGD": "optim",
    "AdaDir": "optim",
    "AdaNSGD": "optim",
    "Graft": "optim",
    "load": "evidence",
    "RuleOptimizer": "optim",
    "ConsoleWriter": "probe",
    "Probe": "probe",
    "TensorBoardWriter": "probe",
    "suggest_lr": "probe",
}
_PACKAGES = ("data", "games", "metrics", "models", "optim", "probe", "recipes", "rules", "theory", "train")


def __getattr__(name: str) -> object:
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})
