"""A page's figures and tables as files for a paper."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

from paripassu.evidence.tables import run_ends
from paripassu.files import clear_leftovers, replacing
from paripassu.printable import printable
from paripassu.records import RECORDS_FILE, RUN_FILE, STUDY_FILE, StudyResult
from paripassu.records.codec import load
from paripassu.records.place import elsewhere
from paripassu.report.figure_data import as_cell
from paripassu.report.latex import escaped
from paripassu.report.page import Block, Figure, Link, Page, Table
from paripassu.report.paper import COLUMN, FORMATS, drawn
from paripassu.report.run import run_page
from paripassu.report.study import study_page

TABLE_FORMATS = ("csv", "tex")

_SHOWN = 3  # names of missing runs in a sentence


def export(
    folder: Path,
    out: Path,
    *,
    figures: Sequence[str] = ("pdf",),
    tables: Sequence[str] = ("csv",),
    width: float = COLUMN,
    partial_too: bool = False,
    replace: bool = False,
) -> list[Path]:
    """Write the figures and tables of a run's, study's or sweep's page.

    Args:
        folder: of the run, study or sweep.
        out: where the files go. A folder that is not there, or is empty, gets all of them or none.
        figures: formats out of `FORMATS`.
        tables: formats out of `TABLE_FORMATS`.
        width: of a figure, in inches.
        partial_too: whether to export what is there of something unfinished.
        replace: whether files that are there are replaced.

    Returns:
        The files, in the page's order.

    Raises:
        ValueError: the folder holds nothing of ours or something unfinished, a format does not exist, a file
            is there already, or matplotlib is not installed. Nothing is written then.
    """
    for known, given in ((FORMATS, figures), (TABLE_FORMATS, tables)):
        for form in given:
            if form not in known:
                raise ValueError(f"there is no format {form!r} here: choose from {', '.join(known)}")
    if not 1 <= width <= 20:
        raise ValueError(f"a figure's width must be in 1 to 20 inches, got {width}")
    page, missing = _page(folder)
    if missing and not partial_too:
        raise ValueError(f"{folder} is not finished: {missing}. Give its command again, or add --partial")
    blocks = [(name, block) for name, block in _named(page) if figures or isinstance(block, Table)]
    blocks = [(name, block) for name, block in blocks if tables or isinstance(block, Figure)]
    if not blocks:
        raise ValueError(f"the page of {folder} has nothing to export in these formats")
    forms = {name: figures if isinstance(block, Figure) else tables for name, block in blocks}
    taken = [f"{name}.{form}" for name, own in forms.items() for form in own]
    taken = [name for name in taken if (out / name).exists()]
    if taken and not replace:
        raise ValueError(f"{out / taken[0]} is there already: name another --out, or add --replace")
    # All are drawn before one is written.
    contents: dict[str, bytes] = {}
    for name, block in blocks:
        contents |= {f"{name}.{form}": data for form, data in _files(block, forms[name], width).items()}
    _write(out, contents)
    return [out / name for name in contents]


def _write(out: Path, contents: Mapping[str, bytes]) -> None:
    """All files at once in a new folder, each by itself beside files that are there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if not out.is_symlink() and (not out.exists() or (out.is_dir() and not any(out.iterdir()))):
        clear_leftovers(out.parent, of=out.name)
        with replacing(out) as part:
            part.mkdir()
            for name, content in contents.items():
                (part / name).write_bytes(content)
        return
    out.mkdir(exist_ok=True)
    for name, content in contents.items():
        with replacing(out / name) as part:
            part.write_bytes(content)


def _page(folder: Path) -> tuple[Page, str]:
    """The page, and what is missing for it to be whole, in words."""
    if (folder / STUDY_FILE).exists():
        result = load(folder / STUDY_FILE, StudyResult)
        return study_page(folder), _missing(result, folder)
    if (folder / RUN_FILE).exists() or (folder / RECORDS_FILE).exists():
        is_whole = run_ends([folder])[0] or not (folder / RUN_FILE).exists()  # a probe's records never end
        return run_page(folder), "" if is_whole else "the run has not reached its last step"
    raise ValueError(
        elsewhere(folder, "run", "study")
        or f"{folder} holds no run and no study: name a folder that paripassu wrote"
    )


def _missing(result: StudyResult, folder: Path) -> str:
    named = [folder / run for game in result.games for arm in game.arms for run in arm.runs]
    begun = [path.parent for path in sorted(folder.glob(f"runs/*/*/*/{RUN_FILE}"))]
    runs = list(dict.fromkeys([*named, *begun]))
    lost = [str(run.relative_to(folder)) for run, end in zip(runs, run_ends(runs), strict=True) if not end]
    if lost:
        more = f" and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
        what = f"{len(lost):,} runs are" if len(lost) > 1 else "a run is"
        return f"{what} missing or has not ended ({', '.join(lost[:_SHOWN])}{more})".replace(
            "are missing or has", "are missing or have"
        )
    return "" if result.finished else f"it has {result.reached or 'no result yet'}"


def _files(block: Figure | Table, forms: Sequence[str], width: float) -> dict[str, bytes]:
    if isinstance(block, Figure):
        return drawn(block.figure, forms, width=width)
    return {form: _table(block, form) for form in forms}


def _named(page: Page) -> Iterator[tuple[str, Figure | Table]]:
    """The page's figures, and its tables that have headings, by the names of their files."""
    used: set[str] = set()
    for title, block in _blocks(page):
        if isinstance(block, Figure):
            yield _unused(f"{title} {block.title}", used), block
        elif isinstance(block, Table) and any(block.columns):
            yield _unused(f"{title} table", used), block


def _blocks(page: Page) -> Iterator[tuple[str, Block]]:
    yield from (("", block) for block in page.blocks)
    for section in page.sections:
        yield from ((section.title, block) for block in section.blocks)


def _unused(title: str, used: set[str]) -> str:
    """A short name for files, which no other block of the page has."""
    short = re.sub(r"[^a-z0-9@.]+", "-", title.lower()).strip("-.")[:80] or "figure"
    names = (short if number == 1 else f"{short}-{number}" for number in count(1))
    name = next(name for name in names if name not in used)
    used.add(name)
    return name


def _table(table: Table, form: str) -> bytes:
    rows = [list(table.columns), *([_cell(cell) for cell in row] for row in table.rows)]
    if form == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(map(as_cell, row) for row in rows)
        return text.getvalue().encode(errors="backslashreplace")
    head, *body = (" & ".join(map(escaped, row)) + r" \\" for row in rows)
    lines = [
        f"% {printable(table.caption)}",
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{'l' * len(table.columns)}}}",
        *(r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", ""),
    ]
    return "\n".join(lines).encode(errors="backslashreplace")


def _cell(cell: object) -> str:
    return printable(cell.text if isinstance(cell, Link) else str(cell))
