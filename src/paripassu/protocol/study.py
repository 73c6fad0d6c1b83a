"""What a study is: a question, a claim, a verdict rule in words, and a design for each of its scales.

A design says what runs and applies the rule. Comparisons of arms on games (`paripassu.protocol.gans`) and
sweeps over a theory problem (`paripassu.protocol.sweeps`) are the two kinds. The runner, the pages and the
command line see a `Study` alone.
"""

import ast
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from paripassu.files import read_whole
from paripassu.records import Finding, Fit, GameResult, Verdict, VerdictName

FIRST_CONFIRMATION_SEED = 1000  # far from the tuning seeds 0, 1, 2, ...


def fresh_seeds(count: int, first: int = FIRST_CONFIRMATION_SEED) -> range:
    """Seeds that nothing was chosen on."""
    return range(first, first + count)


CUT_ALL = "Every run is a few steps long: this scale shows that the study works, and nothing else."
"""What a scale says that only tries a study."""

_CLAIM = "Claim under test: "


class Unit(Protocol):
    """A piece of work that runs by itself: one run, or several that are played together.

    A unit is picklable, because another process may carry it out.
    """

    @property
    def cost(self) -> int:
        """Steps of all its runs together, for progress."""
        ...

    @property
    def path(self) -> Path:
        """The file or folder that exists once the unit is done; no two units of a study share it."""
        ...

    @property
    def runs(self) -> Sequence[Path]:
        """Folders of its training runs, whose records show how far it is; none if it trains nothing."""
        ...

    def carry_out(self) -> Sequence[str]:
        """Do the unit, or the rest of it, and leave its result in the study's folder.

        Returns:
            What a person should know of it, such as damage that was mended, one sentence each.
        """
        ...


class Work(NamedTuple):
    """The work that a study needs, as far as it follows from the units that are done.

    Attributes:
        missing: units that are needed and not done. If there are none, the study is finished.
        done: steps of the units that are done.
        needed: steps of all units that are known to be needed; it may grow.
        seconds: expected of each missing unit on one core, in their order; None if nothing is known yet.
        seconds_left: expected of all units that are needed and not done, on one core; None as ``seconds``.
    """

    missing: Sequence[Unit]
    done: int
    needed: int
    seconds: Sequence[float] | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Judgement:
    """The verdicts on a finished study, and the tables behind them.

    Attributes:
        findings: one for each game, or for each claim and condition.
        games: results of a comparison, one for each game.
        fits: growth with the dimension, from a scaling sweep.
        remarks: what a reader should know about the runs, one sentence each.
    """

    findings: list[Finding]
    games: list[GameResult] = field(default_factory=list[GameResult])
    fits: list[Fit] = field(default_factory=list[Fit])
    remarks: list[str] = field(default_factory=list[str])


class Design(ABC):
    """What a study runs at one scale, and how the runs are judged."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """A word for records and pages. It determines which tables a study has."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """The procedure of every study of this kind, in words; it may be empty."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Plain nested values for ``study.json``."""

    @abstractmethod
    def difference(self, settings: Mapping[str, Any]) -> str:
        """What makes a folder of these ``settings`` another study, in a few words; empty if nothing does."""

    @abstractmethod
    def plan(self) -> list[str]:
        """Every unit that is known before anything has run, in words, one line each."""

    @property
    def budgets(self) -> Sequence[int]:
        """Amounts of work after which the study can be judged, smallest first; the last is all of it."""
        return (1,)

    def reached(self, budget: int) -> str:
        """A budget in words."""
        return f"{budget} of {self.budgets[-1]}"

    @abstractmethod
    def work(self, folder: Path, command: str, budget: int | None = None) -> Work:
        """The work that a study's folder still needs.

        Args:
            folder: the study's; it may be empty, or not exist yet.
            command: the command that a person typed, written into every run.
            budget: one of `budgets`; None is the last.
        """

    @abstractmethod
    def judge(self, claim: str, folder: Path, budget: int | None = None) -> Judgement:
        """Apply the verdict rule, and write the tables that pages read.

        Args:
            claim: the study's, in words.
            folder: the study's; all work of the budget is done.
            budget: one of `budgets`; None is the last.
        """

    def check(self) -> None:
        """Raise ``ValueError`` where an extra or data that all work needs are missing."""
        return

    @abstractmethod
    def on_data(self, paths: Mapping[str, Path]) -> Self:
        """This design on data in files, by the names that the study gives them.

        Raises:
            ValueError: the design takes no data of this name.
        """

    @abstractmethod
    def on_games(self, names: Sequence[str]) -> Self:
        """This design on some of its games; unchanged without names.

        Raises:
            ValueError: the design has no game of this name.
        """

    @abstractmethod
    def on_device(self, device: str) -> Self:
        """This design with its networks on a torch device.

        Raises:
            ValueError: the design has no networks.
        """


