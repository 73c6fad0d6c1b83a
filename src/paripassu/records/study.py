"""What a study writes: ``study.json``, its `StudyResult`. All are plain dataclasses."""

from dataclasses import dataclass, field
from typing import Any, Literal

from paripassu.records.decay import Decay
from paripassu.records.environment import Environment
from paripassu.records.schema import SCHEMA

STUDY_FILE = "study.json"
"""A study's result."""
VerdictName = Literal["supported", "contradicted", "undecided"]
"""What a verdict rule says."""
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


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its bootstrap 95 % interval.

    Attributes:
        values: one per seed, in seed order; NaN for a run that diverged without a worst value.
        mean: of the values.
        std: standard deviation over seeds (ddof 1; 0 for one seed).
        low: lower end of the interval.
        high: upper end.
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
        values: of the deciding metric, one a seed. The first is the trial's own; those that ran again, which
            may be longer, have more.
        diverged: how many of the runs diverged.
    """

    settings: Settings
    values: list[float]
    diverged: int


@dataclass(frozen=True)
class Ease:
    """How easily an arm is tuned, from its trials on the first tuning seed.

    Attributes:
        expected: the deciding metric that the best of n trials is expected to have, for n = 1, 2, ...
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
class Effect:
    """The one figure a verdict turns on, with its 95 % interval, Wilson's for a share, else a bootstrap's.

    Attributes:
        name: what it measures, with the value that would mean no effect where that is not zero.
        value: of the effect.
        low: lower end of the interval.
        high: upper end.
    """

    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}] {self.name}"


@dataclass(frozen=True)
class Verdict:
    """What the verdict rule says, and the figures it says it from.

    Attributes:
        outcome: of the rule.
        reason: in words and figures.
        effect: the figure it turned on; None where the rule had none.
    """

    outcome: VerdictName
    reason: str
    effect: Effect | None = None


@dataclass(frozen=True)
class Fit:
    """How the time to recover every mode grows: proportional to ``d ** exponent``.

    Attributes:
        method: whose time.
        exponent: by least squares on the logarithms; NaN where fewer than two dimensions were recovered.
        low: lower end of its bootstrap 95 % interval.
        high: upper end.
        dimensions: that most seeds recovered within the budget, and the fit rests on.
    """

    method: str
    exponent: float
    low: float
    high: float
    dimensions: list[int]


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


@dataclass(frozen=True)
class Finding:
    """What a study's rule says of one claim on one game, or under one condition.

    Attributes:
        claim: in words; it begins with the claim's number, such as ``"C4: "``, where the paper has it.
        about: the game's name, or the conditions in words.
        verdict: of the rule.
        budget: what it rests on, in words: arms, seeds, runs, steps.
        power: how often the rule decides by chance, and what difference it can see, in words.
    """

    claim: str
    about: str
    verdict: Verdict
    budget: str = ""
    power: str = ""


@dataclass(frozen=True)
class StudyResult:
    """``study.json``: a study's question, its answer and how it was reached.

    Attributes:
        name: the study's.
        scale: which size it was run at.
        kind: of the study's design, which says what tables its folder has: ``"comparison"`` for arms on
            games, the kind of sweep otherwise.
        question: in one sentence.
        claim: the claim under test, in words; empty if there is none.
        rule: what is measured and the verdict rule, in words.
        protocol: how every study of this kind is done, in words.
        settings: nested and plain; a folder whose settings differ holds another study.
        cut: what this scale leaves out, one sentence each.
        decides: whether its runs are long enough for a verdict; where not, all are *undecided*.
        finished: whether every unit of work is done.
        reached: the part of the work that the findings are from, in words, if not all is done.
        findings: what the rule says.
        games: one result each, of a comparison.
        fits: growth with the dimension, of a scaling sweep.
        environment: where it ran.
        remarks: what a reader should know of how the folder came about, one sentence each.
    """

    name: str
    scale: str
    kind: str
    question: str
    claim: str
    rule: str
    protocol: str
    settings: dict[str, Any]
    cut: list[str]
    decides: bool
    finished: bool
    environment: Environment
    findings: list[Finding] = field(default_factory=list[Finding])
    games: list[GameResult] = field(default_factory=list[GameResult])
    fits: list[Fit] = field(default_factory=list[Fit])
    remarks: list[str] = field(default_factory=list[str])
    reached: str = ""
    schema: int = SCHEMA

    @property
    def is_judged(self) -> bool:
        """Whether there is a result, of all work or of a part."""
        return self.finished or bool(self.reached)


def finding_title(study: StudyResult, finding: Finding) -> str:
    """What a finding is of, in words: its claim, unless it is the study's, and where it was tested."""
    return finding.about if finding.claim == study.claim else f"{finding.claim} ({finding.about})"


def flat_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Nested settings in one dictionary: plain ones first, then those of each nested part."""
    flat = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    for nested in (value for value in settings.values() if isinstance(value, dict)):
        flat |= nested
    return flat
