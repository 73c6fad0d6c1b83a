"""Games of the theory, live: static pages with sliders that play a game in the reader's browser."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from paripassu.files import AnyPath, write_whole

LiveGame = Literal["framework", "kernel"]
"""The synthetic framework, or the kernel game."""

LIVE_GAMES: tuple[LiveGame, ...] = get_args(LiveGame)

_SHARED = ("drawing", "diagram", "live")
_SCRIPTS: dict[LiveGame, tuple[str, ...]] = {
    "framework": (*_SHARED, "framework", "framework_plane", "framework_page"),
    "kernel": (*_SHARED, "kernel", "kernel_drawing", "kernel_page"),
}


def write_live_page(path: AnyPath, game: LiveGame = "framework") -> Path:
    """Write a game's page into one HTML file, which needs no other file, no server and no network.

    Args:
        path: of the file. Its folder is made; a file that is there is replaced.
        game: ``"framework"`` for mode collapse at any dimension, ``"kernel"`` for one point that seeks
            another.

    Returns:
        The path.

    Raises:
        ValueError: there is no such game, or the path is no place for a page.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = write_live_page(Path(folder, "live.html"), "kernel")
        ...     page.read_text(encoding="utf-8").startswith("<!doctype html>")
        True
    """
    if game not in LIVE_GAMES:
        raise ValueError(f"game must be one of {', '.join(LIVE_GAMES)}, got {game!r}")
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file that ends in .html")
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path} would be no page to a browser: name a file that ends in .html")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _page(game))
    return path


@cache
def _page(game: LiveGame) -> str:
    folder = files("paripassu.report") / "assets" / "live"
    names = _SCRIPTS[game]
    own = [*(f"{name}.js" for name in names), "live.css"]
    *texts, style = ((folder / name).read_text(encoding="utf-8") for name in own)
    scripts = dict(zip(names, texts, strict=True))
    # What is in the page may run, by its digest, and a worker made of it. Nothing else may, or be fetched.
    allowed = " ".join(map(_digest, scripts.values()))
    policy = (
        f"default-src 'none'; script-src {allowed} blob:; worker-src blob:; "
        f"style-src {_digest(style)}; img-src data:"
    )
    environment = Environment(loader=PackageLoader("paripassu.report", "assets/live"), autoescape=True)
    return environment.get_template(f"{game}.html").render(
        policy=Markup(policy),  # noqa: S704 - our own, as are the others
        style=Markup(style),  # noqa: S704
        scripts={name: Markup(text) for name, text in scripts.items()},  # noqa: S704
    )


def _digest(text: str) -> str:
    """As a Content-Security-Policy names a script or style in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
