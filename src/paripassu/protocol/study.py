"""How every study is done: tune each arm on some seeds, measure it on others, then apply its rule.

Every arm starts with the same number of learning rates in its grid, half a decade apart. While the best of
them is at an edge, one more is tried beyond it, up to four for every arm alike: an edge is no optimum. The
rate with the best mean over the tuning seeds is run again on fresh confirmation seeds, and only those are
reported and compared, so that no arm gains by having been selected.

A diverged run counts as the worst value that any run of its dataset showed at any time, the untrained
generator included; in what is measured from a run's records, as the worst of its dataset's confirmation runs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from paripassu.metrics import better
from paripassu.records import Better, Record, Verdict
from paripassu.rules import Rule
from paripassu.train import Run

FIRST_CONFIRMATION_SEED = 1000  # far from the tuning seeds 0, 1, 2, ...
_STEP = 10**0.5  # between neighbouring learning rates

# What sizes leave out, where studies leave out the same.
CUT_ALL = "Every run is a few steps long: this scale shows that the study works, and nothing else."
CUT_TUNING = (
    "Learning rates are not tuned here: each arm uses the one that the study grafting chose at the same "
    "length on its tuning seeds."
)
CUT_PHOTOGRAPHS = "The games are those of scale small: the paper's photographs are left out."

REWORDED = (
    "The study's words, those of its protocol and verdict rule among them, were edited after runs had begun."
)

ByArm = Mapping[str, Sequence[float]]  # one value per confirmation seed
Measure = Callable[[Sequence[Record]], float]


@dataclass(frozen=True)
class Arm:
    """A way to step, given to both players alike.

    Attributes:
        name: as in tables.
        description: the update in words or symbols.
        rule: the update.
    """

    name: str
    description: str
    rule: Rule


@dataclass(frozen=True)
class Scale:
    """A size a study can be run at.

    Attributes:
        rates: learning rates in each arm's grid, odd; 1 skips tuning and takes the dataset's ``chosen``.
        tuning_seeds: seeds per learning rate.
        confirmation_seeds: seeds at the chosen rate.
        steps: generator updates, by dataset; a dataset without them is left out.
        beyond: rates that may be tried beyond the grid's edges, one by one, while the best is at one.
        cut: what this size leaves out, one sentence each.
        decides: whether its runs are long enough for a verdict; where not, all are *undecided*.
    """

    rates: int
    tuning_seeds: int
    confirmation_seeds: int
    steps: Mapping[str, int]
    beyond: int = 4
    cut: tuple[str, ...] = ()
    decides: bool = True

    @property
    def seeds_to_tune_on(self) -> range:
        """None where the scale does not tune."""
        return range(self.tuning_seeds if self.rates > 1 else 0)

    @property
    def seeds_to_confirm_on(self) -> range:
        """All fresh."""
        return range(FIRST_CONFIRMATION_SEED, FIRST_CONFIRMATION_SEED + self.confirmation_seeds)


@dataclass(frozen=True)
class Dataset:
    """One game to play with every arm.

    Attributes:
        name: as in tables.
        setting: data, model, loss and batch in words.
        run: makes a run from a rule, a learning rate for both players, steps and a seed.
        metric: name of the metric that tunes and decides.
        centres: middle of each arm's grid, by arm; of more arms than a study needs have.
        chosen: the rates that the largest scale run so far chose, for scales that do not tune.
    """

    name: str
    setting: str
    run: Callable[[Rule, float, int, int], Run]
    metric: str
    centres: Mapping[str, float]
    chosen: Mapping[str, float]

    @property
    def better(self) -> Better:
        """Which way the deciding metric improves."""
        return better(self.metric)

    @property
    def sign(self) -> float:
        """What the deciding metric times this is better where it is higher."""
        return 1.0 if self.better == "higher" else -1.0


@dataclass(frozen=True)
class Evidence:
    """What a verdict rule sees: the confirmation runs of one dataset.

    Attributes:
        dataset: which.
        goodness: the deciding metric, negated where lower is better, so that higher is.
        estimates: every metric and measure by name, as it is.
    """

    dataset: Dataset
    goodness: ByArm
    estimates: Mapping[str, ByArm]


@dataclass(frozen=True)
class Study:
    """A question, its arms and datasets, and the rule that answers it.

    Attributes:
        name: the file's name.
        question: in one sentence.
        claim: under test, in words.
        rule: what is measured and the verdict rule in words, fixed before the first run.
        arms: compared.
        datasets: compared on.
        scales: by name.
        verdict: the rule.
        measures: what is measured of a run beside its metrics, each from its records; smaller is what the
            claim calls better.
        by_path: datasets that a person may have as files, made from where they are.
        device: of all runs, as `on_device` sets it.
    """

    name: str
    question: str
    claim: str
    rule: str
    arms: Sequence[Arm]
    datasets: Sequence[Dataset]
    scales: Mapping[str, Scale]
    verdict: Callable[[Evidence], Verdict]
    measures: Mapping[str, Measure] = field(default_factory=dict[str, Measure])
    by_path: Mapping[str, Callable[[Path], Dataset]] = field(
        default_factory=dict[str, Callable[[Path], Dataset]]
    )
    device: str = "cpu"

    def on(self, paths: Mapping[str, Path]) -> "Study":
        """This study on datasets ``by_path`` in place of its own; on its own where ``paths`` is empty.

        Raises:
            ValueError: it takes no dataset of such a name.
        """
        for name in paths.keys() - self.by_path.keys():
            takes = f"takes {', '.join(self.by_path)}" if self.by_path else "takes no data by path"
            raise ValueError(f"the study {self.name} knows no data {name!r}: it {takes}")
        datasets = [self.by_path[name](path) for name, path in paths.items()]
        return replace(self, datasets=datasets) if datasets else self

    def on_device(self, device: str) -> "Study":
        """This study with the networks of all its runs on a torch device."""

        def moved(dataset: Dataset) -> Dataset:
            return replace(dataset, run=lambda *asked: replace(dataset.run(*asked), device=device))

        return replace(self, datasets=[moved(dataset) for dataset in self.datasets], device=device)


def too_small(verdict: Verdict) -> Verdict:
    """What is left of a verdict that rests on runs too short or too few to decide anything."""
    return replace(verdict, outcome="undecided", reason=f"Runs of this size decide nothing. {verdict.reason}")


def rate(centre: float, place: int) -> float:
    """The learning rate ``place`` half-decades above a grid's centre, rounded to two digits."""
    return float(f"{centre * _STEP**place:.1e}")
