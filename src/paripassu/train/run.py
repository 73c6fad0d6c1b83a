"""A run: all settings of one training, in one frozen value."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args

from paripassu.data import Source
from paripassu.games import GanLoss, PathLength, Penalty, non_saturating
from paripassu.models import Architecture
from paripassu.printable import printable
from paripassu.records import Decay, rate_factor
from paripassu.rules import FixedPace, Rule
from paripassu.rules.rule import check_rule
from paripassu.rules.settings import check_fraction, check_number
from paripassu.train import serialization
from paripassu.train.own_parts import portable

Updates = Literal["alternating", "simultaneous"]
Precision = Literal["float32", "tf32", "bf16"]

LARGEST = 2**63  # what torch counts with is below

_MINIMA = {
    "steps": 1,
    "batch": 1,
    "generator_batches": 1,
    "n_critic": 1,
    "penalty_every": 1,
    "path_length_every": 1,
    "seed": 0,
    "eval_samples": 2,  # a covariance needs two
    "log_every": 1,
    "probe_every": 1,
    "eval_every": 1,
    "checkpoint_every": 1,
}


@dataclass(frozen=True)
class Player:
    """How one player steps.

    Args:
        rule: its update.
        lr: learning rate, finite and > 0.
        weight_decay: decoupled, finite and >= 0.
    """

    rule: Rule
    lr: float
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_rule("a player's rule", self.rule)
        check_number("a learning rate", self.lr)
        check_number("a weight decay", self.weight_decay)
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise ValueError(f"a learning rate must be finite and > 0, got {self.lr}")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise ValueError(f"a weight decay must be finite and >= 0, got {self.weight_decay}")


_PARTS: Mapping[str, tuple[type, ...]] = {
    "data": (Source,),
    "model": (Architecture,),
    "generator": (Player,),
    "discriminator": (Player,),
    "loss": (GanLoss,),
    "penalty": (Penalty, NoneType),
    "path_length": (PathLength, NoneType),
    "shadow": (Rule, NoneType),
}
_PLAIN = {
    "device": (str, "text"),
    "channels_last": (bool, "True or False"),
    "compile": (bool, "True or False"),
}


@dataclass(frozen=True)
class Run:
    """One GAN training; the same value gives the same weights, bit by bit, on the same device.

    Args:
        data: where real samples come from.
        model: the two networks.
        generator: how the generator steps.
        discriminator: how the discriminator steps.
        loss: what each player minimizes.
        penalty: a term added to the discriminator's loss.
        penalty_every: steps between its uses, >= 1; its weight is multiplied by this. Lazy regularisation
            (Karras et al. 2020, arXiv:1912.04958), but without steps of its own: under a normalised rule such
            a step would have full length, whatever the weight.
        path_length: a term added to the generator's loss, on half a batch, for models with styles.
        path_length_every: as ``penalty_every``, >= 1.
        steps: generator updates, >= 1.
        batch: samples per player and update, >= 1.
        generator_batches: the generator's samples per update, in batches, >= 1.
        n_critic: discriminator updates per generator update, >= 1.
        updates: ``"alternating"``: the generator answers the discriminator's new weights;
            ``"simultaneous"``: both step from the same point (needs ``n_critic`` 1).
        decay: of both learning rates over the run: ``"linear"`` and ``"cosine"`` fall to zero.
        ema: decay per step, in [0, 1), of the averaged generator that is measured and sampled; 0 is none.
        seed: of initial weights, batches and latents.
        eval_samples: generated samples per measurement, >= 2.
        log_every: steps between loss records and checks for divergence, >= 1.
        probe_every: steps between probed steps, >= 1.
        shadow: a rule that sees both players' gradients and moves nothing. Probed steps record what it would
            have done. It costs about what the rule would cost as an optimizer.
        eval_every: steps between measurements and sample pictures, >= 1; the untrained generator and the
            last step are always measured.
        checkpoint_every: steps between checkpoints, >= 1; the first and the last step always have one.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``; training raises if this machine has none.
        precision: of the networks' convolutions and matrix products. ``"tf32"``: a GPU's tensor cores round
            their factors to 10 bits; ``"bf16"``: autocast, both players' weights, all losses and penalties
            stay float32.
        channels_last: whether images and their filters lie in memory pixel by pixel, not channel by channel:
            the same sums in another order, often faster.
        compile: whether ``torch.compile`` makes the networks' and the penalty's code; takes a C++ compiler
            and up to minutes before the first step.
        pace: the discriminator's relative step (its length over that of the weights) over the generator's,
            finite and > 0: each generator step keeps the direction of its rule, and its length is rescaled to
            this pace (`paripassu.train.pace`). Its learning rate is the discriminator's then, and it has no
            weight decay. None leaves steps unchanged.

    Raises:
        ValueError: a setting out of range, or two that exclude each other.
    """

    data: Source
    model: Architecture
    generator: Player
    discriminator: Player
    loss: GanLoss = non_saturating
    penalty: Penalty | None = None
    penalty_every: int = 1
    path_length: PathLength | None = None
    path_length_every: int = 1
    steps: int = 1000
    batch: int = 64
    generator_batches: int = 1
    n_critic: int = 1
    updates: Updates = "alternating"
    decay: Decay = "constant"
    ema: float = 0.0
    seed: int = 0
    eval_samples: int = 2500
    log_every: int = 50
    probe_every: int = 50
    shadow: Rule | None = None
    eval_every: int = 500
    checkpoint_every: int = 500
    device: str = "cpu"
    precision: Precision = "float32"
    channels_last: bool = False
    compile: bool = False
    pace: float | None = None

    def __post_init__(self) -> None:
        for name, kinds in _PARTS.items():
            _check_part(name, getattr(self, name), kinds)
        for name, (kind, words) in _PLAIN.items():
            if not isinstance(given := getattr(self, name), kind):
                raise ValueError(f"{name} must be {words}, got {given!r}")  # noqa: TRY004 - a setting is wrong
        for name, least in _MINIMA.items():
            value: object = getattr(self, name)
            if type(value) is not int:
                raise ValueError(f"{name} must be a whole number, got {value!r}")
            if value < least:
                raise ValueError(f"{name} must be >= {least}, got {value}")
        for name, value in _whole_numbers(self):
            if abs(value) >= LARGEST and name != "seed":
                raise ValueError(f"{name} must be below 2^63, got {value}")
        check_fraction("ema", self.ema)
        for name, kind in (("updates", Updates), ("decay", Decay), ("precision", Precision)):
            values = get_args(kind)
            if getattr(self, name) not in values:
                raise ValueError(f"{name} must be one of {', '.join(values)}, got {getattr(self, name)!r}")
        if self.updates == "simultaneous" and self.n_critic > 1:
            raise ValueError(f"simultaneous updates are one each: set n_critic to 1, got {self.n_critic}")
        for term, every in (("penalty", "penalty_every"), ("path_length", "path_length_every")):
            if getattr(self, every) > 1 and getattr(self, term) is None:
                raise ValueError(f"{every} {getattr(self, every)} needs a {term}: set one, or leave it at 1")
        if self.path_length and not self.model.has_styles:
            raise ValueError(f"{self.model.name} has no styles whose path length could be regularised")
        if self.data.is_labelled and not self.model.has_conditional:
            raise ValueError(
                f"{self.model.name} has no conditional form: choose --model dcgan or sngan, let your own "
                "networks take classes, or leave --conditional out"
            )
        if self.data.is_labelled and self.path_length:
            raise ValueError(
                "path length regularisation is for data without labels: leave one of the two out"
            )
        if self.penalty and self.model.mixes_samples:
            raise ValueError(
                f"a gradient penalty needs a discriminator that does not mix samples, as {self.model.name}'s "
                "does: set its norm to 'none', if it has one, or leave the penalty out"
            )
        if self.precision == "tf32" and self.device == "cpu":
            raise ValueError("precision tf32 is a GPU's: use float32 on the CPU, or bf16")
        if self.channels_last and not self.model.has_channels:
            raise ValueError(f"{self.model.name} has no channels to put last: leave channels_last out")

        if self.pace is not None:
            FixedPace(self.pace)
            if (self.generator.lr, self.generator.weight_decay) != (self.discriminator.lr, 0.0):
                raise ValueError(
                    "a pace sets the length of the generator's steps: give it the discriminator's learning "
                    f"rate, {self.discriminator.lr}, and no weight decay, got {self.generator.lr} and "
                    f"{self.generator.weight_decay}"
                )

    def rate_factor(self, step: int) -> float:
        """What both learning rates are multiplied by at a generator update, in [0, 1].

        Args:
            step: generator updates done, from 0.
        """
        return float(rate_factor(self.decay, step / self.steps))

    def settings(self) -> dict[str, Any]:
        """The run as plain nested values, for ``run.json``; `from_settings` reads them back."""
        settings = serialization.plain(self)
        # A setting that came later: runs without it keep their keys and folders.
        if self.pace is None:
            del settings["pace"]
        return settings

    def __reduce__(self) -> tuple[Any, ...]:
        # Losses are values, and own parts live in files: a run travels between processes as its settings.
        return from_settings, (self.settings(),)

    def key(self) -> str:
        """Twelve hex digits that equal runs share and unequal runs do not.

        Of a person's own files the name and the hash count, and the folder does not.
        """
        text = json.dumps(portable(self.settings()), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _check_part(name: str, part: object, kinds: tuple[type, ...]) -> None:
    if isinstance(part, kinds):
        return
    wanted = f"{'an' if kinds[0] is Architecture else 'a'} {kinds[0].__name__}"
    if isinstance(part, type) and issubclass(part, kinds):
        got, instead = f"the class {part.__name__}", f"write {part.__name__}(), with parentheses"
    else:
        got, instead = printable(repr(part)), "give one, or a name to paripassu.recipes.override"
    raise ValueError(f"a run's {name} must be {wanted}, got {got}: {instead}")


def check_run(run: object) -> None:
    """Raise ``ValueError`` unless it is a run; a recipe has one."""
    if not isinstance(run, Run):
        is_recipe = isinstance(getattr(run, "run", None), Run)
        got = "a recipe: give its .run, as in RECIPES['digits'].run" if is_recipe else printable(repr(run))
        raise ValueError(f"a paripassu.train.Run is needed here, got {got}")  # noqa: TRY004


def _whole_numbers(part: Any, name: str = "") -> Iterator[tuple[str, int]]:
    """The whole numbers in a dataclass and in those inside it, by their names."""
    if isinstance(part, int):
        yield name, part
    for field in fields(part) if is_dataclass(part) and not isinstance(part, type) else ():
        yield from _whole_numbers(getattr(part, field.name), f"{name}.{field.name}".lstrip("."))


def from_settings(plain: dict[str, Any]) -> Run:
    """The run that `Run.settings` wrote.

    Raises:
        ValueError: the settings are not a run's, or name something this version does not have.
    """
    return serialization.build(plain, Run)
