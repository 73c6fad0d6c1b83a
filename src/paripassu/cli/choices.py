"""Names a person types, and what they stand for."""

import difflib
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import torch

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
from paripassu.metrics import (
    MAX_PAIRED_SAMPLES,
    DigitFeatures,
    EfficientNetLite0Features,
    FeatureMetric,
    FeatureNetwork,
    InceptionFeatures,
    Kind,
    MnistFeatures,
    PixelFeatures,
)
from paripassu.models import DCGAN, MLP, SNGAN, Architecture, StyleGAN2, WganGPResNet
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Rule
from paripassu.train import check_device, is_one_of_many

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
NETWORKS: Mapping[str, FeatureNetwork] = {
    network.name: network
    for network in (
        DigitFeatures(),
        MnistFeatures(),
        PixelFeatures(),
        EfficientNetLite0Features(),
        InceptionFeatures(),
    )
}

OPTIMIZERS: Mapping[str, Rule] = {
    "adam": Adam((0.5, 0.999)),
    "sgd": SGD(),
    "rmsprop": RMSprop(),
    "nsgd": Normalize(SGD(), "global"),
    "nsgd-layer": Normalize(SGD(), "layer"),
    "adansgd": Graft(Adam((0.5, 0.999)), SGD()),
    "adadir": Graft(SGD(), Adam((0.5, 0.999))),
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
    return f"there is no {what} {name!r}: {hint}choose from {', '.join(names)}"


def rule_with(rule: Rule, setting: str, value: object) -> Rule | None:
    """``rule`` with a setting of its own and of the rules inside it changed; None if none has it."""
    changes: dict[str, Any] = {}
    for field in fields(cast(Any, rule)):
        part = getattr(rule, field.name)
        if field.name == setting:
            changes[setting] = value
        elif isinstance(part, Rule) and (inside := rule_with(part, setting, value)):
            changes[field.name] = inside
    return replace(cast(Any, rule), **changes) if changes else None


def architecture(name: str | None, given: Mapping[str, object], recipe: Architecture) -> Architecture:
    """The recipe's model, or another one by name, with the given settings."""
    model = recipe if name in (None, recipe.name) else choose("model", name, MODELS)
    lacking = sorted(given.keys() - {field.name for field in fields(cast(Any, model))})
    if lacking:
        raise ValueError(f"{model.name} has no {', '.join(lacking)} to set: leave it out")
    return replace(cast(Any, model), **given)


def source(name: str, by_path: Mapping[str, Any], wanted: int | None) -> Source:
    """Data by name, or images by path.

    Args:
        name: what a person typed.
        by_path: settings that a person gave for images by path, by their names in `ImageFolder`.
        wanted: the resolution that the recipe wants, if a person gave none.
    """
    if name in SOURCES:
        if by_path:
            options = ", ".join(f"--{option.replace('_', '-')}" for option in by_path)
            raise ValueError(f"leave out {options}: {name} has its own, they are for images by path")
        return SOURCES[name]()
    path = Path(name)
    if not path.exists() and name not in PUBLISHED:
        raise ValueError(unknown("data source or path", name, [*SOURCES, *PUBLISHED]))
    settings: dict[str, Any] = dict(by_path) if wanted is None else {"resolution": wanted, **by_path}
    if not path.exists():
        return Hub(name, **settings)
    if kind := _pixels(path):
        if lacking := sorted(settings.keys() - {"resolution"}):
            raise ValueError(
                f"leave out --{lacking[0].replace('_', '-')}: it is for image files, unlike {name}"
            )
        return kind(**settings)
    if "resolution" not in settings:
        raise ValueError("say the size images are brought to, such as --resolution 32")
    return ImageFolder(path.resolve(), **settings)


def _pixels(path: Path) -> Callable[..., PixelFile] | None:
    kind = None
    if path.is_dir():
        kind = Cifar if Cifar.is_at(path) else None
    elif path.suffix == ".npz":
        kind = Npz
    elif path.name.removesuffix(".gz").endswith("ubyte"):
        kind = Idx
    return partial(kind, path.resolve()) if kind else None


def metric(text: str, samples: int) -> FeatureMetric:
    """The metric of a name such as ``fd-efficientnet-lite0@10k``.

    Args:
        text: what a person typed.
        samples: the number for a name without one.
    """
    parts = re.fullmatch(r"(?P<kind>[a-z]+)-(?P<network>[a-z0-9-]+)(@(?P<count>[1-9]\d*)(?P<k>k?))?", text)
    if not parts:
        raise ValueError(f"{text!r} is no METRIC-NETWORK or METRIC-NETWORK@COUNT, such as fd-pixels8@10k")
    network = choose("feature network", parts["network"], NETWORKS)
    kinds: dict[str, Kind] = {network.aliases.get(kind, kind): kind for kind in get_args(Kind)}
    kind = choose(f"metric on {network.name}", parts["kind"], kinds)
    if not parts["count"]:
        return FeatureMetric(kind, network, samples if kind == "fd" else min(samples, MAX_PAIRED_SAMPLES))
    return FeatureMetric(kind, network, int(parts["count"]) * (1000 if parts["k"] else 1))


def device(name: str) -> str:
    """A device that is there; ``"auto"`` is a GPU where there is one."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    check_device(name)
    return name


def as_typed() -> str:
    """This process's command as a person would type it."""
    program = ["paripassu"]
    if is_one_of_many():
        program = ["torchrun", f"--nproc-per-node={os.environ['LOCAL_WORLD_SIZE']}", "-m", "paripassu"]
    return shlex.join([*program, *sys.argv[1:]])
