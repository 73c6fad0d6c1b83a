"""Options of the theory's sweeps: the fields of the sweeps' dataclasses, without checks or heavy imports.

tyro would report what a dataclass refuses in a box that names its own internals. Here a command builds the
dataclass when it runs, and reports that in one sentence.
"""

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from paripassu.cli import names
from paripassu.records import Decay

T = TypeVar("T")

_METHODS = ("nsgda", "sgda")


@dataclass(kw_only=True)
class FrameworkOfAnySize:
    """The game: sizes, laws and constants."""

    gamma: float = 0.1
    """In [0, 1): the inner product of any two modes; under law coefficients, how often both are present."""
    n_discriminator: int = 10
    """The discriminator's neurons, 1 to 1000."""
    n_generator: int = 8
    """The generator's neurons, 1 to 1000."""
    p_pair: float = 0.05
    """Probability that a latent switches on two neurons and not one, in [0, 1]; 0 for a single neuron."""
    law: names.Law = "modes"
    """Of the data. modes: each point is one of the modes. coefficients: either mode, or their sum."""
    modes: int = 2
    """How many unit modes, 1 to 1000; law coefficients has two."""
    weights: tuple[float, ...] | None = None
    """Probability of each mode under law modes. Without it: equal."""
    a: float = 1.0
    """Output weight of the discriminator."""
    b: float = 0.0
    """Output bias of the discriminator."""


@dataclass(kw_only=True)
class _Dimension:
    d: int = 1000
    """Dimension of the data, at most 2**53."""


@dataclass(kw_only=True)
class FrameworkOptions(FrameworkOfAnySize, _Dimension):
    """The game: sizes, laws and constants."""


@dataclass(kw_only=True)
class PhaseFrameworkOptions(FrameworkOptions):
    """The game: sizes, laws and constants."""

    d: int = 10_000
    """Dimension of the data, at most 2**53."""


@dataclass(kw_only=True)
class RunOptions:
    """What is played."""

    methods: tuple[str, ...] = _METHODS
    """nsgda, sgda, shares (steps of lr times the length of the weights), adam, ada-nsgda, adadir."""
    lr_d: float = 0.1
    """Discriminator's learning rate, for every method."""
    lr_g: float = 0.01
    """Generator's learning rate, for every method."""
    seeds: int = 16
    """Number of seeds, counted from 0."""
    steps: int = 10_000
    """Number of steps of a run."""
    updates: names.Updates = "simultaneous"
    """Whether both players step at once, or the generator answers the new discriminator."""
    momentum: float = 0.0
    """Of both players, in [0, 1); for the methods nsgda, sgda and shares."""
    batch: int = 0
    """Samples per step, 0 for exact expectations; for the methods nsgda, sgda and shares."""
    trainable: bool = False
    """Whether the discriminator learns its output weight and bias too; for the methods nsgda and sgda."""
    decay: Decay = "constant"
    """How both rates fall over the run; for the methods nsgda, sgda and shares."""
    pace: float | None = None
    """Rescale the generator's steps so that this is the discriminator's relative step over its own; > 0."""


@dataclass(kw_only=True)
class PhaseOptions:
    """What is played."""

    lr_d: tuple[float, ...] | None = None
    """Discriminator's learning rates. Without it: half decades from 0.001 to 100."""
    lr_g: tuple[float, ...] | None = None
    """Generator's learning rates. Without it: half decades from 0.001 to 1,000,000."""
    methods: tuple[str, ...] = _METHODS
    """nsgda, sgda or both."""
    seeds: int = 8
    """Number of seeds for each pair, counted from 0."""
    fresh_seeds: int = 32
    """Number of seeds at each method's best pair."""
    steps: int = 10_000
    """Largest number of steps of a run."""
    patience: int = 6
    """SGDA plays rates up to 1 again with this many times the steps; 1 leaves that out."""
    momentum: float = 0.0
    """Of both players, in [0, 1); nSGDA normalises the buffer."""
    decay: Decay = "constant"
    """How both rates fall over a run."""


@dataclass(kw_only=True)
class ScalingOptions:
    """What is played."""

    dimensions: tuple[int, ...] = (100, 316, 1000, 3162, 10_000, 100_000, 1_000_000, 10_000_000)
    """Of the data; each has its own search for learning rates."""
    lr_d: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0)
    """Discriminator's learning rates to choose from."""
    lr_g: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)
    """Generator's learning rates to choose from."""
    methods: tuple[str, ...] = _METHODS
    """nsgda, sgda or both."""
    seeds: int = 8
    """Number of seeds for each pair, counted from 0."""
    fresh_seeds: int = 16
    """Number of seeds at the chosen pair."""
    steps: int = 200_000
    """Largest number of steps of a run."""


@dataclass(kw_only=True)
class VaryOptions:
    """What is played."""

    lr_d: float = 0.1
    """Discriminator's learning rate, for every method."""
    lr_g: float = 0.01
    """Generator's learning rate, for every method."""
    seeds: int = 16
    """Number of seeds for each value, counted from 0."""
    steps: int = 60_000
    """Number of steps of a run."""


def made(kind: type[T], options: Any, **others: Any) -> T:
    """A dataclass with the values of options of the same names.

    Args:
        kind: the dataclass.
        options: those that are None are left to ``kind``.
        **others: the fields of ``kind`` that are no options.

    Raises:
        ValueError: ``kind`` refuses the values.
    """
    values = {each.name: getattr(options, each.name) for each in fields(options)}
    return kind(**{name: value for name, value in values.items() if value is not None}, **others)
