"""A study's result for the terminal, readable at 80 columns and without colour."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paripassu.records import DatasetResult, StudyResult
from paripassu.report.study import best_arm, rate

_BAR = 12  # characters of the longest bar
_STYLES = {"supported": "bold green", "contradicted": "bold red", "undecided": "bold yellow"}


def study_table(result: StudyResult) -> RenderableType:
    """The question, then each dataset's table and verdict."""
    parts: list[RenderableType] = [Text(result.question, style="bold"), Text(result.claim)]
    for dataset in result.datasets:
        parts += ["", _table(dataset), _verdict(dataset)]
    return Group(*parts, *(Text(sentence, style="dim") for sentence in ("", *result.cut)))


def _table(dataset: DatasetResult) -> Table:
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
        best = "* " if number == best_arm(dataset) else "  "
        table.add_row(
            best + arm.arm,
            rate(arm).replace(" (edge of its grid)", "!"),
            f"{estimate.mean:.3g}",
            f"{estimate.low:.3g} to {estimate.high:.3g}",
            " ".join([bar, *notes]),
        )
    return table


def _verdict(dataset: DatasetResult) -> Text:
    outcome = dataset.verdict.outcome
    return Text.assemble("Verdict: ", (outcome, _STYLES[outcome]), ". ", dataset.verdict.reason)
