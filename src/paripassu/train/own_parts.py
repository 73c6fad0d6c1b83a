"""A person's own rules, networks and data as parts of a run.

A run keeps its own parts in its settings as the file, the name in it and the file's SHA-256, and, if the part
is a dataclass, its fields. A later process imports the file from there; a file that has changed is refused.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar, cast

from torch.utils.data import Dataset

from paripassu.data import FromDataset, Source
from paripassu.games import Penalty
from paripassu.models import Architecture, FromFunction
from paripassu.printable import printable
from paripassu.rules import Rule
from paripassu.train.own_files import Origin, OwnPartError, changed, find, load_name, origin_in, origin_of

T = TypeVar("T")

_HINTS: dict[type, str] = {
    Rule: "a rule has init and update, see paripassu.rules.Rule; FromTorch makes one of torch's optimizers",
    Source: "data are a paripassu.data.Source, a torch Dataset, or a function that makes one",
    Architecture: "networks are a paripassu.models.Architecture, or a function of shape and latent that "
    "returns a generator and a discriminator",
}
# Objects that have a name in a file, but no settings to be made of again: by id, so they are kept.
_NAMED: dict[int, tuple[object, Origin]] = {}


def load_part(text: str, kind: type[T]) -> T:
    """The rule, source or architecture called ``FILE.py:NAME``.

    A class is called without arguments. For data, a torch ``Dataset`` or a function that makes one will do;
    for networks, a function of the samples' shape and the latents' length that returns both.

    Args:
        text: what a person typed.
        kind: `Rule`, `Source` or `Architecture`.

    Raises:
        ValueError: the file is not there, raises, has no such name, or has something else by that name.
    """
    module, name, value = load_name(text)
    how = f"make one in the file, as in MINE = {name}(...), and give FILE.py:MINE"
    value = _instance(value, kind, text, how)
    if not _is_settings(value):
        _NAMED[id(value)] = value, origin_in(module, name)
    return _checked(value, kind, text)


def as_part(value: object, kind: type[T]) -> T:
    """The rule, source or architecture that a person gave as an object, by the laws of `load_part`.

    Raises:
        ValueError: it is none, or a class that needs settings.
    """
    text = value.__name__ if isinstance(value, type) else printable(repr(value))
    return _checked(_instance(value, kind, text, f"give one, as in {text}(...)"), kind, text)


def _instance(value: Any, kind: type, text: str, how: str) -> Any:
    """An object of a class that could be a part; anything else stays."""
    if not (isinstance(value, type) and issubclass(value, kind | Dataset)):
        return value
    try:
        return value()
    except TypeError as error:
        raise OwnPartError(f"{text} cannot be made without settings ({error}): {how}") from error


def _checked(value: Any, kind: type[T], text: str) -> T:
    part = _wrapped(value, kind)
    if not isinstance(part, kind):
        what = "a class" if isinstance(value, type) else f"an object of {type(value).__name__}"
        wanted = f"{'an' if kind is Architecture else 'a'} {kind.__name__}"
        raise OwnPartError(f"{text} is {what}, not {wanted}: {_HINTS[kind]}")
    return part


def _wrapped(value: Any, kind: type) -> Any:
    if kind is Architecture and isinstance(value, FunctionType):
        latent = inspect.signature(value).parameters.get("latent")
        if latent is None or not isinstance(latent.default, int):
            raise OwnPartError(
                f"{value.__name__} in {value.__code__.co_filename} needs a parameter latent with a default: "
                f"def {value.__name__}(shape, latent=64)"
            )
        return FromFunction(value, latent.default)
    if kind is Source and (isinstance(value, Dataset | FunctionType) or _is_map(value)):
        return FromDataset(value)
    return value


def _is_map(value: object) -> bool:
    return hasattr(value, "__getitem__") and hasattr(value, "__len__") and not isinstance(value, str | dict)


def describe(value: object, plain: Callable[[Any, type], dict[str, Any]]) -> dict[str, Any]:
    """A person's own part as settings.

    Args:
        value: the part.
        plain: gives a dataclass's fields as plain values.

    Raises:
        ValueError: it could not be found or made again from its settings.
    """
    kind = type(value)
    if not _is_settings(value):
        return describe_object(value)
    origin = origin_of(kind)
    assert origin
    own = plain(value, kind)
    try:
        json.dumps(own)
    except TypeError as error:
        raise OwnPartError(
            f"a setting of {kind.__name__} in {origin.file} is no number, text, list or rule ({error}): "
            "make such objects in its methods"
        ) from error
    return _described(origin) | {"settings": own}


def describe_object(value: Any) -> dict[str, Any]:
    """An object, a class or a function by its name in a file."""
    if id(value) in _NAMED:
        return _described(_NAMED[id(value)][1])
    if isinstance(value, FunctionType | type):
        origin = origin_of(value)
        assert origin
        return _described(origin)
    for module in dict.fromkeys([sys.modules.get(type(value).__module__), sys.modules.get("__main__")]):
        for name, each in list(vars(module).items()) if module else ():
            if each is value and isinstance(module, ModuleType) and getattr(module, "__file__", None):
                return _described(origin_in(module, name))
    if not getattr(value, "__dict__", True):  # nothing was given to it
        return describe_object(type(value))
    raise OwnPartError(
        f"this {type(value).__name__} could not be made again from a run's settings: let its class be a "
        "frozen dataclass, or give the object a name at the top of its file"
    )


def rebuild(settings: dict[str, Any], structure: Callable[[Any, type], Any]) -> Any:
    """The part that `describe` was given.

    Raises:
        ValueError: its file is not there, or has changed.
    """
    origin = Origin(Path(settings["file"]), settings["is"], settings["sha256"])
    value = find(origin)
    if "settings" in settings:
        return structure(settings["settings"], value)
    if isinstance(value, type):
        value = value()
    if not isinstance(value, FunctionType):
        _NAMED[id(value)] = value, origin
    return value


def own_files(part: object) -> set[Path]:
    """The files of a person's own that a part, or a part inside it, is defined in."""
    return {origin.file for origin in _origins(part)}


