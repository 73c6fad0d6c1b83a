"""The dissection's table: rules by phenomena, each cell graded, and which half of Adam does what."""

import csv
import io
from pathlib import Path

from paripassu.evidence.dissection import Column, Dissection, dissection
from paripassu.records import StudyResult
from paripassu.report.latex import escaped
from paripassu.report.page import Code, Graded, Section, Table, Text

_CAPTION = (
    "Means over runs. A check mark is good for who trains and a cross is bad. A cell's interval is shown "
    "where the mouse rests on it. The last row says which half of Adam does it, by the rule under Protocol."
)
_MISSING = (
    "Cells without a number. A study named here takes hours. Its columns fill when this page is written "
    "again after it: the table reads the folder beside its own."
)
_NO_STUDY = "no study plays these rules there; write one (docs/your-own.md)"


def sections(result: StudyResult, folder: Path) -> list[Section]:
    """The table, its columns in words, and both as text to copy."""
    table = dissection(result, folder)
    lacking = [Section("What is missing", [missing(table)])] if table.missing else []
    return [
        Section("The table", [summary(table), *sources(table)]),
        *lacking,
        Section("The columns", [_columns(table), *_sentences(table)]),
        Section("As CSV", [Code(as_csv(table))]),
        Section("As LaTeX", [Code(as_latex(table))]),
    ]


def summary(table: Dissection) -> Table:
    """Rules by phenomena, with the halves below."""
    rows = [(rule, *(_cell(table, rule, column) for column in table.columns)) for rule in table.rules]
    halves = ("which half of Adam", *(table.effects[column.name].half for column in table.columns))
    heads = ("rule", *(column.name for column in table.columns))
    return Table(heads, [*rows, halves], caption=_CAPTION)


def missing(table: Dissection) -> Table:
    """The cells without a number, and the command that fills each."""
    rows = [(each.column, ", ".join(each.rules), each.command or _NO_STUDY) for each in table.missing]
    return Table(("column", "rules", "command"), rows, caption=_MISSING)


def sources(table: Dissection) -> list[Text]:
    """Where columns of other studies are from."""
    return [
        Text(f"The column {column} is read from {folder.name}, a folder beside this one.")
        for column, folder in table.sources.items()
    ]


def as_csv(table: Dissection) -> str:
    """One line a cell: rule, phenomenon, mean, interval, runs, diverged, grade."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("rule", "phenomenon", "mean", "low", "high", "runs", "diverged", "grade"))
    for (rule, name), cell in table.cells.items():
        writer.writerow((rule, name, *map(repr, cell.interval), cell.runs, cell.diverged, cell.grade))
    return text.getvalue()


def as_latex(table: Dissection) -> str:
    """A ``tabular`` with bold for good cells, which needs no package."""
    lines = [rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\hline"]
    lines.append(_line(["rule", *(escaped(column.name) for column in table.columns)]))
    lines.append(r"\hline")
    for rule in table.rules:
        shown: list[str] = []
        for column in table.columns:
            cell = table.cells.get((rule, column.name))
            text = f"{cell.interval.value:.2g}" if cell else "--"
            shown.append(rf"\textbf{{{text}}}" if cell and cell.grade == "good" else text)
        lines.append(_line([escaped(rule), *shown]))
    lines.append(r"\hline")
    lines.append(_line(["which half", *(table.effects[column.name].half for column in table.columns)]))
    return "\n".join([*lines, r"\hline", r"\end{tabular}"])


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(table: Dissection, rule: str, column: Column) -> Graded | str:
    cell = table.cells.get((rule, column.name))
    if cell is None:
        return "missing"
    diverged = f", {cell.diverged} of {cell.runs} diverged" if cell.diverged else ""
    return Graded(f"{cell.interval.value:.2g}", cell.grade, f"{cell.interval}, {cell.runs} runs{diverged}")


def _columns(table: Dissection) -> Table:
    rows = [
        (
            column.name,
            column.words,
            f"{column.good:g}",
            f"{column.bad:g}",
            f"{table.effects[column.name].direction}",
            f"{table.effects[column.name].magnitude}",
            f"{column.margin:g}" + (" decades" if column.log else ""),
            f"paripassu study run {column.study}",
        )
        for column in table.columns
    ]
    heads = (
        "column", "what the number is", "good from", "bad from", "effect of the direction",
        "effect of the magnitude", "counts from", "at full size",
    )  # fmt: skip
    return Table(heads, rows, caption="Effects are what swapping that half of Adam for SGD's changes.")


def _sentences(table: Dissection) -> list[Text]:
    said = {
        "direction": "Adam's direction does it, and its magnitude does not.",
        "magnitude": "Adam's magnitude does it, and its direction does not.",
        "both": "Both halves of Adam do it.",
        "neither": "Neither half of Adam does it.",
        "undecided": "These runs do not decide which half of Adam does it.",
    }
    return [
        Text(f"{column.name.capitalize()}: {said[table.effects[column.name].half]}")
        for column in table.columns
    ]
