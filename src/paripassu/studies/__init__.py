"""One question a file: arms, games, seeds and the verdict rule. The only home of hyperparameters."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from paripassu.protocol import Study

__all__ = ["find"]


@cache
def find() -> dict[str, Study]:
    """Every study in this folder by name: a module with a ``STUDY`` is one."""
    modules = [import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__)]
    studies = [module.STUDY for module in modules if hasattr(module, "STUDY")]
    return {study.name: study for study in studies}
