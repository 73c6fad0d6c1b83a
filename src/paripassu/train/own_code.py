"""Which files of a person's own have the code of a value, found through all that the value is made of."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from types import MethodType, ModuleType
from typing import Any, cast

from paripassu.train.own_files import module_hash

# What an environment has the versions of, or Python brings.
_OTHERS = {"paripassu", "torch", "numpy", "numba", *sys.stdlib_module_names} - {"__main__"}


def own_code(value: object) -> dict[str, str]:
    """SHA-256 by name of each file of a person's own that defines a part of ``value``.

    Parts are a dataclass's fields, what a list, a tuple, a set or a mapping holds, and a partial's function
    and arguments. A class counts with the classes that it is derived from. What a file imports does not
    count. Folders do not, since files may move. Files of equal name have their hashes side by side.

    Raises:
        ValueError: a file is gone since it was imported.

    Example:
        >>> own_code(partial(max, [1, 2.5, "text"]))
        {}
    """
    found: dict[str, set[str]] = {}
    for module, file in _files(value):
        found.setdefault(file.name, set()).add(module_hash(module))
    return {name: " ".join(sorted(found[name])) for name in sorted(found)}


def code_files(value: object) -> set[Path]:
    """The files that `own_code` has the hashes of."""
    return {file for _, file in _files(value)}


def _files(value: object) -> Iterator[tuple[ModuleType, Path]]:
    for name in dict.fromkeys(_modules(value, set())):
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if module and file and name.partition(".")[0] not in _OTHERS:
            yield module, Path(file).resolve()


def _modules(value: Any, seen: set[int]) -> Iterator[str]:
    if value is None or isinstance(value, int | float | str) or id(value) in seen:
        return
    seen.add(id(value))
    for each in (value, *(value if isinstance(value, type) else type(value)).__mro__):
        if isinstance(name := getattr(each, "__module__", None), str):
            yield name
    for part in _parts(value):
        yield from _modules(part, seen)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, Mapping):
        return [*cast(Mapping[Any, Any], value).items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [*cast(list[Any], value)]
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    return []
