"""A table in a terminal leaves nothing out, however narrow the terminal is."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from paripassu.report.terminal_table import TerminalTable

COLUMNS = ("rule", "modes of the framework", "ring of 8", "digits", "what a person types")
ROWS = [
    ("adam", "0.88", "1", "5.55 [5.07, 5.95]", "paripassu study run grafting --out runs/" + "long" * 12),
    ("adam\u2019s length", "0.94", "missing", "", "\u2713 \u7d75"),
]


def _lines(width: int, columns=COLUMNS, rows=ROWS) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(TerminalTable(columns, rows))
    return console.file.getvalue().splitlines()


def _letters(*texts: str) -> list[str]:
    return sorted("".join("".join(texts).split()))


@pytest.mark.parametrize("width", [9, 12, 20, 40, 80, 200, 300])
def test_every_letter_is_shown_within_the_width(width):
    lines = _lines(width)
    assert max(map(cell_len, lines)) <= width
    parts = lines.count("") + 1
    first = [column[0] for column in (COLUMNS, *ROWS)]
    shown = [str(cell) for row in (COLUMNS, *ROWS) for cell in row]
    assert _letters(*lines) == _letters(*shown, *first * (parts - 1))


def test_with_room_for_all_there_is_one_part_and_a_row_a_line():
    assert [line.split("  ")[0] for line in _lines(300)] == ["rule", "adam", "adam\u2019s length"]


def test_columns_without_room_follow_beside_the_first():
    lines = [line.split() for line in _lines(14, ("rule", "first", "second"), [("adam", 1.5, None)])]
    assert lines == [["rule", "first"], ["adam", "1.5"], [], ["rule", "second"], ["adam", "None"]]


def test_short_cells_and_whole_words_are_not_broken():
    lines = _lines(30, ("rule", "interval", "words"), [("sgd", "1 [0, 2]", "many words in a row here")])
    assert any("1 [0, 2]" in line for line in lines)
    assert not {word for line in lines for word in line.split()} - {
        "rule", "interval", "words", "sgd", "1", "[0,", "2]", "many", "in", "a", "row", "here",
    }  # fmt: skip


def test_rows_of_several_lines_are_told_apart():
    console = Console(file=io.StringIO(), width=40)
    console.print(TerminalTable(("study", "question"), [("a", "one\ntwo"), ("b", "three")], spaced=True))
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert lines == [["study", "question"], ["a", "one"], ["two"], [], ["b", "three"]]


def test_without_rows_the_headings_are_shown():
    assert [line.split() for line in _lines(80, ("rule", "ring"), [])] == [["rule", "ring"]]
