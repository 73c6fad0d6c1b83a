"""What a study writes: ``study.json``, its `StudyResult`. All are plain dataclasses."""

from dataclasses import dataclass, field
from typing import Any, Literal

from paripassu.records.environment import Environment
from paripassu.records.game import GameResult, WithInterval, span
from paripassu.records.schema import SCHEMA

STUDY_FILE = "study.json"
"""A study's result."""
VerdictName = Literal["supported", "contradicted", "undecided"]
"""What a verdict rule says."""


@dataclass(frozen=True)
class Effect(WithInterval):
    """The one figure a verdict turns on, with its 95 % interval, Wilson's for a share, else a bootstrap's.

    Attributes:
        name: what it measures, with the value that would mean no effect where that is not zero.
        value: of the effect.
        low: lower end of the interval; NaN if it is not known.
        high: upper end, or NaN.
    """

    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{span(self.low, self.high)}] {self.name}"


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
class Fit(WithInterval):
    """How the time to recover every mode grows: proportional to ``d ** exponent``.

    Attributes:
        method: whose time.
        exponent: by least squares on the logarithms; NaN where fewer than two dimensions were recovered.
        low: lower end of its bootstrap 95 % interval; NaN if it is not known.
        high: upper end, or NaN.
        dimensions: that most seeds recovered within the budget, and the fit rests on.
    """

    method: str
    exponent: float
    low: float
    high: float
    dimensions: list[int]


@dataclass(frozen=True)
class Finding:
    """What a study's rule says of one claim on one game, or under one condition.

    Attributes:
        claim: in words, without a full stop; it begins with the claim's number, such as ``"C4: "``, where the
            paper has it.
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
    of_study = study.claim in (finding.claim, f"{finding.claim}.")
    return finding.about if of_study else f"{finding.claim} ({finding.about})"


def flat_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Nested settings in one dictionary: plain ones first, then those of each nested part."""
    flat = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    for nested in (value for value in settings.values() if isinstance(value, dict)):
        flat |= nested
    return flat