@dataclass(frozen=True)
class Scale:
    """A size that a study can be run at.

    Args:
        design: what runs, and how it is judged.
        cut: what this size leaves out, one sentence each.
        decides: whether its runs are long enough for a verdict. If not, every verdict is *undecided*.
    """

    design: Design
    cut: tuple[str, ...] = ()
    decides: bool = True


@dataclass(frozen=True)
class Study:
    """A question, and how it is answered.

    Args:
        name: for tables and folders.
        question: one sentence.
        claim: the claim under test, in words; empty if the study tests none. A claim of the paper begins with
            its number and a colon, ``"C2: "``.
        rule: what is measured, and the verdict rule, in words; fixed before the first run.
        scales: by name.

    Example:
        >>> from paripassu.protocol import Comparison, Scale
        >>> study = Study("lion", "Which half of Lion?", "The sign is what helps.", "None.", scales={})
        >>> study.scale("small")
        Traceback (most recent call last):
        ValueError: the study lion has no scale 'small': it has none
    """

    name: str
    question: str
    claim: str
    rule: str
    scales: Mapping[str, Scale]

    @classmethod
    def from_file(cls, file: str, scales: Mapping[str, Scale]) -> Self:
        """A study whose words are the docstring of a Python file; call ``Study.from_file(__file__, ...)``.

        The first paragraph is the question. The second begins with ``Claim under test:``. The rest is the
        rule. The words are read from the file, because ``python -OO`` removes docstrings. The study has the
        file's name, with hyphens.

        Args:
            file: path of the file.
            scales: by name.

        Raises:
            ValueError: the docstring lacks one of the three.
        """
        path = Path(file)
        text = ast.get_docstring(ast.parse(read_whole(path))) or ""
        question, _, rest = text.partition("\n\n")
        claim, _, rule = rest.partition("\n\n")
        claim = _unwrapped(claim)
        if not (question and rule.strip() and claim.removeprefix(_CLAIM) != claim):
            raise ValueError(
                f"the docstring of {path} must be a question, then a paragraph that begins with "
                f"{_CLAIM.strip()!r}, then the verdict rule, with empty lines between them"
            )
        name = path.stem.replace("_", "-")
        return cls(name, _unwrapped(question), claim.removeprefix(_CLAIM), rule.strip(), scales)

    def scale(self, name: str) -> Scale:
        """The scale of a name.

        Raises:
            ValueError: the study has no such scale; the message lists its scales.
        """
        if name in self.scales:
            return self.scales[name]
        others = ", ".join(self.scales) or "none"
        raise ValueError(f"the study {self.name} has no scale {name!r}: it has {others}")

    def on_data(self, paths: Mapping[str, Path]) -> Self:
        """This study on data in files, at every scale; unchanged if ``paths`` is empty.

        Raises:
            ValueError: the study takes no data of this name.
        """
        return self._with({name: scale.design.on_data(paths) for name, scale in self.scales.items()})

    def on_games(self, names: Sequence[str]) -> Self:
        """This study on some of its games, at every scale; unchanged if ``names`` is empty.

        Raises:
            ValueError: the study has no game of this name.
        """
        return self._with({name: scale.design.on_games(names) for name, scale in self.scales.items()})

    def on_device(self, device: str) -> Self:
        """This study with the networks of all its runs on a torch device.

        Raises:
            ValueError: the study has no networks.
        """
        return self._with({name: scale.design.on_device(device) for name, scale in self.scales.items()})

    def _with(self, designs: Mapping[str, Design]) -> Self:
        scales = {name: replace(self.scales[name], design=design) for name, design in designs.items()}
        return replace(self, scales=scales)


def decide(*, supported: bool, contradicted: bool) -> VerdictName:
    """The outcome of a verdict rule with two sides; *undecided* if neither is true."""
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def too_small(verdict: Verdict) -> Verdict:
    """The verdict *undecided*, for runs that are too short or too few to decide anything."""
    return replace(verdict, outcome="undecided", reason=f"Runs of this size decide nothing. {verdict.reason}")


def _unwrapped(text: str) -> str:
    return " ".join(text.split())
