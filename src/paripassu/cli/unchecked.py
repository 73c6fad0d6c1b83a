"""Options with the fields of a dataclass, checked when the command runs.

tyro reports what a dataclass refuses in a box that names its own internals. A twin without checks lets the
command report it, in one sentence.
"""

from collections.abc import Collection
from dataclasses import field, fields, is_dataclass, make_dataclass
from typing import Any, get_type_hints

import tyro


def unchecked(kind: type, *, hidden: Collection[str] = (), **defaults: object) -> Any:
    """A mutable twin of a dataclass, and of the dataclasses in its fields, for tyro to fill in.

    Args:
        kind: the dataclass; its docstring is the help.
        hidden: fields that are no options.
        defaults: of fields, if they differ from the dataclass's.

    Returns:
        A class. `checked` makes a ``kind`` from an instance of it.
    """
    made: list[Any] = []
    for name, hint in get_type_hints(kind).items():
        own = next((each for each in fields(kind) if each.name == name), None)
        if own is None:  # a class variable
            continue
        if is_dataclass(hint):
            twin = unchecked(hint, hidden=hidden, **defaults)  # pyright: ignore[reportArgumentType]
            made.append((name, twin, field(default_factory=twin)))
        else:
            shown = tyro.conf.Suppress[hint] if name in hidden else hint
            made.append((name, shown, field(default=defaults.get(name, own.default))))
    return make_dataclass(kind.__name__, made, namespace={"__doc__": kind.__doc__, "_kind": kind})


def checked(options: Any) -> Any:
    """The dataclass with the values of a twin.

    Raises:
        ValueError: the dataclass refuses them.
    """
    values = {each.name: getattr(options, each.name) for each in fields(options)}
    made = {name: checked(value) if is_dataclass(value) else value for name, value in values.items()}
    return options._kind(**made)  # noqa: SLF001
