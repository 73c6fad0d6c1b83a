"""A page's folder: the numbers of its figures, and a library on disk once."""

import csv
import io

import polars as pl
import pytest
from tests.cases.folders import run_folder, study_folder

from paripassu.evidence.intervals import estimate
from paripassu.report import figures, heat_map
from paripassu.report.figure_data import as_csv
from paripassu.report.run import write_run_page
from paripassu.report.study import write_study_page


def _rows(figure):
    return list(csv.reader(io.StringIO(as_csv(figure))))


def test_a_curves_numbers_have_the_ends_of_its_band():
    frame = pl.DataFrame(
        {"arm": "a", "step": [0, 5], "mean": [2.0, 3.0], "low": [1.0, 3.0], "high": [4.0, 3.0]}
    )
    assert _rows(figures.curves(frame, ["a"], y="loss")) == [
        ["series", "generator updates", "loss", "low", "high"],
        ["a", "0", "2.0", "1.0", "4.0"],
        ["a", "5", "3.0", "3.0", "3.0"],
    ]


def test_an_arms_numbers_are_its_seeds_and_its_interval():
    found = estimate([1.0, 2.0, 6.0, 3.0, 4.0])
    rows = _rows(figures.values({"=an arm": found}, "m"))
    assert rows[0] == ["series", "m", "row", "low", "high"]
    expected = [["'=an arm", str(value), f"seed {n}"] for n, value in enumerate(found.values, 1)]
    assert [row[:3] for row in rows[1:6]] == expected
    assert rows[6][2] == "mean"
    assert [float(value) for value in rows[6][3:]] == pytest.approx([found.low, found.high])


def test_numbers_of_too_few_runs_have_no_interval():
    mean = _rows(figures.values({"an arm": estimate([1.0, 2.0])}, "m"))[3]
    assert mean == ["an arm", "1.5", "mean", "", ""]


def test_a_maps_numbers_are_its_values():
    frame = pl.DataFrame({"arm": "a", "layer": "top", "step": [0, 5], "size": [10.0, 1000.0]})
    assert _rows(heat_map.heat(frame, ["a"], "size", log=True)) == [
        ["series", "generator updates", "layer", "value"],
        ["a", "0", "top", "10.0"],
        ["a", "5", "top", "1000.0"],
    ]


def test_every_figure_leads_to_its_numbers(tmp_path):
    study_folder(tmp_path / "s")
    page = write_study_page(tmp_path / "s")
    text = page.read_text()
    files = sorted((page.parent / "data").iterdir())
    assert len(files) == text.count("data-figure=") > 3
    assert all(f'href="data/{path.name}" download' in text for path in files)
    assert all(path.read_text().count("\n") > 1 for path in files)


def test_pages_of_one_folder_share_the_library(tmp_path):
    for name in ("a", "b"):
        run_folder(tmp_path / name)
    first, second = (write_run_page(tmp_path / name).parent / "plotly.min.js" for name in ("a", "b"))
    assert first.samefile(second)


def test_a_library_that_was_changed_is_not_shared(tmp_path):
    for name in ("a", "b"):
        run_folder(tmp_path / name)
    first = write_run_page(tmp_path / "a").parent / "plotly.min.js"
    good = first.read_bytes()
    first.write_bytes(b"alert(1)")
    second = write_run_page(tmp_path / "b").parent / "plotly.min.js"
    assert second.read_bytes() == good
    assert first.read_bytes() == b"alert(1)"


def test_a_run_names_data_and_shows_it_first(tmp_path):
    run_folder(tmp_path / "a")
    text = write_run_page(tmp_path / "a").read_text()
    assert text.index("real data") < text.index("Measurements</h2>")
    assert "higher is better" in text


def test_the_study_page_begins_with_the_answer(tmp_path):
    study_folder(tmp_path / "s")
    text = write_study_page(tmp_path / "s").read_text()
    lead = text.index('<p class="lead">On ring8, ')
    order = [text.index(words, lead) for words in ('class="strip"', "ring8: every seed", "supported", "<h2>")]
    assert order == sorted(order)
    assert "All pairs of arms" in text
    assert "Student&#39;s t" in text
