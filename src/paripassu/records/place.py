"""Where runs and studies are, for a sentence about a folder that is none."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from paripassu.records.run import RECORDS_FILE, RUN_FILE
from paripassu.records.study import STUDY_FILE

_DEPTH = 3  # folders below the named one that are looked at

_FILES = {"run": (RUN_FILE, RECORDS_FILE), "study": (STUDY_FILE,)}


def elsewhere(folder: Path, *kinds: str) -> str:
    """A sentence for a folder that is not there, or that holds what was meant in folders of its own.

    Args:
        folder: that a person named, and that is none of ``kinds`` itself.
        kinds: ``"run"``, ``"study"`` or both.

    Returns:
        The sentence; empty for a folder that is there and holds none.

    Example:
        >>> elsewhere(Path("nowhere"), "run")
        'there is no folder nowhere: name one that paripassu wrote'
    """
    if not folder.exists():
        return f"there is no folder {folder}: name one that paripassu wrote"
    if any((folder / name).exists() for names in _FILES.values() for name in names):
        return ""
    for kind in kinds:
        if found := _first(folder, _FILES[kind]):
            words = " and ".join(f"no {each}" for each in kinds)
            listed = f" (`paripassu runs {shlex.quote(str(folder))}` lists them)" if kind == "run" else ""
            return f"{folder} is {words}, but holds some: name one, such as {found}{listed}"
    return ""


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    """The first folder by name with one of the files, as near as possible."""
    for depth in range(1, _DEPTH + 1):
        for name in names:
            if found := min(folder.glob(f"{'*/' * depth}{name}"), default=None):
                return found.parent
    return None
