"""A probe's records for people: a table of a round, a line a round, frames and figures."""

import html
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any, TextIO

from paripassu.records import Measured, Pace, Shadow, Update

_COLUMNS = (
    "kind", "step", "player", "layer", "rule", "against", "gradient", "update", "weight", "cosine",
    "magnitude", "ratio", "value",
)  # fmt: skip


def table(records: Iterable[Measured]) -> str:
    """What a round's steps did, a line for each player.

    Args:
        records: of one round. Those of single layers are left out.

    Returns:
        Lines of text. ``cosine`` is that of the step with the negative gradient. For a shadow rule it is that
        of the step with the rule's, and ``lr`` is the rate at which the rule would have gone as far.

    Example:
        >>> from paripassu.records import Update
        >>> print(table([Update(50, "critic", "", gradient=2.0, update=0.01, weight=4.0, cosine=1.0)]))
        round 50  gradient  step  step/weights  cosine
        critic           2  0.01        0.0025       1
    """
    whole = [record for record in records if isinstance(record, Pace) or not record.layer]
    players = [record for record in whole if isinstance(record, Update)]
    if not players:
        return "no round was probed yet"
    shadows = {(s.player, s.rule): s for s in whole if isinstance(s, Shadow)}
    rules = list(dict.fromkeys(rule for _, rule in shadows))
    heads = ["gradient", "step", "step/weights", "cosine"]
    heads += [head for rule in rules for head in (f"{rule}: cosine", f"{rule}: lr")]
    rows = [[f"round {players[0].step:,}", *heads]]
    for record in players:
        of_rules = [shadows.get((record.player, rule)) for rule in rules]
        numbers = [record.gradient, record.update, _relative(record), record.cosine]
        numbers += [n for s in of_rules for n in ((s.cosine, s.ratio) if s else (math.nan, math.nan))]
        rows.append([record.player, *map(_short, numbers)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join(
        [*lines, *(f"pace of {_of(p)}: {_short(p.value)}" for p in whole if isinstance(p, Pace))]
    )


def as_html(text: str) -> str:
    """Text as a notebook shows it, its columns in line."""
    return f"<pre>{html.escape(text)}</pre>"


class ConsoleWriter:
    """A probe's ``writer`` that prints one line a probed round.

    Args:
        stream: where to; the standard output by default.

    Example:
        >>> from paripassu.records import Pace, Update
        >>> writer = ConsoleWriter()  # Probe(optimizers, writer=ConsoleWriter())
        >>> writer(Update(50, "critic", "", gradient=2.0, update=0.01, weight=4.0, cosine=1.0))
        >>> writer.end_round()
        round 50  critic: step 0.01, 0.0025 of its weights
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream, self._round = stream, list[Measured]()

    def __call__(self, record: Measured) -> None:
        """Take one record."""
        self._round.append(record)

    def end_round(self) -> None:
        """Print the round; a `Probe` calls this after its records."""
        said: list[str] = []
        for record in self._round:
            if isinstance(record, Update) and not record.layer:
                share = f"{_short(_relative(record))} of its weights"
                said.append(f"{record.player}: step {_short(record.update)}, {share}")
            elif isinstance(record, Pace):
                said.append(f"pace of {_of(record)}: {_short(record.value)}")
        if said:
            print(f"round {self._round[0].step:,}  {'; '.join(said)}", file=self._stream or sys.stdout)
        self._round.clear()


def frame(records: Sequence[Measured]) -> Any:
    """Records as a data frame of polars, or of pandas where polars is not installed.

    Args:
        records: of any rounds.

    Returns:
        One row a record. ``kind`` is Update, Shadow or Pace. Fields that a kind does not have are null.

    Raises:
        ModuleNotFoundError: neither is installed.
    """
    rows = [{"kind": type(record).__name__, **asdict(record)} for record in records]
    columns = {name: [row.get(name) for row in rows] for name in _COLUMNS}
    for library in ("polars", "pandas"):
        try:
            return import_module(library).DataFrame(columns)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError("a frame needs polars or pandas: pip install polars")


def plot(records: Sequence[Measured]) -> Any:
    """A plotly figure over the probed rounds: steps, steps over weights, cosines and paces.

    Args:
        records: of any rounds.

    Raises:
        ModuleNotFoundError: plotly is not installed.
    """
    try:
        subplots = import_module("plotly.subplots")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a figure needs plotly: pip install plotly") from error
    panels: dict[str, dict[str, list[tuple[int, float]]]] = {
        name: {} for name in ("step", "step / weights", "cosine to −gradient", "pace")
    }
    for record in records:
        if isinstance(record, Pace):
            panels["pace"].setdefault(_of(record), []).append((record.step, record.value))
        elif isinstance(record, Update) and not record.layer:
            for name, value in zip(panels, (record.update, _relative(record), record.cosine), strict=False):
                panels[name].setdefault(record.player, []).append((record.step, value))
    figure = subplots.make_subplots(rows=2, cols=2, subplot_titles=list(panels))
    for number, (name, curves) in enumerate(panels.items()):
        place = {"row": 1 + number // 2, "col": 1 + number % 2}
        for curve, points in curves.items():
            x, y = zip(*points, strict=True)
            figure.add_scatter(x=x, y=y, name=curve, **place)
        if name != "cosine to −gradient":
            figure.update_yaxes(type="log", **place)
    return figure.update_xaxes(title="round", row=2)


def _relative(record: Update) -> float:
    return record.update / record.weight if record.weight else math.nan


def _of(pace: Pace) -> str:
    return f"{pace.player} over {pace.against}"


def _short(value: float) -> str:
    return f"{value:.3g}"
