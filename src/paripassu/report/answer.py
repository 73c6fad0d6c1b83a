"""What was seen on a game or in a sweep, in a few plain sentences, before any rule judged it."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.evidence.collapse import METHODS, deciding_outcomes
from paripassu.evidence.dissection import dissection
from paripassu.evidence.pairs import Pair, all_pairs
from paripassu.evidence.played import played_arms
from paripassu.records import ArmResult, Fit, GameResult, StudyResult

_RATES = {"phase": "At the best pair of rates of each grid", "scaling": "At the best rates of each dimension"}
_FEW = 3  # findings whose numbers a first sentence has


def answer(game: GameResult) -> str:
    """Which arm does best, which cannot be separated from it, and which does worst.

    Arms are separated by their differences seed by seed, as `paripassu.evidence.pairs` has them.
    """
    by_name = {arm.arm: arm for arm in game.arms}
    if game.arms and all(arm.runs and arm.diverged == len(arm.runs) for arm in game.arms):
        return f"On {game.game}, every run of every arm diverged."
    pairs = all_pairs(game)
    if not pairs:
        return _alone(game)
    best, seeds = pairs[0].better, pairs[0].seeds
    own = [pair for pair in pairs if pair.better == best]
    equal = [pair.worse for pair in own if pair.lead.value == 0]
    level = [pair.worse for pair in own if not pair.is_apart and pair.worse not in equal]
    behind = [pair.worse for pair in own if pair.is_apart]
    who, whose = (f"{in_words([best, *equal])} do", "their") if equal else (f"{best} does", "its")
    first = (
        f"On {game.game}, {who} best: {whose} {game.metric} is {_value(by_name[best], game)} "
        f"({game.better} is better)."
    )
    return " ".join(
        [first, *_beside(level, seeds, "them" if equal else "it"), *_behind(behind, own, by_name, game)]
    )


def _alone(game: GameResult) -> str:
    known = [arm for arm in game.arms if math.isfinite(arm.estimates[game.metric].mean)]
    if len(known) == 1:
        value = f"{game.metric} is {_value(known[0], game)} ({game.better} is better)"
        return f"On {game.game}, only {known[0].arm} has a value: its {value}."
    return f"On {game.game}, no two arms have values to compare."


def framework_answer(result: StudyResult, folder: Path) -> str:
    """How many runs of each method of a sweep over the framework found every mode, and kept them.

    Raises:
        ValueError: the sweep's table of outcomes is missing or damaged.
    """
    rows = deciding_outcomes(result, folder).group_by("method", maintain_order=True).agg(
        pl.len().alias("runs"), (pl.col("ever") == "all").sum(), (pl.col("end") == "all").sum()
    )  # fmt: skip
    fits = {fit.method: fit for fit in result.fits}
    ordered = rows.sort(pl.col("ever") / pl.col("runs"), descending=True, maintain_order=True)
    sentences = [_found(row, result.kind, fits.get(row["method"])) for row in ordered.iter_rows(named=True)]
    where = _RATES.get(result.kind)
    return " ".join([f"{where}, {sentences[0]}", *sentences[1:]] if where and sentences else sentences)


def _found(row: dict[str, Any], kind: str, fit: Fit | None) -> str:
    name, count = METHODS[row["method"]], row["ever"] or "none"
    words = f"{name} found every mode in {count} of {row['runs']:,} runs"
    # A run of a scaling sweep ends when it has every mode.
    if row["ever"] and kind != "scaling":
        words += f" and had them at the end in {row['end'] or 'none'}"
    if fit and math.isfinite(fit.exponent):
        words += f", after a time that grows as d to the power {fit.exponent:.2g}"
    return f"{words}."


def played_answer(result: StudyResult, folder: Path) -> str:
    """How much was played, and the numbers that the findings turn on.

    Raises:
        ValueError: the sweep's table of outcomes is missing or damaged.
    """
    arms = played_arms(result, folder)
    runs, diverged = sum(arm.runs for arm in arms), sum(arm.diverged for arm in arms)
    left = f", and {diverged:,} of them diverged" if diverged else ""
    first = f"{_counted({arm.arm for arm in arms}, 'arm')} played {runs:,} runs{left}."
    return " ".join([first, *_effects(result)])


def dissection_answer(result: StudyResult, folder: Path) -> str:
    """Which rule is good in most phenomena, and how often each half of Adam does it.

    Raises:
        ValueError: the table of outcomes is missing or damaged.
    """
    table = dissection(result, folder)
    good = Counter(rule for (rule, _), cell in table.cells.items() if cell.grade == "good")
    halves = Counter(table.effects[column.name].half for column in table.columns)
    named = [f"{half} in {count}" for half, count in halves.most_common()]
    phenomena = _counted({column.name for column in table.columns}, "phenomenon", "phenomena")
    first = f"No rule is good in any of {phenomena}."
    if good:
        most = max(good.values())
        best = [rule for rule in table.rules if good[rule] == most]
        first = f"Of {phenomena}, {in_words(best)} {'are each' if len(best) > 1 else 'is'} good in {most}."
    return f"{first} Which half of Adam does it: {in_words(named)}."


def _effects(result: StudyResult) -> Iterator[str]:
    seen = [found for found in result.findings if found.verdict.effect]
    yield from (f"{found.about}: {found.verdict.effect}." for found in seen[:_FEW])


def _counted(names: set[str], word: str, several: str = "") -> str:
    return f"{len(names)} {word if len(names) == 1 else several or word + 's'}"


def _beside(level: Sequence[str], seeds: int, it: str) -> list[str]:
    if not level:
        return []
    count = f"{seeds} seeds" if seeds > 1 else "1 seed"
    verb = "do" if seeds > 1 else "does"
    return [f"{count.capitalize()} {verb} not separate {it} from {in_words(level)}."]


def _behind(
    behind: Sequence[str], own: Sequence[Pair], by_name: dict[str, ArmResult], game: GameResult
) -> list[str]:
    if not behind:
        return []
    worst = own[-1].worse
    value = _value(by_name[worst], game)
    if len(behind) == 1:
        return [f"{behind[0]} is behind, at {_value(by_name[behind[0]], game)}."]
    last = f", and {worst} is last, at {value}" if worst in behind else ""
    return [f"{len(behind)} arms are behind{last}."]


def _value(arm: ArmResult, game: GameResult) -> str:
    return f"{arm.estimates[game.metric].mean:.3g}"


def in_words(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    Example:
        >>> in_words(["a", "b", "c"])
        'a, b and c'
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
