"""What the demo's folder shows so far: its three acts, finished or under way, in words and numbers.

The page and the terminal both tell this story.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from paripassu.evidence.collapse import METHODS, NEURONS_TABLE, OUTCOMES_TABLE, PATHS_TABLE, sweep_table
from paripassu.evidence.measures import pace_gaps
from paripassu.evidence.under_way import UnderWay
from paripassu.records import STUDY_FILE, Finding, StudyResult
from paripassu.records.codec import load

FRAMEWORK, DIGITS, RING = "framework", "digits", "ring"
ACTS = (FRAMEWORK, DIGITS, RING)
"""Names of the acts' folders, in order."""

ARMS = {
    "adam": "Adam",
    "adam-magnitude": "Adam's length, SGD's direction",
    "nsgda-rms": "nSGDA",
    "adam-direction": "SGD's length, Adam's direction",
    "sgda": "SGDA",
}
"""Arms in words, by the names of their folders."""

_CLOSE = 1.25  # a distance that is a quarter larger is one that a person sees
_MODES = 8


@dataclass(frozen=True)
class Method:
    """What the framework's runs of one method did.

    Attributes:
        name: nSGDA or SGDA.
        seeds: number of runs.
        ever: how many ever had both modes.
        first: step at which they first had, median; infinite if most never had.
        share: steps, and the share of runs that had both modes at them.
        neurons: where the generator's neurons of the first seeds end, by cosine with each mode.
    """

    name: str
    seeds: int
    ever: int
    first: float
    share: Sequence[tuple[float, float]]
    neurons: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class FrameworkAct:
    """The first act, once it is done.

    Attributes:
        methods: nSGDA, SGDA.
        findings: on C4, C5 and C6.
        apart: by which factor the players' paces differ under each method.
    """

    methods: Sequence[Method]
    findings: Sequence[Finding]
    apart: Mapping[str, float]

    @property
    def seen(self) -> str:
        """The act in one sentence."""
        said = [
            f"{m.name} finds both modes in {m.ever} of {m.seeds} runs"
            + (f" (first at step {m.first:,.0f}, median)" if math.isfinite(m.first) else "")
            for m in self.methods
        ]
        return ". ".join(said) + "."

    @property
    def pace(self) -> str:
        """C6, as it was seen."""
        nsgda, sgda = self.apart["nsgda"], self.apart["sgda"]
        seen = (
            f"The two players' paces differ by a factor of {_two(nsgda)} under nSGDA and of {_two(sgda)} "
            "under SGDA."
        )
        return (
            f"{seen} nSGDA's are {_two(sgda / nsgda)} times nearer, and not equal."
            if self.is_nearer
            else seen
        )

    @property
    def is_nearer(self) -> bool:
        """Whether the paces differ less under nSGDA."""
        return self.apart["nsgda"] < self.apart["sgda"]


@dataclass
class Arm:
    """An arm on a game.

    Attributes:
        slug: its folder's name.
        runs: of its seeds, in order.
    """

    slug: str
    runs: list[UnderWay] = field(default_factory=list[UnderWay])

    @property
    def name(self) -> str:
        """In words."""
        return ARMS.get(self.slug, self.slug.replace("-", " "))

    @property
    def ended(self) -> int:
        """How many of its runs have ended."""
        return sum(run.has_ended for run in self.runs)

    def curve(self, metric: str) -> list[tuple[int, float]]:
        """Steps, and the mean over the runs that were measured there."""
        by_step: dict[int, list[float]] = {}
        for run in self.runs:
            for step, value in run.metrics.get(metric, []):
                by_step.setdefault(step, []).append(value)
        return [(step, sum(values) / len(values)) for step, values in sorted(by_step.items())]

    def last(self, metric: str) -> float:
        """The last value of its curve; NaN if nothing is measured yet."""
        curve = self.curve(metric)
        return curve[-1][1] if curve else math.nan

    @property
    def pictures(self) -> dict[int, Path]:
        """The pictures of its first run, by step."""
        if not self.runs:
            return {}
        found = sorted((self.runs[0].folder / "samples").glob("*.png"))
        return {int(path.stem): path for path in found if path.stem.isdecimal()}


@dataclass
class GameAct:
    """A game of the second or third act, finished or under way.

    Attributes:
        folder: of its study.
        game: name of its folder.
        finished: whether all runs have ended.
        arms: that have begun, in the order of `ARMS`.
    """

    folder: Path
    game: str
    finished: bool
    arms: list[Arm]

    def metric(self, kind: str) -> str:
        """The full name of a kind of metric, such as ``"modes"``; the kind itself if none was measured."""
        names = (name for arm in self.arms for run in arm.runs for name in run.metrics)
        return next((name for name in names if name.partition("@")[0] == kind), kind)

    def arm(self, slug: str) -> Arm:
        """An arm by its folder's name; without runs if it has not begun."""
        return next((arm for arm in self.arms if arm.slug == slug), Arm(slug))

    @property
    def runs_ended(self) -> int:
        """How many runs have ended."""
        return sum(arm.ended for arm in self.arms)


