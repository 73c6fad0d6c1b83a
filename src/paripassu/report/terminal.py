"""A study's result for the terminal, readable at 80 columns and without colour."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paripassu.evidence.changes import StudyChanges
from paripassu.evidence.dissection import dissection as dissected
from paripassu.evidence.kinds import of_kind
from paripassu.records import Finding, GameResult, StudyResult, span
from paripassu.records.study import finding_title
from paripassu.report import dissection, played
from paripassu.report.collapse_tables import exponents, summary
from paripassu.report.comparison import best_arm
from paripassu.report.page import Table as PageTable
from paripassu.report.terminal_table import TerminalTable

_BAR = 12  # characters of the longest bar
_BEST, _EDGE = "*", "!"
_STYLES = {"supported": "bold green", "contradicted": "bold red", "undecided": "bold yellow"}


def study_table(result: StudyResult, folder: Path) -> RenderableType:
    """The question and the claim, the tables of the study's kind, then every finding.

    Args:
        result: of a study.
        folder: the study's.

    Raises:
        ValueError: a table in the folder is missing or damaged.
    """
    parts: list[RenderableType] = [Text(result.question or result.name, style="bold")]
    parts += [Text(result.claim)] if result.claim else []
    if result.is_judged:
        parts += of_kind(_TABLES, result)(result, folder)
        parts += [part for finding in result.findings for part in ("", _finding(result, finding))]
    if not result.finished:
        after = f" This is the result after {result.reached}." if result.reached else ""
        parts.append(Text(f"Not finished: the same command goes on where it stopped.{after}"))
    return Group(*parts, *(Text(sentence, style="dim") for sentence in ("", *result.cut, *result.remarks)))


def changes_table(changes: StudyChanges) -> RenderableType:
    """What changed beyond noise between two results, the notes first, and of how many estimates."""
    parts: list[RenderableType] = [Text(f"old: {changes.old}"), Text(f"new: {changes.new}"), Text()]
    parts += [Text(note) for note in changes.notes]
    beyond = [change for change in changes.changes if change.beyond_noise]
    table = Table(title="Changed beyond noise", title_justify="left", box=None, pad_edge=False)
    for heading in ("where", "arm", "estimate"):
        table.add_column(heading, overflow="fold")
    for heading in ("old", "new"):
        table.add_column(heading, justify="right")
    table.add_column("difference, 95 %")
    for change in beyond:
        numbers = (f"{change.old:.3g}", f"{change.new:.3g}", f"{change.low:.3g} to {change.high:.3g}")
        table.add_row(*map(Text, (change.where, change.arm, change.name, *numbers)))
    parts += [table] if beyond else []
    count = len(changes.changes)
    known = sum(math.isfinite(change.low) or math.isfinite(change.high) for change in changes.changes)
    total = (
        f"{len(beyond)} of {count} estimates changed beyond noise; about {round(known / 20)} do by chance."
    )
    if known < count:
        total += f" {count - known} have too few values for an interval, so that no change of them shows."
    return Group(*parts, Text(total, style="bold"))


def _comparison(result: StudyResult, _: Path) -> list[RenderableType]:
    return [part for game in result.games for part in ("", _game(game), _legend(game))]


def _sweep(result: StudyResult, folder: Path) -> list[RenderableType]:
    return ["", _plain(summary(result, folder))]


def _scaling(result: StudyResult, folder: Path) -> list[RenderableType]:
    return [*_sweep(result, folder), "", _plain(exponents(result))]


def _played(result: StudyResult, folder: Path) -> list[RenderableType]:
    return [part for table in played.summary(result, folder) for part in ("", _plain(table))]


def _dissection(result: StudyResult, folder: Path) -> list[RenderableType]:
    table = dissected(result, folder)
    lacking = ["", _plain(dissection.missing(table))] if table.missing else []
    return ["", _plain(dissection.summary(table)), *lacking]


_TABLES: Mapping[str, Callable[[StudyResult, Path], list[RenderableType]]] = {
    "comparison": _comparison,
    "run": _sweep,
    "phase": _sweep,
    "scaling": _scaling,
    "vary": _sweep,
    "played": _played,
    "dissection": _dissection,
}
"""By the kind of study: the tables that sum it up, from its result and its folder."""


def _game(game: GameResult) -> Table:
    title = Text(f"{game.game}: {game.metric} ({game.better} is better)")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("arm", overflow="fold")
    table.add_column("rates of G and D")
    table.add_column("mean", justify="right")
    table.add_column("95 % interval")
    table.add_column("")
    bars = _bars(game)
    for number, arm in enumerate(game.arms):
        estimate = arm.estimates[game.metric]
        notes = [f"{arm.diverged} diverged"] if arm.diverged else []
        best = f"{_BEST} " if number == best_arm(game) else "  "
        cells = (
            best + arm.arm,
            f"{arm.chosen}" + _EDGE * bool(arm.edges),
            f"{estimate.mean:.3g}" if math.isfinite(estimate.mean) else "unknown",
            span(estimate.low, estimate.high, " to "),
            " ".join([bars[number], *notes]),
        )
        table.add_row(*map(Text, cells))
    return table


def _bars(game: GameResult) -> list[str]:
    """A bar for each arm, longer for a better mean: its share of the best, or the best's share of it."""
    means = [arm.estimates[game.metric].mean for arm in game.arms]
    number = best_arm(game)
    best = math.nan if number is None else means[number]

    def share(mean: float) -> float:
        if not (math.isfinite(mean) and math.isfinite(best)):
            return 0.0
        of, whole = (mean, best) if game.better == "higher" else (best, mean)
        if of == whole:
            return 1.0
        return min(1.0, max(0.0, of / whole)) if whole else 0.0

    return ["█" * round(_BAR * share(mean)) for mean in means]


def _legend(game: GameResult) -> Text:
    marks = [f"{_BEST} best mean", "a longer bar is better"]
    if any(arm.edges for arm in game.arms):
        marks.append(f"{_EDGE} at an edge of what was tried: settings beyond may do better")
    return Text("; ".join(marks), style="dim")


def _finding(result: StudyResult, finding: Finding) -> Text:
    outcome = finding.verdict.outcome
    title = finding_title(result, finding)
    return Text.assemble((title, "bold"), ": ", (outcome, _STYLES[outcome]), ". ", finding.verdict.reason)


def _plain(table: PageTable) -> TerminalTable:
    """A page's table in the terminal."""
    return TerminalTable(table.columns, table.rows)
