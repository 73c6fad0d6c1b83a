"""Names that a person types for the parts of a run, and what they stand for.

Each part may also be a person's own, as ``FILE.py:NAME`` (`paripassu.train.own_parts`).
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from paripassu.data import (
    PUBLISHED,
    Cifar,
    Digits,
    Grid,
    Hub,
    Idx,
    ImageFolder,
    Npz,
    PixelFile,
    Ring,
    Source,
    StackedDigits,
)
from paripassu.games import R1, R1R2, Penalty, WganGP
from paripassu.models import DCGAN, MLP, SNGAN, Architecture, StyleGAN2, WganGPResNet
from paripassu.printable import printable
from paripassu.rules import (
    SGD,
    Adam,
    Graft,
    MaxVA,
    Normalize,
    Optimistic,
    Orthogonal,
    RMSprop,
    Rule,
    RunningNormalize,
    Sign,
    Weight,
)
from paripassu.train.own_files import is_name_in_file
from paripassu.train.own_parts import as_part, load_part

T = TypeVar("T")

SOURCES: Mapping[str, Callable[[], Source]] = {
    "digits": Digits,
    "stacked-digits": StackedDigits,
    "ring": Ring,
    "grid": Grid,
}
MODELS: Mapping[str, Architecture] = {
    model.name: model for model in (MLP(), DCGAN(), WganGPResNet(), SNGAN(), StyleGAN2())
}
PENALTIES: Mapping[str, Callable[..., Penalty]] = {"wgan-gp": WganGP, "r1": R1, "r1-r2": R1R2}
OPTIMIZERS: Mapping[str, Rule] = {
    "adam": Adam((0.5, 0.999)),
    "sgd": SGD(),
    "rmsprop": RMSprop(),
    "nsgd": Normalize(SGD(), "layer", "rms"),
    "nsgd-global": Normalize(SGD(), "global"),
    "nsgd-layer": Normalize(SGD(), "layer"),
    "adansgd": Graft(Adam((0.5, 0.999)), SGD()),
    "adadir": Graft(SGD(), Adam((0.5, 0.999))),
    "nsgd-row": Normalize(SGD(), "row"),
    "nsgd-running": RunningNormalize(),
    "sign": Sign(),
    "maxva": MaxVA((0.5, 0.999)),
    "optimistic-adam": Optimistic(Adam((0.5, 0.999))),
    "orthogonal": Orthogonal(),
    "lars": Graft(Weight(), SGD()),
    "lamb": Graft(Weight(), Adam((0.5, 0.999))),
}


def choose(what: str, name: str, choices: Mapping[str, T]) -> T:
    """The choice called ``name``; without one, a ``ValueError`` that lists the near matches."""
    if name in choices:
        return choices[name]
    raise ValueError(unknown(what, name, choices))


def unknown(what: str, name: str, names: Iterable[str]) -> str:
    """One sentence about a name that does not exist."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    if name.endswith(".py"):
        hint = f"say what in the file, as {name}:NAME, or "
    return f"there is no {what} {name!r}: {hint}choose from {', '.join(names)}"


def rule(name: object) -> Rule:
    """An optimizer's rule by its name, or the one that was given."""
    if not isinstance(name, str):
        return as_part(name, Rule)
    return load_part(name, Rule) if is_name_in_file(name) else choose("optimizer", name, OPTIMIZERS)


def rule_with(rule: Rule, setting: str, value: object) -> Rule | None:
    """``rule`` with a setting of its own and of the rules inside it changed; None if none has it."""
    changes: dict[str, Any] = {}
    for field in fields(rule) if is_dataclass(rule) else ():
        part = getattr(rule, field.name)
        if field.name == setting:
            changes[setting] = value
        elif isinstance(part, Rule) and (inside := rule_with(part, setting, value)):
            changes[field.name] = inside
    return replace(cast(Any, rule), **changes) if changes else None


def architecture(name: object, given: Mapping[str, object], recipe: Architecture) -> Architecture:
    """The recipe's model, or another one by name or given, with the given settings."""
    if name is None or name == recipe.name:
        model = recipe
    elif not isinstance(name, str):
        model = as_part(name, Architecture)
    else:
        model = load_part(name, Architecture) if is_name_in_file(name) else choose("model", name, MODELS)
    if not given:
        return model
    settings = {field.name for field in fields(model)} if is_dataclass(model) else set[str]()
    if lacking := sorted(given.keys() - settings):
        raise ValueError(f"{model.name} has no {', '.join(lacking)} to set: leave it out")
    return replace(cast(Any, model), **given)


def source(name: object, by_path: Mapping[str, Any], wanted: int | None) -> Source:
    """Data by name, or images by path, or what was given.

    Args:
        name: what a person typed, or a path, source or dataset.
        by_path: settings that a person gave for images by path, by their names in `ImageFolder`.
        wanted: the resolution of the recipe's images, if a person gave none.
    """
    name = str(name) if isinstance(name, Path) else name
    name = name if isinstance(name, str) else as_part(name, Source)
    label = name.name if isinstance(name, Source) else name
    if by_path and (isinstance(name, Source) or is_name_in_file(name) or name in SOURCES):
        options = ", ".join(f"--{option.replace('_', '-')}" for option in by_path)
        raise ValueError(f"leave out {options}: {label} has its own, they are for images by path")
    if isinstance(name, Source):
        return name
    if is_name_in_file(name):
        return load_part(name, Source)
    if name in SOURCES:
        return SOURCES[name]()
    path = Path(name)
    published, _, revision = name.partition("@")
    if (not path.exists() and published not in PUBLISHED) or path.suffix == ".py":
        raise ValueError(unknown("data source or path", name, [*SOURCES, *PUBLISHED]))
    settings: dict[str, Any] = dict(by_path) if wanted is None else {"resolution": wanted, **by_path}
    kind = _kind(path) if path.exists() else Hub
    if lacking := sorted(settings.keys() - {field.name for field in fields(kind)}):
        option = lacking[0].replace("_", "-")
        raise ValueError(f"leave out --{option}: it is for {_FOR[lacking[0]]}, unlike {printable(name)}")
    if kind is Hub:
        if "@" in name and settings.setdefault("revision", revision) != revision:
            raise ValueError(f"{name} names a revision: leave --revision out")
        return Hub(published, **settings)
    if kind is ImageFolder and "resolution" not in settings:
        raise ValueError("say the size images are brought to, such as --resolution 32")
    return cast(Callable[..., Source], kind)(path.resolve(), **settings)


# What an option of images by path is for.
_FOR: Mapping[str, str] = {
    "channels": "image files",
    "on_bad_image": "image files",
    "column": "Parquet files",
    "array": "an npz",
    "split": "folders, zips, Parquet files and npz",
    "revision": "published sets",
}


def _kind(path: Path) -> type[PixelFile | ImageFolder]:
    if path.is_dir():
        return Cifar if Cifar.is_at(path) else ImageFolder
    if path.suffix == ".npz":
        return Npz
    return Idx if path.name.removesuffix(".gz").endswith("ubyte") else ImageFolder
