"""Settings as plain values and back: nested dataclasses, each of a family tagged with its class name."""

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import cattrs
from cattrs.gen import make_dict_unstructure_fn, override

from paripassu.data import Hub, Source
from paripassu.games import GanLoss, Penalty, losses
from paripassu.models import Architecture, StyleGAN2
from paripassu.rules import Rule

T = TypeVar("T")

_FAMILIES = (Rule, Source, Architecture, Penalty)
# Came after runs were keyed: as their defaults they go unsaid, so that those runs keep their keys.
_LATER = {Hub: ("channels", "on_bad_image"), StyleGAN2: ("deviation_group", "residual")}


def plain(value: object) -> Any:
    """A settings object as dictionaries, lists, strings and numbers."""
    return _converter().unstructure(value)


def build(data: Any, kind: type[T]) -> T:
    """The object that `plain` was given.

    Raises:
        ValueError: the data are not a ``kind``'s, or a setting in them is out of range.
    """
    try:
        return _converter().structure(data, kind)
    except (cattrs.BaseValidationError, KeyError, TypeError) as error:
        reasons = (
            "; ".join(cattrs.transform_error(error))
            if isinstance(error, cattrs.BaseValidationError)
            else error
        )
        raise ValueError(f"these settings are not a {kind.__name__} of this version: {reasons}") from error


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
    for kind, names in _LATER.items():
        unsaid: dict[str, Any] = {name: override(omit_if_default=True) for name in names}
        converter.register_unstructure_hook(kind, make_dict_unstructure_fn(kind, converter, **unsaid))
    for family in _FAMILIES:
        _register(converter, family)
    return converter


def _register(converter: cattrs.Converter, family: type) -> None:
    # For the abstract class alone: its members are plain dataclasses, which may hold members in turn.
    members = {member.__name__: member for member in _concrete(family)}

    def tagged(value: object) -> dict[str, Any]:
        return {"is": type(value).__name__} | converter.unstructure(value, type(value))

    def member(data: dict[str, Any], _: object) -> object:
        if data["is"] not in members:
            raise ValueError(f"{data['is']} is no {family.__name__}: there are {', '.join(sorted(members))}")
        return converter.structure({k: v for k, v in data.items() if k != "is"}, members[data["is"]])

    converter.register_unstructure_hook_func(lambda kind: kind is family, tagged)
    converter.register_structure_hook_func(lambda kind: kind is family, member)


def _concrete(family: type) -> list[type]:
    below = [c for child in family.__subclasses__() for c in _concrete(child)]
    return below if below or getattr(family, "__abstractmethods__", None) else [family]


def _loss_name(loss: GanLoss) -> str:
    for name, value in loss_names().items():
        if value is loss:
            return name
    raise ValueError(f"a run's loss must be one of {', '.join(loss_names())}: name yours in games/losses.py")
