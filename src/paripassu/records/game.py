"""What a comparison found on one game: settings, trials, arms. All are plain dataclasses."""

import math
from dataclasses import dataclass, field
from typing import Literal

from paripassu.records.decay import Decay

Better = Literal["higher", "lower"]
"""Which way a metric improves."""

_DISTANCES = ("fd-", "kd-", "kl-", "fid-", "kid-")


def better(metric: str) -> Better:
    """Which way a metric improves, by its name: distances fall, everything else rises.

    Example:
        >>> better("fd-digits@1797"), better("modes@2500")
        ('lower', 'higher')
    """
    return "lower" if metric.startswith(_DISTANCES) else "higher"


def may_be_negative(metric: str) -> bool:
    """Whether a distance may be zero or less by chance, so that it has no logarithm.

    The kernel distance is an unbiased estimate of a squared distance.

    Example:
        >>> may_be_negative("kd-digits@1797"), may_be_negative("fd-digits@1797")
        (True, False)
    """
    return metric.startswith(("kd-", "kid-"))


def span(low: float, high: float, between: str = ", ") -> str:
    """The ends of an interval in words; an end that is not finite is not known.

    Example:
        >>> span(0.25, 0.5), span(0.25, 0.5, " to "), span(0.25, math.inf), span(math.nan, math.nan)
        ('0.25, 0.5', '0.25 to 0.5', '0.25 or more', 'unknown')
    """
    if math.isfinite(low) and math.isfinite(high):
        return f"{low:.3g}{between}{high:.3g}"
    if math.isfinite(low):
        return f"{low:.3g} or more"
    return f"{high:.3g} or less" if math.isfinite(high) else "unknown"


class WithInterval:
    """A record with an interval, whose ends are NaN if they are not finite: JSON has no infinity."""

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            if not math.isfinite(getattr(self, name)):
                object.__setattr__(self, name, math.nan)


@dataclass(frozen=True)
class Estimate(WithInterval):
    """A mean over seeds with its bootstrap 95 % interval.

    Attributes:
        values: one per seed, in seed order; NaN for a run that diverged without a worst value.
        mean: of the values.
        std: standard deviation over seeds (ddof 1; 0 for one seed).
        low: lower end of the interval; NaN if there are too few values for one.
        high: upper end, or NaN.
    """

    values: list[float]
    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class Settings:
    """What tuning chooses: both players' learning rates, and how they fall.

    Attributes:
        lr_g: the generator's rate.
        lr_d: the discriminator's rate.
        decay: of both rates over the run, as `paripassu.train.Run.decay`.
    """

    lr_g: float
    lr_d: float
    decay: Decay

    def __str__(self) -> str:
        falls = "" if self.decay == "constant" else f", {self.decay} to 0"
        rates = f"{self.lr_g:g}" if self.lr_g == self.lr_d else f"{self.lr_g:g} and {self.lr_d:g}"
        return f"{rates}{falls}"


@dataclass(frozen=True)
class TrialResult:
    """One point of an arm's search space, measured on tuning seeds.

    Attributes:
        settings: the point.
        values: of the metric that tunes, one a seed. The first is the trial's own; those that ran again,
            which may be longer, have more.
        diverged: how many of the runs diverged.
    """

    settings: Settings
    values: list[float]
    diverged: int


@dataclass(frozen=True)
class Ease:
    """How easily an arm is tuned, from its trials on the first tuning seed, by the metric that tunes.

    Attributes:
        expected: the metric that the best of n trials is expected to have, for n = 1, 2, ...
        low: lower ends of the bootstrap 95 % intervals of ``expected``.
        high: upper ends.
        mean: the mean over n on the scale of scores, as a value of the metric.
        mean_low: lower end of its bootstrap 95 % interval.
        mean_high: upper end.
        close_to_best: share of the trials whose metric is within a tenth of the arm's best.
    """

    expected: list[float]
    low: list[float]
    high: list[float]
    mean: float
    mean_low: float
    mean_high: float
    close_to_best: float


@dataclass(frozen=True)
class ArmResult:
    """One arm on one game.

    Attributes:
        arm: its name.
        description: its update in words.
        trials: every point tried on the tuning seeds, in order; empty where nothing was tuned.
        chosen: the settings of the confirmation runs.
        edges: the edges of the search space that ``chosen`` is close to, in words.
        estimates: per metric and measure name, on the confirmation seeds.
        diverged: confirmation runs that diverged.
        runs: the confirmation runs' folders, relative to the study folder, in seed order.
        ease: how easily it is tuned; None where nothing was tuned.
    """

    arm: str
    description: str
    trials: list[TrialResult]
    chosen: Settings
    edges: list[str]
    estimates: dict[str, Estimate]
    diverged: int
    runs: list[str]
    ease: Ease | None = None

    @property
    def tuning_runs(self) -> int:
        """Runs on the tuning seeds."""
        return sum(len(trial.values) for trial in self.trials)


@dataclass(frozen=True)
class GameResult:
    """All arms of a study on one game.

    Attributes:
        game: its name.
        setting: model, loss, steps and batch in words.
        metric: name of the metric that decides.
        better: which way it improves.
        arms: in the study's order.
        measures: names of the estimates that were computed from a run's records, smaller being better;
            the others are metrics.
        family: the arms' family, in words; empty if there is only one.
        margin: what counts as recovered, in words.
        tuned_by: the metric that tunes and that curves show, if another decides.
    """

    game: str
    setting: str
    metric: str
    better: Better
    arms: list[ArmResult]
    measures: list[str] = field(default_factory=list[str])
    family: str = ""
    margin: str = ""
    tuned_by: str = ""
