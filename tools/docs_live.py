"""A hook of mkdocs: the live page becomes a file of the site."""

from pathlib import Path
from typing import Any

from paripassu.report.live import write_live_page


def on_post_build(config: dict[str, Any]) -> None:
    """Write it beside the page that shows it."""
    write_live_page(Path(config["site_dir"], "live", "framework.html"))
