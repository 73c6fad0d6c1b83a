"""Figures and tables of pages as files for a paper."""

import csv
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from tests.cases.commands import run
from tests.cases.folders import HOSTILE, outcomes, run_folder, study_folder, sweep_folder

from paripassu.report import paper
from paripassu.report.export import _named, _table, export
from paripassu.report.page import Figure, Page, Section, Table
from paripassu.report.paper import drawn


def _sweep(folder):
    sweep_folder(
        folder, *(outcomes(9, part=p, method=m) for m in ("nsgda", "sgda") for p in ("grid", "fresh"))
    )


@pytest.mark.parametrize("make", [run_folder, study_folder, _sweep])
def test_every_figure_and_table_of_a_page_becomes_files(make, tmp_path, monkeypatch):
    make(tmp_path / "from")
    monkeypatch.setattr(paper, "_DPI", 40)  # drawn as at any other
    files = export(tmp_path / "from", tmp_path / "out", figures=["png"], tables=["csv", "tex"])
    assert {file.suffix for file in files} == {".png", ".csv", ".tex"}
    assert all(file.stat().st_size > 40 for file in files)
    assert sorted(files) == sorted((tmp_path / "out").iterdir())
    for file in files:
        if file.suffix == ".png":
            with Image.open(file) as picture:
                assert picture.width == int(40 * paper.COLUMN)


CURVE = {
    "data": [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"{HOSTILE} $x$ 大",
            "x": [1, 2, 3],
            "y": [0.1, None, 3],
            "line": {"color": "#0072B2", "dash": "dash"},
            "marker": {"symbol": "triangle-up"},
        }
    ],
    "layout": {"yaxis": {"type": "log", "title": {"text": "a<br>b"}}},
}


def test_formats_are_what_they_say_and_come_out_the_same_twice():
    files = drawn(CURVE, ["pdf", "svg"], width=2.0)
    assert files["pdf"].startswith(b"%PDF")
    assert b"<script" not in files["svg"]
    assert b'width="144pt"' in files["svg"]
    assert drawn(CURVE, ["pdf", "svg"], width=2.0) == files


@pytest.mark.parametrize(("steps", "ticks"), [([1, 2, 16], True), ([0.25, 0.5, 1.0], False)])
def test_an_axis_of_whole_numbers_has_whole_ticks(steps, ticks):
    assert paper._are_whole([{"type": "scatter", "x": steps, "y": steps}], "x") is ticks
    curve = {"data": [CURVE["data"][0] | {"x": steps}], "layout": CURVE["layout"]}
    shown = re.findall(r"<!-- ([\d.]+) -->", drawn(curve, ["svg"], width=3.0)["svg"].decode())
    assert any("." in tick for tick in shown) is not ticks


def test_an_unknown_trace_is_refused():
    with pytest.raises(ValueError, match="got 'pie'"):
        drawn({"data": [{"type": "pie"}], "layout": {}}, ["png"])


def test_a_table_for_latex_has_no_character_that_latex_obeys(tmp_path):
    study_folder(tmp_path / "study")
    files = export(tmp_path / "study", tmp_path / "out", figures=[], tables=["csv", "tex"])
    text = next(file for file in files if file.name == "ring8-results-table.tex").read_text()
    assert r"\toprule" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert any(r"\textless{}script\textgreater{}" in row for row in rows)
    assert all(row.replace(r"\&", "").count("&") == rows[0].count("&") for row in rows)
    table = next(file for file in files if file.name == "ring8-results-table.csv").read_text()
    assert HOSTILE in [row[0] for row in csv.reader(io.StringIO(table))]


def test_a_table_has_no_text_that_a_spreadsheet_computes():
    table = Table(("arm", "m"), [("=HYPERLINK(1)", "-0.2 ± 0.1"), ("-1+cmd", "-0.3 to 1e-05")])
    assert _table(table, "csv").decode().splitlines()[1:] == [
        "'=HYPERLINK(1),-0.2 ± 0.1",
        "'-1+cmd,-0.3 to 1e-05",
    ]


