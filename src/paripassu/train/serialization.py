"""Settings as plain values and back: nested dataclasses, each of a family tagged with its class name.

A person's own rules, sources and architectures are described by their file (`paripassu.train.own_parts`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import cattrs

from paripassu.data import FromDataset, Source
from paripassu.games import GanLoss, Penalty, losses
from paripassu.models import Architecture, FromFunction
from paripassu.rules import Rule
from paripassu.train.names import choose, unknown
from paripassu.train.own_files import OwnPartError
from paripassu.train.own_parts import describe, rebuild

T = TypeVar("T")

_NUMBERS: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,)}
_WORDS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false"}

_FAMILIES = (Rule, Source, Architecture, Penalty)


def plain(value: object, kind: type | None = None) -> Any:
    """A settings object as dictionaries, lists, strings and numbers; of a family by its ``kind``."""
    return _converter().unstructure(value, kind)


def build(data: Any, kind: type[T]) -> T:
    """The object that `plain` was given.

    Raises:
        ValueError: the data are not a ``kind``'s, or a setting in them is out of range.
    """
    try:
        return _converter().structure(data, kind)
    except (cattrs.BaseValidationError, KeyError, TypeError) as error:
        if own := _own_error(error):
            raise own from error
        reasons = "; ".join(_reasons(error))
        raise ValueError(f"these settings are not a {kind.__name__} of this version: {reasons}") from error


def _reasons(error: BaseException, place: str = "") -> Iterator[str]:
    """A sentence for each thing that is wrong, which names the setting."""
    where = f"{place}: " if place else ""
    if isinstance(error, cattrs.ClassValidationError):
        noted, others = error.group_exceptions()
        for each, note in noted:
            inside = f"{place}.{note.name}".lstrip(".")
            yield from [f"{inside} is missing"] if isinstance(each, KeyError) else _reasons(each, inside)
        for each in others:
            yield from _reasons(each, place)
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [field.name for field in fields(error.cl)] if is_dataclass(error.cl) else []
        for key in sorted(error.extra_fields):
            yield where + unknown("setting", key, known)
    elif isinstance(error, cattrs.BaseValidationError):
        yield from (reason.replace("@ $", f"in {place}") for reason in cattrs.transform_error(error))
    elif isinstance(error, TypeError | AttributeError):
        yield f"{where}this is no object with settings"
    else:
        yield where + str(error)


def _own_error(error: BaseException) -> OwnPartError | None:
    if isinstance(error, OwnPartError):
        return error
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for each in inside if (found := _own_error(each))), None)


def loss_names() -> dict[str, GanLoss]:
    """The package's losses by the names they have in `paripassu.games.losses`."""
    return {name: value for name, value in vars(losses).items() if isinstance(value, GanLoss)}


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    converter.register_unstructure_hook(GanLoss, _loss_name)
    for kind, accepted in _NUMBERS.items():
        converter.register_structure_hook(kind, partial(_number, accepted))
    converter.register_structure_hook(GanLoss, lambda name, _: choose("loss", name, loss_names()))
    _register_wrapper(converter, FromDataset, "dataset")
    _register_wrapper(converter, FromFunction, "function")
    converter.register_structure_hook_func(lambda kind: get_origin(kind) is Literal, _word)
    for family in _FAMILIES:
        _register(converter, family)
    return converter


def _known(members: Iterable[str]) -> str:
    return f"there are {', '.join(sorted(name for name in members if not name.startswith('_')))}"


def _number(accepted: tuple[type, ...], value: Any, kind: type) -> Any:
    """A number or a truth value as it was written; cattrs takes 12.7 steps for 12, and "False" for True."""
    if type(value) not in accepted:
        raise ValueError(f"it must be {_WORDS[kind]}, got {value!r}")
    return kind(value)


def _word(value: Any, kind: Any) -> Any:
    words = get_args(kind)
    if not any(value == word and type(value) is type(word) for word in words):
        raise ValueError(f"it must be one of {', '.join(map(str, words))}, got {value!r}")
    return value


def _register(converter: cattrs.Converter, family: type) -> None:
    # For the abstract class alone: its members are plain dataclasses, which may hold members in turn.
    members = {member.__name__: member for member in _concrete(family)}

    def tagged(value: object) -> dict[str, Any]:
        name = type(value).__name__
        if members.get(name) is not type(value):
            return describe(value, converter.unstructure)
        return {"is": name} | converter.unstructure(value, type(value))

    def member(data: dict[str, Any], _: object) -> object:
        if "sha256" in data:
            return rebuild(data, converter.structure)
        if data["is"] not in members:
            raise ValueError(f"{data['is']} is no {family.__name__}: {_known(members)}")
        return converter.structure({k: v for k, v in data.items() if k != "is"}, members[data["is"]])

    converter.register_unstructure_hook_func(lambda kind: kind is family, tagged)
    converter.register_structure_hook_func(lambda kind: kind is family, member)


def _register_wrapper(converter: cattrs.Converter, kind: type[Any], wrapped: str) -> None:
    """For a source or architecture around an object of a person's own."""

    def unstructure(value: object) -> dict[str, Any]:
        rest = {field.name: getattr(value, field.name) for field in fields(kind)}
        return rest | {wrapped: describe(rest[wrapped], converter.unstructure)}

    def structure(data: dict[str, Any], _: object) -> object:
        return kind(**data | {wrapped: rebuild(data[wrapped], converter.structure)})

    converter.register_unstructure_hook(kind, unstructure)
    converter.register_structure_hook(kind, structure)


def _concrete(family: type) -> list[type]:
    """The package's own members of a family; a person's are described by their files."""
    below = [c for child in family.__subclasses__() for c in _concrete(child)]
    is_concrete = not getattr(family, "__abstractmethods__", None)
    return below + [family] * (is_concrete and family.__module__.startswith("paripassu."))


def _loss_name(loss: GanLoss) -> str:
    for name, value in loss_names().items():
        if value is loss:
            return name
    raise ValueError(f"a run's loss must be one of {', '.join(loss_names())}: name yours in games/losses.py")
