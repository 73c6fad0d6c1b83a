"""Hooks of mkdocs: formulas become MathML, which browsers draw by themselves, and the live page is added.

Formulas are TeX in Markdown, and ``.. math::`` or ``:math:`` in docstrings. The site asks nothing of the
network, and needs no script or font for them.
"""

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

from paripassu.report.live import write_live_page

_DISPLAYED = re.compile(
    r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>|<p>\.\. math::\s+(.*?)</p>', re.DOTALL
)
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>|:math:<code>(.*?)</code>', re.DOTALL)


_CODE = re.compile(r"<(pre|code)\b.*?</\1>", re.DOTALL)
_LEFT = re.compile(r"\\[(\[]|:math:|\.\. math::")


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Draw the page's formulas; one that is not drawn ends the build."""
    content = _DISPLAYED.sub(lambda found: _drawn(found, "block"), content)
    content = _INLINE.sub(lambda found: _drawn(found, "inline"), content)
    if left := _LEFT.search(_CODE.sub("", content)):
        raise PluginError(f"{page.file.src_uri} has TeX that is not drawn: {content[left.start() :][:80]!r}")
    return content


def _drawn(found: re.Match[str], display: str) -> str:
    tex = html.unescape(found[1] or found[2])
    # A formula that is too wide scrolls by itself.
    return f'<span class="formula-{display}">{convert(tex, display=display)}</span>'


def on_post_build(config: dict[str, Any]) -> None:
    """Write the live page beside the page that shows it."""
    write_live_page(Path(config["site_dir"], "live", "framework.html"))
