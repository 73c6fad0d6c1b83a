"""Hooks of mkdocs: formulas become MathML, which browsers draw by themselves, and the live pages are added.

Formulas are TeX in Markdown, and ``.. math::`` or ``:math:`` in docstrings. The site asks nothing of the
network, and needs no script or font for them. A public name that the API's page lacks ends the build.
"""

import ast
import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

from paripassu.report.live import LIVE_GAMES, write_live_page

_SOURCES = Path(__file__).parents[1] / "src"

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
    """Write the live pages beside the page that shows them, and look for names that the API's page lacks."""
    site = Path(config["site_dir"])
    for game in LIVE_GAMES:
        write_live_page(site / "live" / f"{game}.html", game)
    if missing := undocumented((site / "api" / "index.html").read_text(encoding="utf-8")):
        raise PluginError(f"public names without a place in docs/api.md or a docstring: {', '.join(missing)}")


def undocumented(page: str) -> list[str]:
    """The names of all packages' ``__all__`` that have no heading of their own in the API's page.

    A name may be under a module of its package, or a package around it that has it too.
    """
    shown = set(re.findall(r' id="(paripassu[^"]*)"', page))
    places = {tuple(each.rsplit(".", 1)) for each in shown if "." in each}
    missing: list[str] = []
    for package, names in public_names(_SOURCES).items():
        top = ".".join(package.split(".")[:2])
        for name in names:
            modules = {where for where, what in places if what == name and f"{where}.".startswith(f"{top}.")}
            is_module = any(each.startswith(f"{package}.{name}.") for each in shown)
            if not (is_module or any(where.rpartition(".")[2][0].islower() for where in modules)):
                missing.append(f"{package}.{name}")
    return missing


def public_names(sources: Path) -> dict[str, list[str]]:
    """By package below ``sources``, what its ``__all__`` has without ``__version__`` and the like."""
    names: dict[str, list[str]] = {}
    for path in sorted(sources.rglob("__init__.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                own = [name for name in ast.literal_eval(node.value) if not name.startswith("_")]
                names[".".join(path.parent.relative_to(sources).parts)] = own
    return names
