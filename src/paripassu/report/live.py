"""The synthetic framework, live: one static page with sliders that plays the game in the reader's browser."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from paripassu.files import AnyPath, write_whole

_SCRIPTS = ("framework.js", "drawing.js", "live.js")
_STYLE = "live.css"


def write_live_page(path: AnyPath) -> Path:
    """Write the page into one HTML file, which needs no other file, no server and no network.

    Args:
        path: of the file. Its folder is made; a file that is there is replaced.

    Returns:
        The path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = write_live_page(Path(folder, "live.html"))
        ...     page.read_text(encoding="utf-8").startswith("<!doctype html>")
        True
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _page())
    return path


@cache
def _page() -> str:
    folder = files("paripassu.report") / "assets" / "live"
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in (*_SCRIPTS, _STYLE)}
    # What is in the page may run, by its digest, and a worker made of it. Nothing else may, or be fetched.
    allowed = " ".join(_digest(texts[name]) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; script-src {allowed} blob:; worker-src blob:; "
        f"style-src {_digest(texts[_STYLE])}; img-src data:"
    )
    environment = Environment(loader=PackageLoader("paripassu.report", "assets/live"), autoescape=True)
    parts = {name: Markup(text) for name, text in texts.items()}  # noqa: S704 - our own
    return environment.get_template("live.html").render(policy=Markup(policy), parts=parts)  # noqa: S704 - our own


def _digest(text: str) -> str:
    """As a Content-Security-Policy names a script or style in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