def _origins(part: Any) -> Iterator[Origin]:
    if id(part) in _NAMED:
        yield _NAMED[id(part)][1]
    if isinstance(part, FunctionType):
        if origin := origin_of(part):
            yield origin
        return
    if isinstance(part, Rule | Source | Architecture | Penalty | Dataset) and (
        origin := origin_of(type(part))
    ):
        yield origin
    for field in fields(part) if is_dataclass(part) and not isinstance(part, type) else ():
        yield from _origins(getattr(part, field.name))


def portable(settings: Any) -> Any:
    """Settings without the folders of a person's files, which may move: their hashes say what they are."""
    if isinstance(settings, dict):
        kept = {name: portable(value) for name, value in cast(dict[str, Any], settings).items()}
        return kept | {"file": Path(kept["file"]).name} if "sha256" in kept else kept
    if isinstance(settings, list | tuple):
        return [portable(value) for value in cast(list[Any], settings)]
    return settings


def check_unchanged(old: Any, new: Any) -> None:
    """Raise ``ValueError`` if a part of equal name and file has another hash in other settings."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return
    if "sha256" in old and "sha256" in new:
        same = Path(old["file"]).name == Path(new["file"]).name and old["is"] == new["is"]
        if same and old["sha256"] != new["sha256"]:
            raise OwnPartError(changed(new["file"]))
    for name in old.keys() & new.keys():
        check_unchanged(old[name], new[name])


def _described(origin: Origin) -> dict[str, Any]:
    return {"is": origin.name, "file": str(origin.file), "sha256": origin.sha256}


def _is_settings(value: object) -> bool:
    """Whether an object is its settings: an instance of a dataclass that is no wrapper of other objects."""
    return is_dataclass(value) and not isinstance(value, type)
