"""Prose that a study's file has, as a page shows it: paragraphs, lists, emphasis and code.

Nothing else in it is markup: every other character is escaped.
"""

import re

from markupsafe import Markup, escape

from paripassu.printable import printable

_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_ITEM = re.compile(r"[ \t]*(?:(?P<number>\d+)\.|-)[ \t]+")
# A mark opens before a character that is no space and closes after one, so that products stay products.
_MARKS = (
    (re.compile(r"``?([^`\n]+?)``?"), "code"),
    (re.compile(r"\*\*(?=\S)([^*]+?)(?<=\S)\*\*"), "strong"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])"), "em"),
)


def paragraphs(text: str) -> list[str]:
    """The text's paragraphs; blank lines separate them."""
    return [part for part in _BLANK.split(text) if part.strip()]


def drawn(text: str) -> Markup:
    r"""The text as markup.

    Args:
        text: ``*emphasis*``, ``**strong**`` and code in backquotes are drawn. A paragraph whose first line
            begins with ``1.`` or ``-`` is a list, and each line that begins with the next number, or with
            ``-``, is an item.

    Example:
        >>> drawn("*Supported* if a < b.")
        Markup('<p><em>Supported</em> if a &lt; b.</p>')
        >>> drawn("- one\n- two\n  lines")
        Markup('<ul><li>one</li><li>two lines</li></ul>')
    """
    return Markup("\n").join(_block(part) for part in paragraphs(text))


def _block(text: str) -> Markup:
    items = _items(text.splitlines())
    if items is None:
        return Markup("<p>{}</p>").format(_inline(text))
    number, lines = items
    inner = Markup().join(Markup("<li>{}</li>").format(_inline(line)) for line in lines)
    return (Markup("<ol>{}</ol>") if number else Markup("<ul>{}</ul>")).format(inner)


def _items(lines: list[str]) -> tuple[bool, list[str]] | None:
    """Whether a list is numbered, and its items; None for a paragraph that is no list."""
    first = _ITEM.match(lines[0])
    if not first or first["number"] not in (None, "1"):
        return None
    items: list[str] = []
    for line in lines:
        found = _ITEM.match(line)
        wanted = str(len(items) + 1) if first["number"] else None
        if found and found["number"] == wanted:
            items.append(line[found.end() :])
        else:
            items[-1] += " " + line.strip()
    return first["number"] is not None, items


def _inline(text: str) -> Markup:
    marked = str(escape(printable(text, keep="\n\t")))
    for pattern, tag in _MARKS:
        marked = pattern.sub(rf"<{tag}>\1</{tag}>", marked)
    return Markup(marked)  # noqa: S704 - it was escaped, and the tags are ours
