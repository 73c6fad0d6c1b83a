"""One question a file: arms, games, seeds and the verdict rule. The only home of hyperparameters."""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from paripassu.protocol import Study
from paripassu.train.own_files import OwnPartError, load_file

__all__ = ["find", "load"]


@cache
def find() -> dict[str, Study]:
    """Every study in this folder by name: a module with a ``STUDY`` is one."""
    modules = [import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__)]
    studies = [module.STUDY for module in modules if hasattr(module, "STUDY")]
    return {study.name: study for study in studies}


def load(file: Path | str) -> Study:
    """The ``STUDY`` of a Python file outside of the package.

    Raises:
        ValueError: the file is not there, raises while it is imported, or has no ``STUDY``.
    """
    module = load_file(file)
    study = getattr(module, "STUDY", None)
    if not isinstance(study, Study):
        has = "no STUDY" if study is None else f"a STUDY that is an object of {type(study).__name__}"
        raise OwnPartError(
            f"{module.__file__} has {has}: define STUDY = paripassu.protocol.Study.from_file(__file__, ...)"
        )
    return study
