"""A page: a folder of static files that opens from disk without a network and escapes all it shows."""

import json
import math
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, Template, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from paripassu.files import read_whole, remove, write_whole
from paripassu.printable import printable
from paripassu.records import Environment as Where
from paripassu.records import Verdict

PAGE_FOLDER = "report"
_ASSETS = ("style.css", "figures.js", "keyboard.js")
_TAG = re.compile("<(?!br>|/?extra>)")
# In JSON, what `printable` may escape; a pair of surrogates that it leaves is here too.
_OBEYED = re.compile(r"\\(?:[bfr]|u(?:00[01]|007f|00[89]|00ad|061c|180e|20[026]|feff|fff[9ab]|d[89a-f]))")


@dataclass(frozen=True)
class Text:
    """Plain text; blank lines separate paragraphs."""

    text: str
    kind: str = "text"

    def paragraphs(self) -> list[str]:
        """The text's paragraphs."""
        return [p for p in self.text.split("\n\n") if p.strip()]


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
    """A figure of `paripassu.report.figures` with its title and what to look at in it."""

    figure: Mapping[str, Any]
    title: str
    caption: str
    kind: str = "figure"

    def data(self) -> Markup:
        """The figure as JSON that no text in it can break out of a script element with.

        Plotly reads some HTML in text. Nothing but a line break and the mark of a hover label's end is left.
        """
        text = _TAG.sub("&lt;", _json(self.figure).replace("&", "&amp;"))
        text = text.replace("<", "\\u003c").replace("&", "\\u0026")
        return Markup(text)  # noqa: S704 - every < and & in it is escaped


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
class Code:
    """Text to copy, with its line breaks."""

    text: str
    kind: str = "code"


Block = Text | Badge | Table | Figure | Pictures | Code


@dataclass(frozen=True)
class Section:
    """A heading and the blocks under it."""

    title: str
    blocks: Sequence[Block]


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
        places = _copy_pictures(self, folder)
        for name in _ASSETS:
            asset = files("paripassu.report") / "assets" / name
            write_whole(folder / name, asset.read_text(encoding="utf-8"))
        has_figures = any(isinstance(block, Figure) for block in _blocks(self))
        if has_figures:
            _write_plotly(folder / "plotly.min.js")
        text = _template().render(page=self, places=places, has_figures=has_figures)
        write_whole(folder / "index.html", text)
        return folder / "index.html"


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


def _blocks(page: Page) -> list[Block]:
    return [*page.blocks, *(block for section in page.sections for block in section.blocks)]


def _json(value: object) -> str:
    """JSON with null for numbers that are not finite, and text as `printable` makes it."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))
    # Going through every number takes longer than writing them.
    return json.dumps(_plain(value), separators=(",", ":")) if _OBEYED.search(text) else text


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return printable(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: Any) -> Any:
    """What the template shows; markup is a figure or a part of the page that was shown before."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value, keep="\n\t") if is_text else value


def _copy_pictures(page: Page, folder: Path) -> dict[Path, str]:
    home = folder / "pictures"
    remove(home)
    home.mkdir()
    shown = [
        picture
        for block in _blocks(page)
        if isinstance(block, Pictures)
        for _, row in block.rows
        for picture in row
        if picture is not None
    ]
    places = {picture: f"pictures/{number:03d}.png" for number, picture in enumerate(dict.fromkeys(shown))}
    for picture, place in places.items():
        shutil.copyfile(picture, folder / place)
    return places


def _write_plotly(path: Path) -> None:
    script = get_plotlyjs()
    # It is 5 MB and the same for every page of a version. One from somebody else may be another.
    if not path.is_file() or path.is_symlink() or read_whole(path) != script.encode():
        write_whole(path, script)


@cache
def _template() -> Template:
    loader = PackageLoader("paripassu.report", "assets")
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(["html"]),
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    return environment.get_template("page.html")
