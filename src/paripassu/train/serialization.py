"""Settings as plain values and back: nested dataclasses, each of a family tagged with its class name.

A person's own rules, sources and architectures are described by their file (`paripassu.train.own_parts`).
"""

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import cattrs

from paripassu.data import FromDataset, Source
from paripassu.games import GanLoss, Penalty, losses
from paripassu.models import Architecture, FromFunction
from paripassu.rules import Rule
from paripassu.train.own_files import OwnPartError
from paripassu.train.own_parts import describe, rebuild

T = TypeVar("T")

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
        reasons = (
            "; ".join(cattrs.transform_error(error))
            if isinstance(error, cattrs.BaseValidationError)
            else error
        )
        raise ValueError(f"these settings are not a {kind.__name__} of this version: {reasons}") from error


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
    converter.register_structure_hook(GanLoss, lambda name, _: loss_names()[name])
    _register_wrapper(converter, FromDataset, "dataset")
    _register_wrapper(converter, FromFunction, "function")
    for family in _FAMILIES:
        _register(converter, family)
    return converter


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
            raise ValueError(f"{data['is']} is no {family.__name__}: there are {', '.join(sorted(members))}")
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
