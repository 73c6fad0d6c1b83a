"""What changed from one study's result to another's, beyond what its seeds explain.

Two means over seeds differ beyond noise when the bootstrap 95 % interval of their difference, seeds taken
as unpaired, leaves out zero. Of many comparisons one in twenty does by chance.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.records import ArmResult, Estimate, GameResult, StudyResult


@dataclass(frozen=True)
class Change:
    """One estimate, then and now.

    Attributes:
        dataset: its dataset.
        arm: its arm.
        name: of the metric or measure.
        old: mean over the old study's seeds.
        new: mean over the new study's.
        low: lower end of the interval of ``new - old``.
        high: upper end.
        beyond_noise: whether that interval leaves out zero; never with a single seed, which shows no noise.
    """

    dataset: str
    arm: str
    name: str
    old: float
    new: float
    low: float
    high: float
    beyond_noise: bool


@dataclass(frozen=True)
class StudyChanges:
    """All that changed.

    Attributes:
        old: the old study's name, scale and commit.
        new: the new one's.
        notes: in words: verdicts, learning rates, divergence, what one of them lacks, what was run otherwise.
        changes: every estimate that both have.
    """

    old: str
    new: str
    notes: list[str]
    changes: list[Change]


def study_changes(old: StudyResult, new: StudyResult) -> StudyChanges:
    """Compare two results of a study.

    Raises:
        ValueError: they are of different studies.
    """
    if old.name != new.name:
        raise ValueError(f"{old.name} and {new.name} are different studies: name two results of one study")
    notes = [
        f"{what} then {before}, now {after}."
        for what, before, after in (
            ("Scale", old.scale, new.scale),
            ("Tuning seeds", old.tuning_seeds, new.tuning_seeds),
            ("Confirmation seeds", old.confirmation_seeds, new.confirmation_seeds),
        )
        if before != after
    ]
    if old.protocol != new.protocol:
        notes.append("The protocol or the verdict rule reads otherwise.")
    olds = {dataset.dataset: dataset for dataset in old.datasets}
    news = {dataset.dataset: dataset for dataset in new.datasets}
    notes += lacking("Dataset", olds, news)
    shared = [(olds[name], news[name]) for name in olds if name in news]
    notes += [note for pair in shared for note in _notes(*pair)]
    changes = [change for pair in shared for change in _changes(*pair)]
    return StudyChanges(_label(old), _label(new), notes, changes)


def _label(study: StudyResult) -> str:
    where = study.environment
    return f"{study.name}, {study.scale}, {where.date[:10]}, commit {where.commit or 'unknown'}"


def lacking(what: str, olds: Collection[str], news: Collection[str]) -> list[str]:
    """What only one of two has, in words."""
    gone = [f"{what} {name} is there no more." for name in olds if name not in news]
    return gone + [f"{what} {name} is new." for name in news if name not in olds]


def _notes(old: GameResult, new: GameResult) -> Iterator[str]:
    name = new.dataset
    if old.setting != new.setting:
        yield f"{name} was {old.setting}; it is {new.setting}."
    if old.verdict.outcome != new.verdict.outcome:
        yield f"{name}: the verdict was {old.verdict.outcome}, it is {new.verdict.outcome}."
    olds, news = _by_arm(old), _by_arm(new)
    yield from lacking(f"{name}, arm", olds, news)
    for arm in (arm for arm in olds if arm in news):
        before, after = olds[arm], news[arm]
        if before.lr != after.lr:
            yield f"{name}, {arm}: the learning rate was {before.lr:g}, it is {after.lr:g}."
        if before.diverged != after.diverged:
            yield (
                f"{name}, {arm}: {before.diverged} of {len(before.runs)} runs diverged, "
                f"now {after.diverged} of {len(after.runs)}."
            )


def _changes(old: GameResult, new: GameResult) -> Iterator[Change]:
    olds = _by_arm(old)
    for arm in new.arms:
        if arm.arm in olds:
            before = olds[arm.arm].estimates
            for name, after in arm.estimates.items():
                if name in before:
                    yield _change(new.dataset, arm.arm, name, before[name], after)


def _change(dataset: str, arm: str, name: str, old: Estimate, new: Estimate) -> Change:
    interval = bootstrap_interval(lambda before, after: after - before, old.values, new.values)
    has_noise = min(len(old.values), len(new.values)) > 1
    beyond = has_noise and (interval.low > 0 or interval.high < 0)
    return Change(dataset, arm, name, old.mean, new.mean, interval.low, interval.high, beyond)


def _by_arm(dataset: GameResult) -> dict[str, ArmResult]:
    return {arm.arm: arm for arm in dataset.arms}