def test_blocks_of_alike_names_have_files_of_their_own():
    table = Table(("a",), [])
    figure = Figure({}, "2", "")
    page = Page("", "", [], [Section("x", [table, table]), Section("x table", [figure])])
    assert [name for name, _ in _named(page)] == ["x-table", "x-table-2", "x-table-2-2"]


def test_files_that_are_there_are_replaced_only_on_request(tmp_path, capsys):
    run_folder(tmp_path / "run")
    command = ["export", str(tmp_path / "run"), "--figures", "none", "--out", str(tmp_path / "out")]
    assert run(capsys, *command)[0] == 0
    file = tmp_path / "out" / "measurements-table.csv"
    file.write_text("mine")
    code, out, err = run(capsys, *command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is there already" in err
    assert file.read_text() == "mine"
    assert run(capsys, *command, "--replace")[0] == 0
    assert file.read_text() != "mine"


def test_what_is_not_finished_is_named(tmp_path, capsys):
    study_folder(tmp_path / "study")
    lost = tmp_path / "study" / "runs" / "ring8" / "1" / "0" / "records.jsonl"
    lost.write_text("\n".join(lost.read_text().splitlines()[:-1]) + "\n")
    run_folder(tmp_path / "run", end=False)
    for name, sentence in (
        ("study", "a run is missing or has not ended (runs/ring8/1/0)"),
        ("run", "has not reached its last step"),
    ):
        command = ["export", str(tmp_path / name), "--figures", "none", "--out", str(tmp_path / "out")]
        code, out, err = run(capsys, *command)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert sentence in err
        assert not (tmp_path / "out").exists()
        assert run(capsys, *command, "--partial", "--replace")[0] == 0
        for file in (tmp_path / "out").iterdir():
            file.unlink()
        (tmp_path / "out").rmdir()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--figures", "eps"], "there is no format 'eps' here: choose from pdf, svg, png"),
        (["--tables", "xls"], "choose from csv, tex"),
        (["--width", "0"], "must be in 1 to 20 inches"),
        (["--figures", "none", "--tables", "none"], "nothing to export"),
    ],
)
def test_a_wrong_wish_is_refused_in_a_sentence(options, sentence, tmp_path, capsys):
    run_folder(tmp_path / "run")
    code, _, err = run(capsys, "export", str(tmp_path / "run"), *options)
    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err
    assert not (tmp_path / "run" / "export").exists()


@pytest.mark.parametrize("words", [["csv", "tex"], ["csv,tex"], ["csv, tex", "csv"]])
def test_formats_have_spaces_or_commas_between_them(words, tmp_path, capsys):
    run_folder(tmp_path / "run")
    command = ["export", str(tmp_path / "run"), "--figures", "none", "--tables", *words]
    assert run(capsys, *command)[0] == 0
    assert {file.suffix for file in (tmp_path / "run" / "export").iterdir()} == {".csv", ".tex"}


def test_a_folder_of_nothing_is_refused(tmp_path, capsys):
    code, _, err = run(capsys, "export", str(tmp_path))
    assert (code, "holds no run and no study" in err) == (2, True)


def test_a_new_folder_has_all_files_or_is_not_there(tmp_path, monkeypatch):
    run_folder(tmp_path / "run")
    out, written = tmp_path / "out", []
    write_bytes = Path.write_bytes

    def killed_at_the_second(path, content):
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "run", out, figures=(), tables=("csv", "tex"))
    assert not out.exists()
    monkeypatch.undo()
    (tmp_path / ".partial-999999999-out").mkdir()  # a killed process cannot remove its own
    files = export(tmp_path / "run", out, figures=(), tables=("csv", "tex"))
    assert sorted(out.iterdir()) == sorted(files)
    assert not list(tmp_path.glob(".partial-*"))


def test_files_beside_the_new_ones_stay(tmp_path):
    run_folder(tmp_path / "run")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".mine").write_text("mine")
    export(tmp_path / "run", tmp_path / "out", figures=(), tables=("csv",))
    assert (tmp_path / "out" / ".mine").read_text() == "mine"
