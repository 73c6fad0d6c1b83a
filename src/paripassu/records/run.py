"""What a run writes: ``run.json``, its `RunHeader`, and ``records.jsonl``, one record a line.

Records are appended while training goes on. All are plain dataclasses; `paripassu.records.codec` writes and
reads them.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from paripassu.records.environment import Environment
from paripassu.records.schema import SCHEMA

RUN_FILE = "run.json"
"""A run's header."""
RECORDS_FILE = "records.jsonl"
"""A run's records, one a line."""
REAL_PICTURE = "samples/real.png"
"""The picture of real data in a run's folder, made as those of samples are."""

PlayerName = Literal["generator", "discriminator"]
"""Whose record it is."""
Outcome = Literal["finished", "diverged"]
"""How a run ended."""


@dataclass(frozen=True)
class Losses:
    """Both players' losses at a step, each the loss its player minimizes."""

    step: int
    discriminator: float
    generator: float


@dataclass(frozen=True)
class Update:
    """What one optimizer step did to a player, or to one of its tensors.

    Attributes:
        step: generator updates done when it was taken.
        player: whose step it was.
        layer: the parameter's name; empty for the whole player.
        gradient: norm of the gradient, of the loss that the player minimizes, unscaled.
        update: norm of the true displacement of the weights.
        weight: norm of the weights before the step.
        cosine: between the displacement and the negative gradient, in [-1, 1]; NaN where one is zero.
    """

    step: int
    player: str
    layer: str
    gradient: float
    update: float
    weight: float
    cosine: float


@dataclass(frozen=True)
class Shadow:
    """What another rule would have done in place of a probed step, from every gradient up to it.

    Attributes:
        step: as in `Update`.
        player: as in `Update`.
        layer: as in `Update`.
        rule: the name it was given.
        magnitude: norm of its update, before any learning rate.
        ratio: norm of the true displacement over that, which is the learning rate at which the rule would
            have gone as far; NaN where the rule's update is zero.
        cosine: between the true displacement and the rule's step, in [-1, 1]; NaN where one is zero.
    """

    step: int
    player: str
    layer: str
    rule: str
    magnitude: float
    ratio: float
    cosine: float


@dataclass(frozen=True)
class Pace:
    """One player's relative step over another's: how evenly they move.

    Attributes:
        step: generator updates done when the steps were taken.
        player: whose relative step, its displacement over its weights' norm, is the numerator.
        against: whose is the denominator.
        value: at least 0; NaN where ``against`` did not move or a player's weights are zero.
    """

    step: int
    player: str
    against: str
    value: float


@dataclass(frozen=True)
class Metric:
    """A measurement of the generator; ``name`` says the feature network and the sample count."""

    step: int
    name: str
    value: float


def is_of_one_class(metric: str) -> bool:
    """Whether a metric of this name measures one class alone: tables of several runs leave it out.

    Example:
        >>> is_of_one_class("fd-digits-of-3@250"), is_of_one_class("fd-digits-by-class@250")
        (True, False)
    """
    return "-of-" in metric


def is_by_class(metric: str) -> bool:
    """Whether a metric of this name is measured class by class, of one class or as the mean of all.

    Example:
        >>> is_by_class("fd-digits-by-class@250"), is_by_class("fd-digits@250")
        (True, False)
    """
    return is_of_one_class(metric) or "-by-class@" in metric


@dataclass(frozen=True)
class Samples:
    """A picture of generated samples, its path relative to the run folder."""

    step: int
    path: str


@dataclass(frozen=True)
class End:
    """The last record of a run; a diverged run is a result too.

    Attributes:
        step: generator updates done.
        outcome: how it ended.
        reason: for a diverged run, what became non-finite.
        seconds: of training, over all sittings.
        sha256: of the run's key, the records before this one and this one, in hex; the writer fills it in.
            Ends that differ in nothing else are equal.
    """

    step: int
    outcome: Outcome
    reason: str
    seconds: float
    sha256: str = field(default="", compare=False)


Measured = Update | Shadow | Pace
"""What the probe records."""
Record = Losses | Measured | Metric | Samples | End
"""Any line of `RECORDS_FILE`."""


@dataclass(frozen=True)
class RunImages:
    """The images a run began with.

    Attributes:
        count: how many.
        sha256: of their pixels as they were loaded.
        revision: of the published set that they are, a commit; equal images may be of several.
        classes: the names of their classes; empty where networks take no labels.
        labels: SHA-256 of the class of each.
    """

    count: int
    sha256: str
    revision: str = field(default="", compare=False)
    classes: tuple[str, ...] = ()
    labels: str = ""


@dataclass(frozen=True)
class RunStart:
    """The weights a run began with, if they are another run's.

    Attributes:
        run: the folder of that run.
        step: of its checkpoint.
        sha256: of the digests of its networks.
    """

    run: str
    step: int
    sha256: str


@dataclass(frozen=True)
class RunHeader:
    """``run.json``: the resolved settings, nested and plain, and where they ran.

    Attributes:
        settings: the run's. More steps, and data moved elsewhere, change them.
        environment: where it began.
        images: its data; None where these are points.
        key: twelve hex digits of the settings with which it began; checkpoints and the end have it too.
        threads: of torch on the CPU. Sums over another number are rounded otherwise, so that every later
            sitting uses the same.
        start: where its first weights come from; None where they are drawn.
    """

    settings: dict[str, Any]
    environment: Environment
    images: RunImages | None = None
    key: str = ""
    threads: int = 1
    start: RunStart | None = None
    schema: int = SCHEMA
