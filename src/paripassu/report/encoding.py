"""Values as JSON and text that nothing in a page can break out of."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from paripassu.printable import printable

_TAG = re.compile("<(?!br>|/?extra>)")
# In JSON, what `printable` may escape; a pair of surrogates that it leaves is here too.
_OBEYED = re.compile(r"\\(?:[bfr]|u(?:00[01]|007f|00[89]|00ad|061c|180e|20[026]|feff|fff[9ab]|d[89a-f]))")
# The spaces of "0.17 ± 0.014", of "0.161 to 0.179" and of "[0.161, 0.179]".
_TOGETHER = re.compile(r"(?<=\d)( ± | to |, (?=[^\[\],]*\]))(?=[\d.−-])")


def figure_json(figure: Mapping[str, Any]) -> Markup:
    """A figure as JSON that no text in it can break out of a script element with.

    Plotly reads some HTML in text. Nothing but a line break and the mark of a hover label's end is left.
    """
    text = _TAG.sub("&lt;", _json(figure).replace("&", "&amp;"))
    text = text.replace("<", "\\u003c").replace("&", "\\u0026")
    return Markup(text)  # noqa: S704 - every < and & in it is escaped


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


def shown(value: Any) -> Any:
    """What a template shows; markup is a figure or a part of the page that was shown before."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value, keep="\n\t") if is_text else value


def unbroken(text: str) -> str:
    r"""Text whose lines do not break within an interval, or within a mean and its deviation.

    Example:
        >>> unbroken("0.17 ± 0.014 [0.161, 0.179]").split(" ")
        ['0.17\xa0±\xa00.014', '[0.161,\xa00.179]']
        >>> unbroken("1000, 1001, 1002").split(" ")
        ['1000,', '1001,', '1002']
    """
    return _TOGETHER.sub(lambda found: found[0].replace(" ", "\xa0"), text)
