"""Every text that the package reads or writes is UTF-8, whatever the locale."""

import ast
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[1] / "src" / "paripassu").rglob("*.py"))
_NO_TEXT = {"Image", "os", "webbrowser", "zipfile", "archive"}  # whose ``open`` reads no text


def _lacks_encoding(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    words = {keyword.arg for keyword in call.keywords}
    if name == "run" and words & {"text", "universal_newlines"}:
        return "encoding" not in words
    if name not in {"open", "read_text", "write_text"} or "encoding" in words:
        return False
    if isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") in _NO_TEXT:
        return False
    given = [a.value for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Constant)]
    return not any(isinstance(each, str) and (each == "utf-8" or "b" in each) for each in given)


def test_every_text_file_is_opened_as_utf_8():
    calls = [
        (path, node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
    ]
    assert len(calls) > 1000
    assert [f"{path}:{call.lineno}" for path, call in calls if _lacks_encoding(call)] == []


@pytest.mark.parametrize("text", ["open(p)", "p.read_text()", "p.write_text(x)", "p.open('w')"])
def test_the_look_for_encodings_finds_what_it_looks_for(text):
    (call,) = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    assert _lacks_encoding(call)
