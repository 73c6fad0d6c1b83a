"""Progress on standard error, where a person watches; silence elsewhere."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Advance = Callable[[int], None]


def errors() -> Console:
    """Where progress and notices go, so that standard output holds results alone."""
    return Console(stderr=True)


@contextmanager
def progress_bar(title: str, total: int, *, quiet: bool) -> Generator[Advance]:
    """A bar of ``total`` steps; yields the function that is told the steps done.

    Nothing is drawn when ``quiet`` or when standard error is no terminal.
    """
    console = errors()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # A long window: runs end in bursts, and an honest estimate outlasts one.
    bar = Progress(
        *columns, console=console, speed_estimate_period=120, disable=quiet or not console.is_terminal
    )
    with bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)
