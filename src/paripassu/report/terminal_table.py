"""A table in a terminal that leaves nothing out, however narrow the terminal is."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_GAP = 2  # between columns, in characters
_PHRASE = 12  # a shorter cell stays on one line


@dataclass(frozen=True)
class TerminalTable:
    """Rows under headings. Columns without room follow below, beside the first one again.

    A cell is wrapped between words. A word that is wider than its column is broken, never cut.

    Attributes:
        columns: the headings.
        rows: as many cells each.
        spaced: leave a line free between rows, for cells of several lines.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    spaced: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, in as many parts as the terminal's width asks for."""
        cells = [list(map(str, column)) for column in zip(self.columns, *self.rows, strict=True)]
        for number, widths in enumerate(_parts(cells, options.max_width)):
            if number:
                yield ""
            part = Table(box=None, pad_edge=False)
            for column, width in widths.items():
                part.add_column(Text(cells[column][0]), width=width, overflow="fold")
            for row in range(1, len(self.rows) + 1):
                if self.spaced and row > 1:
                    part.add_row()
                part.add_row(*(Text(cells[column][row]) for column in widths))
            yield part


def _parts(cells: Sequence[Sequence[str]], room: int) -> list[dict[int, int]]:
    """The columns of each part, with their widths."""
    whole = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in cells]
    least = [
        max(min(all_of_it, _PHRASE), *(cell_len(word) for cell in column for word in cell.split()), 1)
        for column, all_of_it in zip(cells, whole, strict=True)
    ]
    first = min(least[0], max(1, room // 3))
    parts = [{0: first}]
    for column in range(1, len(cells)):
        width = max(1, min(least[column], room - first - _GAP))
        if len(parts[-1]) > 1 and _width(parts[-1]) + _GAP + width > room:
            parts.append({0: first})
        parts[-1][column] = width
    for widths in parts:
        while _width(widths) < room and (wrapped := [c for c in widths if widths[c] < whole[c]]):
            widths[max(wrapped, key=lambda column: whole[column] / widths[column])] += 1
    return parts


def _width(widths: dict[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
