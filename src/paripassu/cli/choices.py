"""Names a person types, and what they stand for."""

import difflib
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

from paripassu.data import Digits, Grid, ImageFolder, Ring, Source
from paripassu.data.images import Channels, OnBadImage
from paripassu.games import R1, Penalty, WganGP
from paripassu.models import DCGAN, MLP, Architecture
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Rule

T = TypeVar("T")

SOURCES: Mapping[str, Callable[[], Source]] = {"digits": Digits, "ring": Ring, "grid": Grid}
MODELS: Mapping[str, MLP | DCGAN] = {"mlp": MLP(), "dcgan": DCGAN()}
PENALTIES: Mapping[str, Callable[..., Penalty]] = {"wgan-gp": WganGP, "r1": R1}

# From Adam's betas and the momentum to a rule.
OPTIMIZERS: Mapping[str, Callable[[tuple[float, float], float], Rule]] = {
    "adam": lambda betas, _: Adam(betas),
    "sgd": lambda _, momentum: SGD(momentum),
    "rmsprop": lambda _betas, _momentum: RMSprop(),
    "nsgd": lambda _, momentum: Normalize(SGD(momentum), "global"),
    "nsgd-layer": lambda _, momentum: Normalize(SGD(momentum), "layer"),
    "adansgd": lambda betas, _: Graft(Adam(betas), SGD()),
    "adadir": lambda betas, _: Graft(SGD(), Adam(betas)),
}
WITH_BETAS = frozenset({"adam", "adansgd", "adadir"})
WITH_MOMENTUM = frozenset({"sgd", "nsgd", "nsgd-layer"})


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


def architecture(name: str, *, latent: int | None, width: int | None, norm: str | None) -> Architecture:
    """A model by name, with the given settings and its own defaults for the others."""
    given = {k: v for k, v in (("latent", latent), ("width", width), ("norm", norm)) if v is not None}
    model = choose("model", name, MODELS)
    lacking = sorted(given.keys() - {field.name for field in fields(model)})
    if lacking:
        raise ValueError(f"{name} has no {', '.join(lacking)} to set: leave it out")
    return replace(model, **given)


def source(
    name: str, *, resolution: int | None, channels: Channels | None, on_bad_image: OnBadImage
) -> Source:
    """Data by name, or a folder or zip of images by path."""
    if name in SOURCES:
        if resolution is not None or channels is not None:
            raise ValueError(f"--resolution and --channels are for images by path: {name} has its own")
        return SOURCES[name]()
    path = Path(name)
    if not path.exists():
        raise ValueError(unknown("data source or path", name, SOURCES))
    if resolution is None:
        raise ValueError("say the size images are brought to, such as --resolution 32")
    return ImageFolder(path.resolve(), resolution, channels or 3, on_bad_image)


def as_typed() -> str:
    """This process's command as a person would type it."""
    return shlex.join(["paripassu", *sys.argv[1:]])
