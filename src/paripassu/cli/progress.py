"""Progress on standard error: bars and a table of arms on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from paripassu.cli import output
from paripassu.cli.output import errors
from paripassu.evidence.under_way import UnderWay
from paripassu.printable import printable
from paripassu.report.sparkline import sparkline

Advance = Callable[[int], None]

_ROWS = 12  # of the table of arms
_SECONDS = 30.0  # between two lines, where no terminal is


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


@dataclass
class StudyProgress:
    """A study's progress, by steps, and its arms with what was measured so far.

    On a terminal this is a table over a bar. Elsewhere it is a line about every half minute.

    Attributes:
        title: the study's.
        start: what is shown until a run has begun.
        speaks: whether to print the lines.
    """

    title: str
    start: str
    speaks: bool
    _bars: Progress = field(init=False)
    _rows: dict[tuple[str, ...], list[UnderWay]] = field(
        init=False, default_factory=dict[tuple[str, ...], list[UnderWay]]
    )
    _began: float = field(init=False, default_factory=lambda: time.monotonic())
    _said: float = field(init=False, default_factory=lambda: time.monotonic())
    _first: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._bars = _bars(quiet=False)
        self._task = self._bars.add_task(printable(self.title), total=None)

    def steps(self, done: int, needed: int) -> None:
        """Take the steps done, and all that are known to be needed."""
        self._bars.update(self._task, completed=done, total=needed)
        self._first = done if self._first is None else self._first
        now = time.monotonic()
        if not self.speaks or now - self._said < _SECONDS:
            return
        self._said = now
        pace = (done - self._first) / (now - self._began)
        left = f", about {_duration((needed - done) / pace)} left" if pace > 0 and needed > done else ""
        output.notice(f"{self.title}: {done:,} of {needed:,}{left}")

    def runs(self, runs: Sequence[UnderWay]) -> None:
        """Take the runs that have begun."""
        rows: dict[tuple[str, ...], list[UnderWay]] = {}
        for run in runs:
            rows.setdefault(run.folder.parts[-3:-1], []).append(run)
        self._rows = rows

    def __rich__(self) -> RenderableType:
        """The table over the bar."""
        rows = self._rows
        if not rows:
            return Group(Text(self.start, style="dim"), self._bars)
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading, side in (("arm", "left"), ("runs ended", "right"), ("step", "right")):
            table.add_column(heading, justify=side)  # pyright: ignore[reportArgumentType] - two of its words
        for heading in ("measured so far", ""):
            table.add_column(heading)
        shown = sorted(rows, key=lambda key: all(run.has_ended for run in rows[key]))[:_ROWS]
        for key in (key for key in rows if key in shown):
            table.add_row(*map(Text, _row(key, rows[key])))
        return Group(table, self._bars)


@contextmanager
def study_progress(title: str, start: str, *, quiet: bool) -> Generator[StudyProgress]:
    """Progress of a study, which takes its steps and its runs.

    Args:
        title: the study's.
        start: what is shown until a run has begun.
        quiet: draw and say nothing.
    """
    console = errors()
    progress = StudyProgress(title, start, speaks=not (quiet or console.is_terminal))
    if quiet or not console.is_terminal:
        yield progress
        return
    with Live(get_renderable=progress.__rich__, console=console, refresh_per_second=2):
        yield progress


def _row(key: tuple[str, ...], runs: Sequence[UnderWay]) -> tuple[str, ...]:
    """What an arm did, and its last run so far."""
    last = next((run for run in reversed(runs) if not run.has_ended), runs[-1])
    ended = sum(run.has_ended for run in runs)
    name, measurements = next(iter(last.metrics.items()), ("", []))
    values = [value for _, value in measurements]
    measured = f"{name} {values[-1]:.3g}" if values else ""
    step = f"{last.step:,} of {last.steps:,}"
    return " ".join(key).replace("-", " "), f"{ended:,}", step, measured, sparkline(values)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


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
