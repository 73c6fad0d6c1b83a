"""Progress on standard error, where a person watches; silence elsewhere."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from paripassu.cli.output import errors
from paripassu.printable import printable

Advance = Callable[[int], None]


@contextmanager
def progress_bar(title: str, total: int, *, quiet: bool) -> Generator[Advance]:
    """A bar of ``total`` steps; yields a function that takes the number of steps done.

    Nothing is drawn if ``quiet``, or if standard error is no terminal.
    """
    with _bars(quiet=quiet) as bars:
        task = bars.add_task(printable(title), total=total)
        yield lambda done: bars.update(task, completed=done)


@contextmanager
def stage_bars(*, quiet: bool) -> Generator[Callable[[str, int, int], None]]:
    """A bar for each stage; yields a function that takes its title, the steps done and their total."""
    tasks: dict[str, TaskID] = {}
    with _bars(quiet=quiet) as bars:

        def advance(title: str, done: int, total: int) -> None:
            if title not in tasks:
                tasks[title] = bars.add_task(printable(title), total=total)
            bars.update(tasks[title], completed=done, total=total)

        yield advance


def _bars(*, quiet: bool) -> Progress:
    console = errors()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # Runs end in bursts. The window is longer than a burst, so that the estimate is right.
    return Progress(
        *columns, console=console, speed_estimate_period=120, disable=quiet or not console.is_terminal
    )
