"""A page: a folder of static files that opens from disk without a network and escapes all it shows."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, Template, select_autoescape
from markupsafe import Markup

from paripassu.files import write_whole
from paripassu.records import Environment as Where
from paripassu.records import Verdict
from paripassu.report import prose
from paripassu.report.encoding import figure_json, shown, unbroken
from paripassu.report.figure_data import as_csv
from paripassu.report.folder import PAGE_FOLDER, write_assets, write_pictures, write_plotly, write_tables
from paripassu.report.glossary import Glossary


@dataclass(frozen=True)
class Text:
    """Text: paragraphs, lists and emphasis, as `paripassu.report.prose` reads them."""

    text: str
    kind: str = "text"

    def drawn(self) -> Markup:
        """The text as markup."""
        return prose.drawn(self.text)


@dataclass(frozen=True)
class Badge:
    """A verdict, and what it is about."""

    about: str
    verdict: Verdict
    kind: str = "badge"


@dataclass(frozen=True)
class Link:
    """Text that leads to another page of ours.

    Attributes:
        text: shown.
        path: of the page, relative to the folder of the page that shows it.
    """

    text: str
    path: str

    def href(self) -> str:
        """The path as an address; no character in it can lead elsewhere."""
        return quote(os.fsencode(f"./{self.path}"))


@dataclass(frozen=True)
class Graded:
    """A cell that is coloured by what it means for who trains.

    Attributes:
        text: shown.
        grade: ``"good"``, ``"bad"`` or ``"between"``.
        hint: shown where the mouse rests on it.
    """

    text: str
    grade: str
    hint: str

    def __str__(self) -> str:
        return {"good": "✓ ", "bad": "✗ "}.get(self.grade, "") + self.text


@dataclass(frozen=True)
class Table:
    """Rows of cells; cells are shown as text.

    Attributes:
        columns: headings.
        rows: one cell per column; the first names the row.
        best: index of the row to mark, if any.
        caption: what the table says.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Link | Graded]]
    best: int | None = None
    caption: str = ""
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """A figure of `paripassu.report.figures`. Its numbers are beside it as CSV.

    Attributes:
        figure: what plotly.js draws.
        title: its heading.
        caption: what to look at in it.
        is_small: whether half of a wide screen is enough for it.
    """

    figure: Mapping[str, Any]
    title: str
    caption: str
    is_small: bool = False
    kind: str = "figure"

    def data(self) -> Markup:
        """The figure as JSON that no text in it can break out of a script element with.

        Plotly reads some HTML in text. Nothing but a line break and the mark of a hover label's end is left.
        """
        return figure_json(self.figure)


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side, in rows with a heading each.

    Attributes:
        columns: headings above the pictures of a row.
        rows: a heading and one file per column; None leaves a place empty.
        caption: what to look at.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Path | None]]]
    caption: str = ""
    kind: str = "pictures"


@dataclass(frozen=True)
class Strip:
    """One row of pictures with a name each, which a reader compares.

    Attributes:
        pictures: names and files, from left to right.
        caption: what to look at.
    """

    pictures: Sequence[tuple[str, Path]]
    caption: str = ""
    kind: str = "strip"


@dataclass(frozen=True)
class Film:
    """Pictures over time, one at a time beside what they should become.

    Attributes:
        pictures: what each is of, such as its step, and its file, in the order of time; one at least.
        real: a picture of the data, if there is one.
        caption: what to look at.
    """

    pictures: Sequence[tuple[str, Path]]
    real: Path | None = None
    caption: str = ""
    kind: str = "film"


@dataclass(frozen=True)
class Code:
    """Text to copy, with its line breaks."""

    text: str
    kind: str = "code"


Block = Text | Badge | Table | Figure | Pictures | Strip | Film | Code


@dataclass(frozen=True)
class Section:
    """A heading and the blocks under it.

    Attributes:
        title: the heading.
        blocks: in order.
        is_folded: whether a reader opens it first: details that few need.
    """

    title: str
    blocks: Sequence[Block]
    is_folded: bool = False


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: its heading.
        lead: the paragraph under it.
        blocks: what a reader should see first, before any section.
        sections: the rest, listed in the page's contents.
    """

    title: str
    lead: str
    blocks: Sequence[Block]
    sections: Sequence[Section]

    def write_into(self, home: Path) -> Path:
        """Write the page of a run or a study into its folder, ``home``.

        Returns:
            The path of ``index.html``.

        Raises:
            ValueError: the page's folder is a link. A folder from somebody else could have files replaced
                elsewhere otherwise.
        """
        folder = home / PAGE_FOLDER
        if folder.is_symlink():
            raise ValueError(f"{folder} is a link, and the page would be written elsewhere: remove the link")
        return self.write(folder)

    def write(self, folder: Path) -> Path:
        """Write the page and all it needs into ``folder``; a page that is there is replaced.

        Returns:
            The path of ``index.html``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_assets(folder)
        blocks = dict(self._named_blocks())
        figures = {name: block for name, block in blocks.items() if isinstance(block, Figure)}
        pictures = [picture for block in blocks.values() for picture in _pictures(block)]
        tables = {name: (block.title, as_csv(block.figure)) for name, block in figures.items()}
        text = _template().render(
            page=self,
            glossary=Glossary(),
            places=write_pictures(pictures, folder),
            tables=write_tables(tables, folder),
            has_figures=bool(figures),
        )
        if figures:
            write_plotly(folder)
        write_whole(folder / "index.html", text)
        return folder / "index.html"

    def _named_blocks(self) -> Iterator[tuple[str, Block]]:
        """Each block and what the page's markup calls it."""
        yield from ((f"b{number}", block) for number, block in enumerate(self.blocks, 1))
        for place, section in enumerate(self.sections, 1):
            yield from ((f"s{place}b{number}", block) for number, block in enumerate(section.blocks, 1))


def _pictures(block: Block) -> Iterator[Path]:
    """The files of a block's pictures."""
    if isinstance(block, Pictures):
        yield from (picture for _, row in block.rows for picture in row if picture is not None)
    elif isinstance(block, Strip | Film):
        yield from (picture for _, picture in block.pictures)
        if isinstance(block, Film) and block.real is not None:
            yield block.real


def left_out(cut: Sequence[str]) -> list[Block]:
    """What a study's size leaves out, if anything."""
    return [Text("What this size leaves out. " + " ".join(cut))] if cut else []


def environment_blocks(where: Where, extra: Sequence[tuple[str, str]] = ()) -> list[Block]:
    """How a result was made: its command, what it ran on and with which versions."""
    rows = [
        *extra,
        ("device", f"{where.device}, {where.cores} cores"),
        ("versions", ", ".join(f"{name} {number}" for name, number in where.versions.items())),
        ("commit", where.commit or "not from a checkout"),
        ("date", where.date),
    ]
    return [Code(where.command), Table(("", ""), rows)]


@cache
def _template() -> Template:
    loader = PackageLoader("paripassu.report", "assets")
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(["html"]),
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "unbroken": unbroken}
    return environment.get_template("page.html")
