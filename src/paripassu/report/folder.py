"""What a page's folder has beside its text: scripts, styles, pictures, numbers of figures."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

from paripassu.files import is_empty, read_whole, remove, replacing, write_whole

PAGE_FOLDER = "report"
_ASSETS = ("style.css", "page.js", "figures.js", "keyboard.js")
PLOTLY = "plotly.min.js"
_BUNDLE = "plotly-cartesian.min.js"  # of plotly.js, the part that has lines, points and maps alone


def write_assets(folder: Path) -> None:
    """Write styles and scripts of our own."""
    for name in _ASSETS:
        write_whole(folder / name, _asset(name))


def check_free(folder: Path) -> None:
    """Raise ``ValueError`` unless a folder is free for a page: not there, empty, or with a page of ours.

    A page removes the folders ``pictures`` and ``data`` that are there. Others' folders may have such.
    """
    if folder.is_dir() and not (is_empty(folder) or all((folder / name).exists() for name in _ASSETS)):
        raise ValueError(
            f"{folder} holds files that are no page of paripassu: name another folder with --out"
        )


def write_pictures(pictures: Iterable[Path], folder: Path) -> dict[Path, str]:
    """Copy pictures; those of an earlier page are removed.

    Returns:
        Where each is, relative to the folder.
    """
    home = folder / "pictures"
    remove(home)
    home.mkdir()
    places = {picture: f"pictures/{number:03d}.png" for number, picture in enumerate(dict.fromkeys(pictures))}
    for picture, place in places.items():
        shutil.copyfile(picture, folder / place)
    return places


def write_tables(tables: Mapping[str, tuple[str, str]], folder: Path) -> dict[str, str]:
    """Write figures' numbers as CSV; those of an earlier page are removed.

    Args:
        tables: by any name, a figure's title and its numbers.
        folder: the page's.

    Returns:
        By the same name, where each is, relative to the folder.
    """
    home = folder / "data"
    remove(home)
    if tables:
        home.mkdir()
    places: dict[str, str] = {}
    for number, (name, (title, text)) in enumerate(tables.items(), 1):
        places[name] = f"data/{number:02d}-{_slug(title)}.csv"
        write_whole(folder / places[name], text)
    return places


def _slug(title: str) -> str:
    return re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "figure"


def write_plotly(folder: Path) -> None:
    """Put the drawing library into a page's folder.

    Pages in one folder share one copy on disk, by a hard link: each page's folder is whole by itself, and
    may be moved or sent.
    """
    path = folder / PLOTLY
    if _is_ours(path):
        return
    # Pages of runs and studies are in NAME/report. Theirs are beside this one's folder, or in one beside it.
    for home in (folder.parent.parent, folder.parent):
        for other in home.glob(f"*/{PAGE_FOLDER}/{PLOTLY}"):
            if _is_ours(other) and other.stat().st_uid == folder.stat().st_uid:
                with suppress(OSError), replacing(path) as partial:  # the file system may have no links
                    os.link(other, partial)
                    return
    write_whole(path, _asset(_BUNDLE))


def _is_ours(path: Path) -> bool:
    """Whether the library is there. One from somebody else may be another."""
    return path.is_file() and not path.is_symlink() and read_whole(path) == _asset(_BUNDLE).encode()


@cache
def _asset(name: str) -> str:
    return (files("paripassu.report") / "assets" / name).read_text(encoding="utf-8")
