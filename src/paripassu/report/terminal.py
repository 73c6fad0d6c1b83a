"""A study's result for the terminal, readable at 80 columns and without colour."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paripassu.evidence.changes import StudyChanges
from paripassu.records import GameResult, StudyResult
from paripassu.report.study import best_arm

_BAR = 12  # characters of the longest bar
_BEST, _EDGE = "*", "!"
_STYLES = {"supported": "bold green", "contradicted": "bold red", "undecided": "bold yellow"}


def study_table(result: StudyResult) -> RenderableType:
    """The question, then each dataset's table and verdict."""
    parts: list[RenderableType] = [Text(result.question, style="bold"), Text(result.claim)]
    for dataset in result.datasets:
        parts += ["", _table(dataset), _legend(dataset), _verdict(dataset)]
    return Group(*parts, *(Text(sentence, style="dim") for sentence in ("", *result.cut, *result.remarks)))


def changes_table(changes: StudyChanges) -> RenderableType:
    """What is not noise between two results of a study, the verdicts first, and how much was looked at."""
    parts: list[RenderableType] = [Text(f"old: {changes.old}"), Text(f"new: {changes.new}"), Text()]
    parts += [Text(note) for note in changes.notes]
    beyond = [change for change in changes.changes if change.beyond_noise]
    table = Table(title="Changed beyond noise", title_justify="left", box=None, pad_edge=False)
    for heading in ("dataset", "arm", "estimate"):
        table.add_column(heading)
    for heading in ("old", "new"):
        table.add_column(heading, justify="right")
    table.add_column("difference, 95 %")
    for change in beyond:
        numbers = (f"{change.old:.3g}", f"{change.new:.3g}", f"{change.low:.3g} to {change.high:.3g}")
        table.add_row(change.dataset, change.arm, change.name, *numbers)
    parts += [table] if beyond else []
    count = len(changes.changes)
    told = f"{len(beyond)} of {count} estimates changed beyond noise; {round(count / 20)} or so do by chance."
    return Group(*parts, Text(told, style="bold"))


def _table(dataset: GameResult) -> Table:
    title = f"{dataset.dataset}: {dataset.metric} ({dataset.better} is better)"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("arm")
    table.add_column("lr", justify="right")
    table.add_column("mean", justify="right")
    table.add_column("95 % interval")
    table.add_column("")
    longest = max((abs(arm.estimates[dataset.metric].mean) for arm in dataset.arms), default=0.0) or 1.0
    for number, arm in enumerate(dataset.arms):
        estimate = arm.estimates[dataset.metric]
        notes = [f"{arm.diverged} diverged"] if arm.diverged else []
        bar = "█" * round(_BAR * abs(estimate.mean) / longest)
        best = f"{_BEST} " if number == best_arm(dataset) else "  "
        table.add_row(
            best + arm.arm,
            f"{arm.lr:g}" + _EDGE * arm.on_edge,
            f"{estimate.mean:.3g}",
            f"{estimate.low:.3g} to {estimate.high:.3g}",
            " ".join([bar, *notes]),
        )
    return table


def _legend(dataset: GameResult) -> Text:
    told = [f"{_BEST} best mean"]
    if any(arm.on_edge for arm in dataset.arms):
        told.append(f"{_EDGE} edge of its grid: a rate beyond may do better")
    return Text("; ".join(told), style="dim")


def _verdict(dataset: GameResult) -> Text:
    outcome = dataset.verdict.outcome
    return Text.assemble("Verdict: ", (outcome, _STYLES[outcome]), ". ", dataset.verdict.reason)
