"""Folders of somebody else, or damaged ones: pages show what is whole and obey nothing in them."""

import json
import random
import re
from copy import deepcopy
from dataclasses import replace

import pytest
from tests.cases.folders import outcomes, run_folder, study_folder, sweep_folder

from paripassu.evidence.changes import study_changes
from paripassu.files import sealed, unsealed
from paripassu.records.codec import dump
from paripassu.report.board import write_board
from paripassu.report.page import Figure, Link, Page, Section, Table, Text
from paripassu.report.run import write_run_page
from paripassu.report.side_by_side import write_side_by_side
from paripassu.report.study import write_study_page

EVIL = "a\x1b[2Jb\u202ec\udcffd\x07"
SHOWN = r"a\x1b[2Jb\u202ec\xffd\x07"


def test_controls_and_marks_of_direction_are_shown_escaped(tmp_path):
    figure = Figure({"data": [{"name": EVIL}], "layout": {}}, EVIL, EVIL)
    blocks = [Text(EVIL), Table((EVIL,), [(EVIL,), (Link(EVIL, EVIL),)], caption=EVIL), figure]
    text = Page(EVIL, EVIL, blocks, [Section(EVIL, [])]).write(tmp_path).read_text(encoding="utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert text.count(SHOWN) >= 8
    assert "%1B%5B2Jb%E2%80%AEc%FFd%07" in text  # a link's address keeps every byte of the path
    (data,) = re.findall(r"<script type=.application/json.[^>]*>(.*?)</script>", text)
    assert json.loads(data)["data"] == [{"name": SHOWN}]


def test_plotly_reads_no_markup_in_names():
    names = ["<a href=x>", "a & b", "<b>", "<br/><i>", "&lt;", "one<br>two<extra></extra>"]
    data = json.loads(Figure({"ticktext": names}, "", "").data())["ticktext"]
    assert data[:5] == ["&lt;a href=x>", "a &amp; b", "&lt;b>", "&lt;br/>&lt;i>", "&amp;lt;"]
    assert data[5] == names[5]


@pytest.mark.parametrize("write", [write_run_page, write_study_page])
def test_a_linked_page_folder_is_refused(write, tmp_path):
    home = tmp_path / "home"
    run_folder(home) if write is write_run_page else study_folder(home)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "pictures").mkdir(parents=True)
    (elsewhere / "pictures" / "mine.png").write_bytes(b"mine")
    (home / "report").symlink_to(elsewhere)
    with pytest.raises(ValueError, match="report is a link, and the page would be written elsewhere"):
        write(home)
    assert [p.name for p in elsewhere.rglob("*")] == ["pictures", "mine.png"]


def test_files_of_a_page_are_made_anew(tmp_path):
    """A script of the same size would run where ours should, a link would be written through."""
    run_folder(tmp_path / "run")
    page = write_run_page(tmp_path / "run")
    plotly, other = page.parent / "plotly.min.js", tmp_path / "other"
    good = plotly.read_bytes()
    other.mkdir()
    (other / "mine.png").touch()
    plotly.write_bytes(b"alert(1);".ljust(len(good)))
    for picture in (page.parent / "pictures").iterdir():
        picture.unlink()
    (page.parent / "pictures").rmdir()
    (page.parent / "pictures").symlink_to(other)
    write_run_page(tmp_path / "run")
    assert plotly.read_bytes() == good
    assert [p.name for p in other.iterdir()] == ["mine.png"]
    assert not (page.parent / "pictures").is_symlink()


