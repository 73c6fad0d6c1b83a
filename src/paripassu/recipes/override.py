"""A run with some settings changed, as ``paripassu train`` understands its options."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from numbers import Real
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack, cast

from torch.utils.data import Dataset

from paripassu.data import Augmented, Labelled, Placeholder, Source
from paripassu.data.images import Channels, OnBadImage
from paripassu.games import GanLoss, PathLength, Penalty
from paripassu.models import Architecture
from paripassu.records import Decay
from paripassu.rules import Rule
from paripassu.train import Player, Run, names
from paripassu.train.run import Precision, Updates, check_run
from paripassu.train.serialization import loss_names

T = TypeVar("T")

_KINDS: Mapping[Any, tuple[type, str]] = {
    int: (int, "a whole number"),
    float: (Real, "a number"),
    bool: (bool, "True or False"),
    str: (str, "text"),
}
_DRAWN = ("flip", "dequantize")
_BY_PATH = ("resolution", "channels", "on_bad_image", "column", "array", "split", "revision")
_OF_MODELS = (
    *("latent", "width", "norm", "depth", "fmaps", "mapping_depth", "mixing", "deviation_group"),
    "residual",
)


class Options(TypedDict, total=False):
    """The options of `override`, called as those of ``paripassu train``, whose help explains them.

    Data, networks and rules are names, ``FILE.py:NAME``, or the objects themselves; losses and penalties are
    names or objects. Of all but losses their classes will do, if they need no settings.
    """

    data: str | Path | Source | Dataset[Any] | type[Source] | type[Dataset[Any]] | Callable[[], Dataset[Any]]
    resolution: int
    channels: Channels
    on_bad_image: OnBadImage
    column: str
    array: str
    split: str
    revision: str
    conditional: bool
    labels: str
    flip: bool
    dequantize: bool
    model: str | Architecture | type[Architecture] | Callable[..., Any]
    latent: int
    width: int
    norm: str
    depth: int
    fmaps: float
    mapping_depth: int
    mixing: float
    deviation_group: int
    residual: bool
    optimizer_d: str | Rule | type[Rule]
    optimizer_g: str | Rule | type[Rule]
    lr_d: float
    lr_g: float
    betas: tuple[float, float]
    momentum: float
    weight_decay: float
    loss: str | GanLoss
    penalty: str | Penalty | type[Penalty] | None
    penalty_weight: float
    penalty_every: int
    path_length: float
    path_length_every: int
    steps: int
    batch: int
    generator_batches: int
    n_critic: int
    updates: Updates
    decay: Decay
    ema: float
    seed: int
    eval_samples: int
    eval_every: int
    checkpoint_every: int
    log_every: int
    probe_every: int
    shadow: str | Rule | type[Rule]
    device: str
    precision: Precision
    channels_last: bool
    compile: bool
    pace: float | None


def override(run: Run, **options: Unpack[Options]) -> Run:
    """``run`` with the given options; the others stay the run's.

    What depends on an option follows it. A penalty takes batch normalisation out of a DCGAN. A penalty or
    path length that is not the run's is used at every step. An optimizer that is not the run's needs its own
    learning rate. With a pace, the generator's learning rate is the discriminator's.

    Args:
        run: a recipe's, or any other.
        **options: see `Options`.

    Raises:
        ValueError: an unknown name, an object that is no such part, a ``run`` that is none, or options that
            do not go together; the message calls options as on the command line.

    Example:
        >>> from paripassu.recipes import RECIPES
        >>> run = override(RECIPES["digits"].run, optimizer_d="adam", lr_d=1e-3, steps=10)
        >>> run.discriminator.rule, run.steps
        (Adam(betas=(0.5, 0.999), eps=1e-08), 10)
    """
    if unheard := sorted(options.keys() - Options.__annotations__.keys()):
        raise ValueError(names.unknown("option", unheard[0], Options.__annotations__))
    check_run(run)
    _check_kinds(options)
    given: dict[str, Any] = {**options}
    penalty = _penalty(given, run.penalty)
    path_length = _path_length(given, run.path_length)
    rule_d, rule_g = _rules(given, run)
    discriminator = _player(given, "d", rule_d, run.discriminator)
    if given.get("pace", run.pace) is not None:
        if "lr_g" in given:
            raise ValueError("--pace sets the length of the generator's steps: leave out --lr-g")
        given["lr_g"] = discriminator.lr
    settings: dict[str, Any] = {
        # A term that is not the run's is not as lazy either.
        "penalty_every": run.penalty_every if type(penalty) is type(run.penalty) else 1,
        "path_length_every": run.path_length_every if path_length else 1,
        **_chosen(given, *(field.name for field in fields(Run))),
        "data": _data(given, run.data),
        "model": _model(given, run.model, penalized=penalty is not None),
        "discriminator": discriminator,
        "generator": _player(given, "g", rule_g, run.generator),
        "penalty": penalty,
        "path_length": path_length,
    }
    if "loss" in given:
        settings["loss"] = _loss(given["loss"])
    if "shadow" in given:
        settings["shadow"] = names.rule(given["shadow"])
    return replace(run, **settings)


def _check_kinds(options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        kind = Options.__annotations__[name]
        if kind in _KINDS:
            accepted, words = _KINDS[kind]
            if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
                raise ValueError(f"{name} must be {words}, got {value!r}")


def _chosen(given: dict[str, Any], *options: str) -> dict[str, Any]:
    return {name: given[name] for name in options if name in given}


def _data(given: dict[str, Any], recipe: Source) -> Source:
    drawn = dict.fromkeys(_DRAWN, False)
    if isinstance(recipe, Augmented):
        drawn = {"flip": recipe.flip, "dequantize": recipe.dequantize}
        recipe = recipe.source
    labelled = recipe if isinstance(recipe, Labelled) else None
    recipe = labelled.source if labelled else recipe
    drawn |= _chosen(given, *_DRAWN)
    by_path = _chosen(given, *_BY_PATH)
    if "data" in given:
        wanted = recipe.resolution if isinstance(recipe, Placeholder) else None
        recipe = names.source(given["data"], by_path, wanted)
    elif by_path:
        raise ValueError(f"--{next(iter(by_path)).replace('_', '-')} is for images by path: give --data")
    recipe = _labelled(given, recipe, labelled)
    return Augmented(recipe, **drawn) if any(drawn.values()) else recipe


def _labelled(given: dict[str, Any], source: Source, before: Labelled | None) -> Source:
    if not given.get("conditional", before is not None):
        if "labels" in given:
            raise ValueError("--labels is for conditional networks: add --conditional")
        return source
    if source.is_labelled:
        return source
    return Labelled(source, given.get("labels", before.column if before and "data" not in given else None))


def _model(given: dict[str, Any], recipe: Architecture, *, penalized: bool) -> Architecture:
    model = names.architecture(given.get("model"), _chosen(given, *_OF_MODELS), recipe)
    return model.unmixed() if penalized and "norm" not in given else model


def _rules(given: dict[str, Any], recipe: Run) -> list[Rule]:
    rules = [
        names.rule(given[f"optimizer_{letter}"]) if f"optimizer_{letter}" in given else player.rule
        for letter, player in (("d", recipe.discriminator), ("g", recipe.generator))
    ]
    for setting, value in _chosen(given, "betas", "momentum").items():
        changed = [names.rule_with(rule, setting, value) for rule in rules]
        if changed == [None, None]:
            able = [name for name, rule in names.OPTIMIZERS.items() if names.rule_with(rule, setting, value)]
            raise ValueError(f"--{setting} is for {', '.join(able)}: leave it out")
        rules = [new or old for new, old in zip(changed, rules, strict=True)]
    return rules


def _player(given: dict[str, Any], letter: str, rule: Rule, recipe: Player) -> Player:
    lr = given.get(f"lr_{letter}")
    if lr is None and rule != recipe.rule and f"optimizer_{letter}" in given:
        raise ValueError(
            f"--optimizer-{letter} needs --lr-{letter}: the recipe's {recipe.lr} is for another optimizer"
        )
    lr = recipe.lr if lr is None else lr
    return replace(recipe, rule=rule, lr=lr, **_chosen(given, "weight_decay"))


def _loss(loss: object) -> GanLoss:
    if isinstance(loss, GanLoss):
        return loss
    if not isinstance(loss, str):
        raise ValueError(f"a loss must be {' or '.join(loss_names())}, got {loss!r}")  # noqa: TRY004
    return names.choose("loss", loss, loss_names())


def _penalty(given: dict[str, Any], recipe: Penalty | None) -> Penalty | None:
    penalty = given.get("penalty", recipe)
    if isinstance(penalty, str):
        penalty = None if penalty == "none" else names.choose("penalty", penalty, names.PENALTIES)()
    elif isinstance(penalty, type) and issubclass(penalty, Penalty):
        penalty = cast(Callable[[], Penalty], penalty)()
    if not isinstance(penalty, Penalty | None):
        raise ValueError(  # noqa: TRY004 - as of a name that does not exist
            f"a penalty must be none, {' or '.join(names.PENALTIES)}, or a Penalty, got {penalty!r}"
        )
    if "penalty_weight" not in given:
        return penalty
    if penalty is None:
        raise ValueError("--penalty-weight needs a --penalty")
    return cast(Callable[..., Penalty], type(penalty))(given["penalty_weight"])


def _path_length(given: dict[str, Any], recipe: PathLength | None) -> PathLength | None:
    if "path_length" not in given:
        return recipe
    weight = given["path_length"]
    return replace(recipe or PathLength(), weight=weight) if weight else None
