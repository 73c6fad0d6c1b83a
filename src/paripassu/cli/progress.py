"""Progress on standard error, where a person watches; silence elsewhere."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
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
    with _bars(quiet=quiet) as bars:
        task = bars.add_task(title, total=total)
        yield lambda done: bars.update(task, completed=done)


@contextmanager
def stage_bars(*, quiet: bool) -> Generator[Callable[[str, int, int], None]]:
    """A bar for each stage; yields the function that is told its title, what is done, and of how much."""
    tasks: dict[str, TaskID] = {}
    with _bars(quiet=quiet) as bars:

        def advance(title: str, done: int, total: int) -> None:
            if title not in tasks:
                tasks[title] = bars.add_task(title, total=total)
            bars.update(tasks[title], completed=done, total=total)

        yield advance


def _bars(*, quiet: bool) -> Progress:
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
    return Progress(
        *columns, console=console, speed_estimate_period=120, disable=quiet or not console.is_terminal
    )
