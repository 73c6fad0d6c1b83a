"""What a comparison compares: arms (updates) on games (data, networks and loss)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from polars import DataFrame

from paripassu.metrics import better
from paripassu.records import Better, Verdict
from paripassu.rules import Rule
from paripassu.train import Run

ByArm = Mapping[str, Sequence[float]]  # one value per confirmation seed
Measure = Callable[[DataFrame], float]  # of a run's table of records, `paripassu.evidence.tables.run_table`


@dataclass(frozen=True)
class Arm:
    """One update rule, the same for both players.

    Args:
        name: for tables.
        description: the update in words or symbols.
        rule: the update.

    Example:
        >>> from paripassu.rules import SGD, Normalize
        >>> Arm("nsgda", "g / ‖g‖ per player", Normalize(SGD()))
        Arm(name='nsgda', ...rule=Normalize(rule=SGD(momentum=0.0), scope='global', ...))
    """

    name: str
    description: str
    rule: Rule


@dataclass(frozen=True)
class Game:
    """One game to play with every arm.

    Args:
        name: for tables and folders.
        setting: data, model, loss and batch in words.
        run: makes a run from a rule, a learning rate for both players, steps and a seed.
        metric: name of the metric that tunes and decides.
        centres: middle of each arm's grid of learning rates, by the arm's name. It may have more arms than a
            study.
        steps: generator updates of a run, by the name of a study's scale.
        chosen: learning rates for scales that do not search, by the arm's name. They are those that the
            largest scale run so far chose. Without an entry, the arm's centre.
    """

    name: str
    setting: str
    run: Callable[[Rule, float, int, int], Run]
    metric: str
    centres: Mapping[str, float]
    steps: Mapping[str, int] = field(default_factory=dict[str, int])
    chosen: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def better(self) -> Better:
        """Whether a higher or a lower value of the deciding metric is better."""
        return better(self.metric)

    @property
    def sign(self) -> float:
        """The factor that makes higher values of the deciding metric better."""
        return 1.0 if self.better == "higher" else -1.0


@dataclass(frozen=True)
class Evidence:
    """What a verdict rule sees: the confirmation runs of one game.

    Attributes:
        game: the game.
        scores: the deciding metric by arm, signed so that higher is better.
        estimates: every metric and measure by name, then by arm, with its sign unchanged.
    """

    game: Game
    scores: ByArm
    estimates: Mapping[str, ByArm]


VerdictRule = Callable[[Evidence], Verdict]
