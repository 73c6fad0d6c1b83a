"""`load` gives what a run, a study or a sweep wrote, as frames with documented columns."""

import subprocess
import sys

import pytest
from tests.cases.folders import (
    HOSTILE,
    outcomes,
    run_folder,
    study_folder,
    study_result,
    sweep_folder,
    write_study,
)

import paripassu as pp
from paripassu.evidence import loaded


def test_a_run_has_its_tables(tmp_path):
    run_folder(tmp_path)
    run = pp.load(tmp_path)
    assert run.metrics.rows() == [(s, "mode-overlap@50", s / 20) for s in (0, 5, 10)]
    assert run.losses.columns == ["step", "discriminator", "generator"]
    assert run.updates.filter(step=5, player="generator").rows() == [
        (5, "generator", 1.0, 0.1, 4.0, 0.025, 1.0)
    ]
    assert run.layers["update"].to_list() == [99.0, 104.0, 109.0]
    assert run.shadows.row(0) == (0, "generator", "0.weight", "Adam()", 10.0, 9.9, 0.0)
    assert run.pace.row(-1) == (10, "discriminator", "generator", 2.0)
    assert run.settings["seed"] == 3


def test_a_run_that_still_trains_is_read(tmp_path):
    run_folder(tmp_path, end=False)
    run = pp.load(tmp_path)
    assert run.end is None
    assert len(run.metrics) == 3
    assert "not finished" in repr(run)


def test_a_study_has_arms_runs_and_trials(tmp_path):
    study_folder(tmp_path)
    study = pp.load(tmp_path)
    assert study.arms.select("game", "arm", "mean", "seeds", "lr_g", "lr_d").rows() == [
        ("ring8", HOSTILE, 0.5, 2, 0.1, 0.2),
        ("ring8", "sgda", pytest.approx(0.05), 2, 0.1, 0.2),
    ]
    assert study.runs.filter(arm=HOSTILE)["value"].to_list() == [0.4, 0.6]
    assert pp.load(study.runs["folder"][0]).metrics.height == 3
    assert study.trials.filter(arm="sgda", is_chosen=True)["lr_g"].unique().to_list() == [0.1]
    assert study.findings.row(0, named=True)["outcome"] == "supported"


def test_a_sweep_has_runs_and_paths(tmp_path):
    sweep_folder(tmp_path, outcomes(20))
    sweep = pp.load(tmp_path)
    assert (sweep.runs["ever"] == "all").sum() == 20
    assert {"method", "seed", "step"} <= set(sweep.paths.columns)
    assert "mode_1" in sweep.neurons.columns


@pytest.mark.parametrize("make", [run_folder, study_folder, lambda folder: sweep_folder(folder, outcomes(3))])
def test_notebooks_show_text_as_text(make, tmp_path):
    folder = tmp_path / "<b>x"
    make(folder)
    shown = pp.load(folder)._repr_html_()
    assert "&lt;b&gt;x" in shown
    assert "<b>" not in shown
    assert "<script" not in shown


def test_an_unfinished_study_has_empty_tables_with_columns(tmp_path):
    study_folder(tmp_path, finished=False)
    study = pp.load(tmp_path)
    for table in (study.arms, study.runs, study.trials, study.findings):
        assert table.is_empty()
        assert len(table.columns) > 5


def test_what_is_unknown_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="holds no run and no study"):
        pp.load(tmp_path)
    (tmp_path / "records.jsonl").write_text('{"step": 1, "kind": "Dream"}\n')
    with pytest.raises(ValueError, match=r"records.jsonl"):
        pp.load(tmp_path)
    write_study(tmp_path / "other", study_result(kind="dream"))
    with pytest.raises(ValueError, match="is a study of kind 'dream'"):
        pp.load(tmp_path / "other")


def test_every_kind_of_study_with_a_page_can_be_loaded():
    from paripassu.report.study import _SECTIONS

    assert set(loaded._KINDS) == set(_SECTIONS)


WITHOUT_POLARS = """
import sys
sys.modules["polars"] = None
import paripassu
try:
    paripassu.load("nowhere")
except ImportError as error:
    sys.exit(str(error))
"""


def test_without_the_laboratory_load_names_the_extra():
    done = subprocess.run([sys.executable, "-c", WITHOUT_POLARS], capture_output=True, text=True)
    assert done.stderr == "paripassu.load needs polars: pip install 'paripassu[lab]'\n"
