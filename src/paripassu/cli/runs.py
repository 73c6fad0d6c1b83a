"""``paripassu runs``: the runs in a folder, listed, filtered and compared."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from paripassu.cli import output

_SAME = ("run", "state")


@dataclass
class Runs:
    """List the runs in a folder with their settings and last metrics; filter and sort them.

    Columns in which all listed runs agree are named in one line below the table.
    """

    folder: Annotated[Path, tyro.conf.Positional] = Path("runs")
    """A folder with run folders anywhere in it."""
    where: tuple[str, ...] = ()
    """Conditions, such as optimizer=nsgd, state=finished, 'lr_g<=0.1' or 'fd-digits@2500<20'."""
    sort: str = ""
    """A column, with - before it for the largest first, as in --sort=-step."""
    json: bool = False
    """Print the list as JSON."""

    def __call__(self) -> None:
        """Print the table."""
        from rich.table import Table

        from paripassu.evidence.listing import chosen, runs_in
        from paripassu.report.terminal_table import TerminalTable

        runs = chosen(runs_in(self.folder), self.where, self.sort)
        if self.json:
            rows = [{name: _finite(value) for name, value in row.items()} for row in runs.rows(named=True)]
            print(json.dumps(rows, indent=2))
            return
        if runs.is_empty():
            output.show("No run meets these conditions.")
            return
        if len(runs) == 1:  # down the page: side by side, its columns would be too narrow to read
            own = Table(show_header=False)
            own.add_column()
            own.add_column(overflow="fold")
            for name, value in runs.row(0, named=True).items():
                if value is not None:
                    own.add_row(name, _cell(name, value))
            output.show(own)
            return
        shown = [name for name in runs.columns if name in _SAME or runs[name].n_unique() > 1]
        rows = [list(map(_cell, shown, row)) for row in runs.select(shown).iter_rows()]
        output.show(TerminalTable(shown, rows))
        same = {name: runs[name][0] for name in runs.columns if name not in shown}
        if said := [f"{name} {_cell(name, value)}" for name, value in same.items() if value is not None]:
            output.show(f"All have {', '.join(said)}.")
        output.show(f"{len(runs):,} runs. `paripassu report RUN RUN ...` shows some side by side.")


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(column: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    # A seed is a name, and is typed as it is shown.
    counts = isinstance(value, int) and column != "seed"
    return f"{value:,}" if counts else "" if value is None else str(value)
