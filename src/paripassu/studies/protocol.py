"""How every study is done: tune each arm on some seeds, measure it on others, then apply its rule.

Every arm has the same number of learning rates in its grid, half a decade apart. The rate with the best
mean over the tuning seeds is run again on fresh confirmation seeds, and only those are reported and
compared, so that no arm gains by having been selected. The centres of the grids were moved once, after a
pilot on the tuning seeds alone in which some arms were best at the edge of theirs.

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
_STEP = 10**0.5  # between neighbouring learning rates of a grid

# What sizes leave out, where studies leave out the same.
CUT_ALL = "Every run is a few steps long: this scale shows that the study works, and nothing else."
CUT_TUNING = (
    "Learning rates are not tuned here: each arm uses the one that the study grafting chose at the same "
    "length on its tuning seeds."
)
CUT_PHOTOGRAPHS = "The games are those of scale small: the paper's photographs are left out."

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
        cut: what this size leaves out, one sentence each.
        decides: whether its runs are long enough for a verdict; where not, all are *undecided*.
    """

    rates: int
    tuning_seeds: int
    confirmation_seeds: int
    steps: Mapping[str, int]
    cut: tuple[str, ...] = ()
    decides: bool = True


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


def grid(centre: float, count: int) -> list[float]:
    """``count`` rates, half a decade apart, around ``centre``, rounded to two digits."""
    return [float(f"{centre * _STEP**k:.1e}") for k in range(-(count // 2), count // 2 + 1)]
