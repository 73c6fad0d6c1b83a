"""Prose of a study's file is drawn as it was meant, and nothing in it is markup of its own."""

import pytest
from tests.cases.folders import HOSTILE

from paripassu.report.prose import drawn


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("*Supported* if so.", "<p><em>Supported</em> if so.</p>"),
        ("a **b c** d", "<p>a <strong>b c</strong> d</p>"),
        ("``x * y`` and `z`", "<p><code>x * y</code> and <code>z</code></p>"),
        ("2 * 3 * 4 and a*b*c", "<p>2 * 3 * 4 and a*b*c</p>"),
        ("one\n\n\ntwo", "<p>one</p>\n<p>two</p>"),
        ("1. one\n   more\n2. *two*", "<ol><li>one more</li><li><em>two</em></li></ol>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("at step\n2. Then", "<p>at step\n2. Then</p>"),
        ("1. one\n3. three", "<ol><li>one 3. three</li></ol>"),
    ],
)
def test_emphasis_and_lists_are_drawn(text, markup):
    assert str(drawn(text)) == markup


@pytest.mark.parametrize("wrap", ["{}", "*{}*", "**{}**", "`{}`", "1. {}", "- {}"])
def test_everything_else_is_escaped(wrap):
    markup = str(drawn(wrap.format(HOSTILE)))
    assert "<script" not in markup
    assert "<img" not in markup
    assert "&lt;script&gt;" in markup