DAMAGE = {
    "a line": lambda path: path.write_text(path.read_text().replace('"kind": "Pace"', '"kind": "Paces"')),
    "null": lambda path: path.write_text("null\n"),
    "emptied": lambda path: path.write_text(""),
    "lost": lambda path: path.unlink(),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_study_page_names_a_damaged_run_and_shows_the_rest(how, tmp_path):
    result = study_folder(tmp_path / "s")
    lost, *rest = (tmp_path / "s" / run for arm in result.games[0].arms for run in arm.runs)
    DAMAGE[how](lost / "records.jsonl")
    text = write_study_page(tmp_path / "s").read_text()
    assert len(re.findall(rf"<p>{lost}: [^<]*The figures leave this run out\.</p>", text)) == 1
    assert not any(f"<p>{path}" in text for path in rest)
    assert "Learning curves" in text
    assert "supported" in text


def test_the_board_names_a_damaged_study_and_shows_the_rest(tmp_path):
    for name in ("a", "b"):
        study_folder(tmp_path / name)
    (tmp_path / "a" / "study.json").write_text("null")
    text = write_board(tmp_path).read_text()
    assert f"A study is not shown: {tmp_path / 'a' / 'study.json'} is corrupt" in text
    assert "supported" in text
    (tmp_path / "b" / "study.json").write_text("null")
    with pytest.raises(ValueError, match=r"study\.json is corrupt"):
        write_board(tmp_path)


@pytest.mark.parametrize("file", ["records.jsonl", "run.json"])
def test_runs_side_by_side_leave_out_a_damaged_one(file, tmp_path):
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        run_folder(folder)
    (folders[0] / file).write_text("[]\n")
    text = write_side_by_side(folders, tmp_path / "out").read_text()
    assert f"A run is not shown: {folders[0] / file}" in text
    assert "<h1>b · c</h1>" in text
    for folder in folders:
        (folder / file).write_text("[]\n")
    with pytest.raises(ValueError, match=f"a.{file}"):
        write_side_by_side(folders, tmp_path / "out")


def test_an_end_that_is_there_twice_shows_the_last(tmp_path):
    run_folder(tmp_path)
    records = tmp_path / "records.jsonl"
    last = records.read_text().splitlines(keepends=True)[-1]
    records.write_text(records.read_text() + last)
    assert "Finished after 10" in write_run_page(tmp_path).read_text()


def _variants(value, path=()):
    """Every value with one part lost or of another kind; the keys of dataclasses stay, as the codec wants."""
    if isinstance(value, dict):
        for key in value:
            yield from _variants(value[key], (*path, key))
            if path and path[-1] in ("settings", "framework", "estimates"):
                yield {k: v for k, v in value.items() if k != key}, path
    elif isinstance(value, list):
        yield [], path
        for number, item in enumerate(value[:1]):
            yield from _variants(item, (*path, number))
    elif path[0] == "settings":
        yield from ((other, path) for other in ("x", None, [], {}, -1, 1e300))
    elif isinstance(value, float):
        yield from ((None, path), (1e308, path))
    elif isinstance(value, str) and path != ("environment", "date"):
        yield "", path


def _changed(data, value, path):
    changed = deepcopy(data)
    where = changed
    for key in path[:-1]:
        where = where[key]
    where[path[-1]] = value
    return changed


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of means of nothing and of huge numbers
@pytest.mark.parametrize("kind", ["comparison", "phase", "scaling"])
def test_results_of_any_shape_are_shown_or_refused(kind, tmp_path, monkeypatch):
    """Each is whole and of the schema. A sentence that names the folder is the only refusal."""
    folder = tmp_path / "s"
    if kind == "comparison":
        study_folder(folder)
    else:
        sweep_folder(
            folder, outcomes(9), outcomes(9, part="grid"), outcomes(9, part="fresh", d=100), kind=kind
        )
    data = unsealed((folder / "study.json").read_bytes())
    monkeypatch.setattr(Page, "write", lambda *_: folder)  # what it renders is the other tests'
    variants = [each for each in _variants(data) if each[1] not in ((), ("schema",), ("kind",))]
    refusals: list[str] = []
    for value, path in random.Random(0).sample(variants, 40):  # all of them take a quarter of a minute
        (folder / "study.json").write_text(sealed(_changed(data, value, path)))
        for read in (write_study_page, lambda home: study_changes(home, home)):
            try:
                read(folder)
            except ValueError as error:
                refusals.append(str(error))
    assert refusals
    assert [text for text in refusals if str(folder) not in text] == []


def test_a_study_without_estimates_of_its_metric_is_refused(tmp_path):
    result = study_folder(tmp_path)
    (game,) = result.games
    (tmp_path / "study.json").write_text(dump(replace(result, games=[replace(game, metric="other")])))
    with pytest.raises(ValueError, match=r"results of a shape that paripassu does not write \(KeyError"):
        write_study_page(tmp_path)
