"""What changed from one study's result to another's, beyond what its seeds explain.

A difference is beyond noise when its 95 % interval leaves out zero. For means and medians over seeds that is
a bootstrap's interval, with seeds taken as unpaired. For shares and exponents it is made of both intervals.
Of many comparisons one in twenty is beyond noise by chance. Times are counted up to the shorter of both
budgets, so a median there is a lower bound.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from paripassu.evidence.groups import Groups, study_groups
from paripassu.evidence.shape import expected_shape
from paripassu.records import STUDY_FILE, StudyResult
from paripassu.records.codec import load
from paripassu.records.place import elsewhere
from paripassu.records.study import finding_title, flat_settings


@dataclass(frozen=True)
class Change:
    """One estimate, then and now.

    Attributes:
        where: the game, or the setting in words.
        arm: the arm, or the method.
        name: of the estimate.
        old: its value in the old study.
        new: its value in the new one.
        low: lower end of the interval of ``new - old``.
        high: upper end.
        beyond_noise: whether that interval leaves out zero; never with fewer than five values, which have
            no interval.
    """

    where: str
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
        old: the old study's name, scale, date and commit.
        new: the new one's.
        notes: in words: settings, verdicts, learning rates, divergence, what only one of them has.
        changes: every estimate that both have.
    """

    old: str
    new: str
    notes: list[str]
    changes: list[Change]


def study_changes(old: Path, new: Path) -> StudyChanges:
    """Compare two results of one study, or two sweeps of one kind.

    Args:
        old: the folder of one.
        new: the folder of the other.

    Raises:
        ValueError: a folder has no study or an unfinished one, the two are of different studies or kinds, or
            a table is damaged.
    """
    before, after = _finished(old), _finished(new)
    _check_alike(before, after)
    with expected_shape(old):
        olds = study_groups(before, old)
    with expected_shape(new):
        news = study_groups(after, new)
        notes = [*_settings(before, after), *_verdicts(before, after), *_groups(olds, news)]
        return StudyChanges(_label(before), _label(after), notes, list(_changes(olds, news)))


def _finished(folder: Path) -> StudyResult:
    if not (folder / STUDY_FILE).exists():
        raise ValueError(
            elsewhere(folder, "study") or f"{folder} holds no study: name two folders that paripassu wrote"
        )
    result = load(folder / STUDY_FILE, StudyResult)
    if not result.finished:
        raise ValueError(f"{folder} is not finished: give its command again to go on where it stopped")
    return result


def _check_alike(old: StudyResult, new: StudyResult) -> None:
    if old.kind != new.kind:
        raise ValueError(
            f"{old.name} is a {old.kind} and {new.name} a {new.kind}: name two results of one kind"
        )
    # Sweeps of a kind vary the same settings. Comparisons have arms and games in common only by chance.
    if old.kind == "comparison" and old.name != new.name:
        raise ValueError(f"{old.name} and {new.name} are different studies: name two results of one study")


def _label(study: StudyResult) -> str:
    where = study.environment
    return f"{study.name}, {study.scale}, {where.date[:10]}, commit {where.commit or 'unknown'}"


def _settings(old: StudyResult, new: StudyResult) -> Iterator[str]:
    befores, afters = ({"scale": study.scale} | flat_settings(study.settings) for study in (old, new))
    for name in befores | afters:
        before, after = befores.get(name), afters.get(name)
        if before != after:
            yield f"{name.replace('_', ' ')}: it was {before}, it is {after}."
    words = [{game.game: game.setting for game in study.games} for study in (old, new)]
    for game, after in words[1].items():
        before = words[0].get(game, after)
        if before != after:
            yield f"{game}: it was {before}; it is {after}."
    if (old.rule, old.protocol) != (new.rule, new.protocol):
        yield "The wording of the protocol or of the verdict rule has changed."


def _verdicts(old: StudyResult, new: StudyResult) -> Iterator[str]:
    olds, news = (
        {finding_title(study, finding): finding for finding in study.findings} for study in (old, new)
    )
    yield from _lacking("Finding", olds, news)
    for title in (title for title in olds if title in news):
        before, after = olds[title].verdict.outcome, news[title].verdict.outcome
        if before != after:
            yield f"{title}: the verdict was {before}, it is {after}."


def _lacking(what: str, olds: Collection[str], news: Collection[str]) -> Iterator[str]:
    """What only one of two has, in words."""
    yield from (f"{what} {name}: only in the old study." for name in olds if name not in news)
    yield from (f"{what} {name}: only in the new study." for name in news if name not in olds)


def _groups(olds: Groups, news: Groups) -> Iterator[str]:
    yield from _lacking("Runs", [", ".join(key) for key in olds], [", ".join(key) for key in news])
    for key in (key for key in olds if key in news):
        before, after, name = olds[key], news[key], ", ".join(key)
        if before.rates != after.rates:
            yield f"{name}: the learning rates were {before.rates}, they are {after.rates}."
        if before.diverged != after.diverged:
            counts = f"{before.diverged} of {before.runs} runs diverged, now {after.diverged} of {after.runs}"
            yield f"{name}: {counts}."


def _changes(olds: Groups, news: Groups) -> Iterator[Change]:
    for key in (key for key in olds if key in news):
        before, after = olds[key].quantities, news[key].quantities
        for name in (name for name in before if name in after):
            moved = before[name].moved_to(after[name])
            limit = "" if moved.limit == float("inf") else f" up to {moved.limit:,} steps"
            yield Change(*key, name + limit, *moved[:5])
