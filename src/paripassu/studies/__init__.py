"""One question a file: arms, grids, seeds and the verdict rule. The only home of hyperparameters."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from paripassu.protocol.runner import plan, run_study, summarise
from paripassu.protocol.study import Study
from paripassu.protocol.sweeps.runner import summarise_sweep
from paripassu.protocol.sweeps.study import SweepStudy

__all__ = ["Study", "SweepStudy", "find", "plan", "run_study", "summarise", "summarise_sweep"]


@cache
def find() -> dict[str, Study | SweepStudy]:
    """Every study in this folder by name: a module with a ``STUDY`` is one."""
    modules = [import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__)]
    studies = [module.STUDY for module in modules if hasattr(module, "STUDY")]
    return {study.name: study for study in studies}
