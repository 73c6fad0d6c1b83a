"""What a comparison compares, arms (updates) on games (data, networks, loss), and what a rule sees of it."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from polars import DataFrame

from paripassu.evidence.intervals import RESAMPLES, Interval, bootstrap_interval
from paripassu.evidence.tuning import ease_lead
from paripassu.metrics import FeatureMetric, better
from paripassu.records import Better, Settings, Verdict, may_be_negative
from paripassu.rules import Rule
from paripassu.train import Run

ByArm = Mapping[str, Sequence[float]]
"""By arm, one value per seed or per trial."""
Measure = Callable[[DataFrame, Run], float]
"""Of a run's table of records, from `paripassu.evidence.tables.run_table`, and of the run."""

_LEAST = sys.float_info.min


@dataclass(frozen=True)
class Arm:
    """One update rule, the same for both players.

    Args:
        name: for tables.
        description: the update in words or symbols.
        rule: the update.
        family: the arms that it is compared with; a game plays the arms of its own family.

    Example:
        >>> from paripassu.rules import SGD, Normalize
        >>> Arm("nsgda", "g / ‖g‖ per player", Normalize(SGD()))
        Arm(name='nsgda', ...rule=Normalize(rule=SGD(momentum=0.0), scope='global', ...), family='')
    """

    name: str
    description: str
    rule: Rule
    family: str = ""


@dataclass(frozen=True)
class Game:
    """One game to play with every arm of a family.

    Args:
        name: for tables and folders.
        setting: data, model, loss and batch in words.
        run: makes a run from a rule, the settings of a trial, steps and a seed.
        metric: name of the metric that tunes, and that decides without ``judged_by``.
        centres: middle of each arm's range of the generator's rate, by the arm's name. It may have more arms
            than a study.
        steps: generator updates of a run, by the name of a study's scale.
        chosen: settings for scales that do not tune, by the arm's name. They are those that the largest scale
            run so far chose. Without an entry, both rates are the arm's centre and fall to zero linearly.
        family: of the arms that play it.
        margin: how much worse a score may be and still count as recovered, > 0; see `score`.
        judged_by: the metric that decides, measured of the last checkpoint of each confirmation run. It takes
            longer than ``metric`` and is nearer to what people see.

    Raises:
        ValueError: more is better of one of the two metrics, and less of the other, or one is a distance that
            may be zero or less.
    """

    name: str
    setting: str
    run: Callable[[Rule, Settings, int, int], Run]
    metric: str
    centres: Mapping[str, float]
    steps: Mapping[str, int] = field(default_factory=dict[str, int])
    chosen: Mapping[str, Settings] = field(default_factory=dict[str, Settings])
    family: str = ""
    margin: float = 0.05
    judged_by: FeatureMetric | None = None

    def __post_init__(self) -> None:
        for metric in (self.metric, self.deciding):
            if may_be_negative(metric):
                raise ValueError(
                    f"{metric} may be zero or less, and the score of a distance is its logarithm: choose a "
                    "Fréchet distance"
                )
        if better(self.metric) != better(self.deciding):
            raise ValueError(f"of {self.metric} and {self.deciding} more is better of one alone")

    @property
    def deciding(self) -> str:
        """Name of the metric that decides."""
        return self.judged_by.name if self.judged_by else self.metric

    @property
    def better(self) -> Better:
        """Whether a higher or a lower value of the deciding metric is better."""
        return better(self.metric)

    def score(self, value: float) -> float:
        """A value of the game's metrics on a scale on which higher is better and equal steps matter alike.

        A metric of which more is better is its own score. A distance, of which less is better, has minus its
        natural logarithm: a difference of scores of 0.1 is a distance that is a tenth smaller.
        """
        return value if self.better == "higher" else -math.log(max(value, _LEAST))

    def unscore(self, score: float) -> float:
        """The value of a metric that has a score."""
        return score if self.better == "higher" else math.exp(-score)

    @property
    def margin_in_words(self) -> str:
        """What `margin` means for the deciding metric."""
        if self.better == "higher":
            return f"{self.deciding} at most {self.margin:g} lower"
        return f"{self.deciding} at most {math.expm1(self.margin):.0%} larger"


@dataclass(frozen=True)
class Evidence:
    """What a verdict rule sees: the runs of one game.

    Attributes:
        game: the game.
        scores: of the confirmation runs by the metric that decides, by arm and in the order of seeds; see
            `Game.score`.
        estimates: every metric and measure of these runs by name, then by arm, unchanged. A measure that no
            run of an arm has is unknown, and a rule that reads it is undecided.
        trials: scores of the tuning trials by the metric that tunes, by arm and in the order of trials; empty
            without tuning.
        resamples: of every bootstrap.
    """

    game: Game
    scores: ByArm
    estimates: Mapping[str, ByArm]
    trials: ByArm = field(default_factory=dict[str, Sequence[float]])
    resamples: int = RESAMPLES

    def lead(self, one: str, other: str, *, level: float = 0.95) -> Interval:
        """Difference of two arms' mean scores over the confirmation seeds, paired by seed.

        Args:
            one: an arm.
            other: the arm whose score is subtracted.
            level: of the interval.
        """
        arms = self.scores[one], self.scores[other]
        return bootstrap_interval(
            lambda a, b: a - b, *arms, paired=True, level=level, resamples=self.resamples
        )

    def ease_lead(self, one: str, other: str, *, level: float = 0.95) -> Interval | None:
        """Difference of two arms' expected best score, averaged over 1 to all trials; None without tuning.

        Args:
            one: an arm.
            other: the arm whose score is subtracted.
            level: of the interval.
        """
        trials = self.trials.get(one, ()), self.trials.get(other, ())
        return ease_lead(*trials, level=level, resamples=self.resamples) if all(trials) else None


VerdictRule = Callable[[Evidence], Verdict]
"""Takes the evidence on a game, returns a verdict."""