@dataclass(frozen=True)
class Story:
    """The demo so far.

    Attributes:
        folder: the demo's.
        framework: the first act; None until it is done.
        digits: the second act.
        ring: the third act, at each arm's best rates.
        doubled: the third act, at twice these rates.
    """

    folder: Path
    framework: FrameworkAct | None
    digits: GameAct
    ring: GameAct
    doubled: GameAct

    @property
    def is_finished(self) -> bool:
        """Whether all three acts are done."""
        return self.framework is not None and self.digits.finished and self.doubled.finished


def digits_seen(act: GameAct) -> str:
    """The second act in a few words: which arms come as far as Adam, within a quarter."""
    metric = act.metric("fd-digits")
    last = {arm.slug: arm.last(metric) for arm in act.arms}
    adam = last.get("adam", math.nan)
    close = [slug for slug, value in last.items() if slug != "adam" and value <= _CLOSE * adam]
    far = [slug for slug in last if slug != "adam" and slug not in close]
    said = f"Adam ends at a distance of {adam:.3g}."
    if close:
        said += f" As near, within a quarter: {_listed(close, last)}."
    if far:
        said += f" Not so: {_listed(far, last)}."
    return said


def ring_seen(act: GameAct, doubled: GameAct) -> str:
    """The third act in a few words: modes at the end, at each arm's best rates and at twice these."""
    parts = ", ".join(f"{arm.name} {_count(arm, act)}" for arm in act.arms)
    twice = ", ".join(f"{arm.name} {_count(arm, doubled)}" for arm in doubled.arms)
    return f"Modes of {_MODES} at the end: {parts}. At twice the rates: {twice}."


def modes_of(arm: Arm, act: GameAct) -> list[tuple[int, float]]:
    """An arm's number of modes over the steps of its first run, whose pictures are shown."""
    runs = arm.runs[:1]
    return [(step, value) for run in runs for step, value in run.metrics.get(act.metric("modes"), [])]


def _count(arm: Arm, act: GameAct) -> str:
    values = [run.metrics.get(act.metric("modes"), []) for run in arm.runs]
    return " and ".join(f"{each[-1][1]:g}" for each in values if each) or "not yet"


def _listed(slugs: Sequence[str], last: Mapping[str, float]) -> str:
    return ", ".join(f"{ARMS.get(slug, slug)} ({last[slug]:.3g})" for slug in slugs)


def _two(factor: float) -> str:
    return f"{float(f'{factor:.2g}'):,.10g}"


def read_story(folder: Path) -> Story:
    """Read the demo's folder, in which runs may be under way.

    An act whose study is damaged counts as not done: its command makes it again.
    """
    digits = _game(folder / DIGITS, "digits")
    ring, doubled = (_game(folder / RING, name) for name in ("ring", "ring-doubled"))
    return Story(folder, _framework(folder / FRAMEWORK), digits, ring, doubled)


def _result(folder: Path) -> StudyResult | None:
    """An act's result, if it is finished."""
    with suppress(FileNotFoundError, ValueError):
        result = load(folder / STUDY_FILE, StudyResult)
        return result if result.finished else None
    return None


def _framework(folder: Path) -> FrameworkAct | None:
    result = _result(folder)
    if result is None:
        return None
    try:
        outcomes, paths, neurons = (
            sweep_table(result, folder, name) for name in (OUTCOMES_TABLE, PATHS_TABLE, NEURONS_TABLE)
        )
    except (OSError, ValueError):
        return None
    methods = [_method(name, outcomes, paths, neurons) for name in ("nsgda", "sgda")]
    return FrameworkAct(methods, result.findings, _apart(paths))


def _method(name: str, outcomes: pl.DataFrame, paths: pl.DataFrame, neurons: pl.DataFrame) -> Method:
    own, path = outcomes.filter(method=name), paths.filter(method=name)
    both = path.group_by("step").agg((pl.col("modes") >= 2).mean()).sort("step")
    last = neurons.filter(pl.col("step") == pl.col("step").max(), method=name, player="generator")
    ends = last.filter(pl.col("seed") < _MODES).select("mode_1", "mode_2").rows()
    first = own["first_recovery"].median()
    ever = own.filter(ever="all").height
    return Method(METHODS[name], own.height, ever, float(str(first)), both.rows(), ends)


def _apart(paths: pl.DataFrame) -> dict[str, float]:
    means = pace_gaps(paths).group_by("method").agg(pl.col("gap").mean())
    return {method: 10**mean for method, mean in means.select("method", "gap").rows()}


def _game(study: Path, game: str) -> GameAct:
    arms: list[Arm] = []
    for slug in ARMS:
        arm = Arm(slug)
        for folder in sorted((study / "runs" / game / slug).glob("*")):
            run = UnderWay(folder, 10**9)
            run.look()
            if run.has_begun:
                arm.runs.append(run)
        if arm.runs:
            arms.append(arm)
    return GameAct(study, game, _result(study) is not None, arms)
