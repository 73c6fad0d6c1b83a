"""``paripassu demo``: one page from the first second, three acts, the same story in the terminal."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from tests.cases.commands import run
from tests.cases.demo import make_tiny

from paripassu.report.demo import write_demo_page
from paripassu.report.demo_story import ACTS


class _Names(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of a demo, what it printed, and whether its page was there when the first act began."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        make_tiny(patch)
        patch.setattr("paripassu.cli.output.line", lambda text: printed.append(text))
        patch.setattr("paripassu.cli.output.show", lambda what: printed.append(what))
        from paripassu.__main__ import main

        assert main(["demo", "--out", str(folder), "--quiet"]) == 0
        yield folder, printed


def test_the_link_comes_first_and_the_story_is_short(demo):
    folder, printed = demo
    assert printed[1] == (folder / "index.html").resolve().as_uri()
    lines = [line for line in printed if isinstance(line, str)]
    assert len(lines) <= 30
    assert [line[:5] for line in lines if line.startswith("Act ")] == ["Act 1", "Act 2", "Act 3"]
    assert all("\n" not in line for line in lines)


def test_all_that_the_demos_page_names_is_there(demo):
    folder, _ = demo
    text = (folder / "index.html").read_text()
    names = [name for name in _Names(text).found if not name.startswith(("#", "data:"))]
    assert sum(name.endswith(".png") for name in names) == 1 + 5 + 2 * 3
    for act in ACTS:
        assert f"{act}/report/index.html" in names
    for name in names:
        assert (folder / unquote(name)).is_file(), name


def test_the_page_says_what_was_seen_and_what_is_decided(demo):
    text = re.sub(r"\s+", " ", (demo[0] / "index.html").read_text())
    assert "All three acts are done." in text
    assert 'http-equiv="refresh"' not in text
    assert "nSGDA finds both modes in" in text
    assert text.count("not decided at this size") == 2
    assert text.index("C4: nSGDA") < text.index("C5: SGDA") < text.index("nearer, not equal")
    assert "pp.NSGD(" in text


def test_the_same_command_trains_nothing_again(demo, capsys):
    folder, _ = demo
    records = {path: path.stat().st_mtime_ns for path in folder.rglob("records.jsonl")}
    assert len(records) == 5 + 2 * 3
    code, out, err = run(capsys, "demo", "--out", str(folder), "--json")
    assert (code, err) == (0, "")
    assert {act: result["finished"] for act, result in json.loads(out).items()} == dict.fromkeys(ACTS, True)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("records.jsonl")} == records


def test_a_page_under_way_loads_itself_again_and_a_stopped_one_says_so(tmp_path):
    text = write_demo_page(tmp_path, "Act 1 of 3 is under way.").read_text()
    assert 'http-equiv="refresh"' in text
    assert "Act 1 of 3 is under way." in text
    text = write_demo_page(tmp_path).read_text()
    assert 'http-equiv="refresh"' not in text
    assert "The same command goes on where it stopped." in text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("index.html", "mine", "is a page that the demo did not write"),
        ("notes.txt", "mine", "holds files that are no demo of this version"),
    ],
)
def test_somebody_elses_folder_is_left_alone(name, content, words, tmp_path, capsys):
    (tmp_path / name).write_text(content)
    code, _, err = run(capsys, "demo", "--out", str(tmp_path), "--quiet")
    assert (code, err.count("\n")) == (2, 1)
    assert words in err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == content


def test_the_demos_folder_is_no_file(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    code, _, err = run(capsys, "demo", "--out", str(tmp_path / "file"))
    assert code == 2
    assert "is a file: name a folder" in err
