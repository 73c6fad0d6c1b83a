"""Runs in a folder as one table, and the command that shows it."""

import json
import math

import polars as pl
import pytest
from tests.cases.commands import run
from tests.cases.folders import WHERE, as_of_schema_1, run_folder

from paripassu.evidence.listing import chosen, runs_in
from paripassu.records import RunHeader
from paripassu.records.codec import dump


def _settings(rule, lr, seed):
    player = {"rule": rule, "lr": lr}
    data = {"is": "Augmented", "source": {"is": "Digits"}, "flip": True}
    return {
        "data": data,
        "model": {"is": "DCGAN"},
        "generator": player,
        "discriminator": player,
        "seed": seed,
        "steps": 10,
    }


NSGD = {"is": "Normalize", "rule": {"is": "SGD"}, "scope": "global"}
GRAFT = {"is": "Graft", "magnitude": {"is": "Adam"}, "direction": {"is": "SGD"}}


@pytest.fixture
def folder(tmp_path):
    for number, (rule, lr) in enumerate([(NSGD, 0.1), (GRAFT, 0.01), ({"is": "Adam"}, 1e-3)]):
        run_folder(tmp_path / "deep" / f"run-{number}", outcome="diverged" if number == 2 else "finished")
        header = RunHeader(_settings(rule, lr, 1000 + number), WHERE)
        (tmp_path / "deep" / f"run-{number}" / "run.json").write_text(dump(header))
    run_folder(tmp_path / "open", end=False)
    run_folder(tmp_path / "broken")
    (tmp_path / "broken" / "run.json").write_text("{")
    run_folder(tmp_path / "older")
    path = tmp_path / "older" / "run.json"
    as_of_schema_1(path)
    return tmp_path


def test_every_run_has_a_row(folder):
    table = runs_in(folder)
    assert table.select("run", "state", "optimizer", "lr_g", "mode-overlap@50").rows() == [
        ("broken", "damaged", None, None, None),
        ("deep/run-0", "finished", "NSGD global", 0.1, 0.5),
        ("deep/run-1", "finished", "Graft(Adam, SGD)", 0.01, 0.5),
        ("deep/run-2", "diverged", "Adam", 1e-3, 0.5),
        ("older", "other version", None, None, None),
        ("open", "incomplete", "", None, 0.5),
    ]
    assert table["data"][1] == "Digits"


def test_rules_that_differ_have_other_names(tmp_path):
    unit = NSGD | {"scope": "layer", "unit": "rms"}
    heavy = {"is": "SGD", "momentum": 0.5}
    for number, rule in enumerate([unit, unit | {"rule": heavy}, heavy]):
        run_folder(tmp_path / f"run-{number}")
        (tmp_path / f"run-{number}" / "run.json").write_text(dump(RunHeader(_settings(rule, 0.1, 0), WHERE)))
    names = ["NSGD layer rms", "NSGD layer rms, momentum 0.5", "SGD, momentum 0.5"]
    assert runs_in(tmp_path)["optimizer"].to_list() == names


def test_own_parts_have_the_names_that_their_files_give_them(tmp_path):
    own = {"file": "/own.py", "sha256": "0" * 64}
    settings = _settings(own | {"is": "Lion", "settings": {"b1": 0.5}}, 0.1, 0) | {
        "data": {"is": "FromDataset", "dataset": own | {"is": "Discs"}},
        "model": {"is": "FromFunction", "function": own | {"is": "networks"}, "latent": 16},
    }
    run_folder(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(dump(RunHeader(settings, WHERE)))
    assert runs_in(tmp_path).select("data", "model", "optimizer").row(0) == ("Discs", "networks", "Lion")


def test_runs_are_filtered_and_sorted(folder, capsys):
    where = ["--where", "optimizer=sgd", "lr_g<0.05"]
    code, out, _ = run(capsys, "runs", str(folder), *where, "--json")
    assert (code, [row["run"] for row in json.loads(out)]) == (0, ["deep/run-1"])
    code, out, _ = run(capsys, "runs", str(folder), "--where", "state=finished", "--sort=-seed", "--json")
    assert [row["seed"] for row in json.loads(out)] == [1001, 1000]


@pytest.mark.parametrize(
    ("condition", "seeds"), [("seed<=1000", [1000, 3]), ("seed>=1002", [1002]), ("seed = 1001", [1001])]
)
def test_conditions_take_the_usual_signs(condition, seeds, folder, capsys):
    code, out, _ = run(capsys, "runs", str(folder), "--where", condition, "--json")
    assert (code, [row["seed"] for row in json.loads(out)]) == (0, seeds)


def test_a_metric_that_is_no_number_meets_no_condition_and_is_last():
    runs = pl.DataFrame({"run": ["a", "b", "c", "d"], "fd": [10.0, math.nan, 30.0, None]})
    assert chosen(runs, ["fd>20"], "")["run"].to_list() == ["c"]
    assert chosen(runs, [], "-fd")["run"].to_list() == ["c", "a", "b", "d"]
    assert chosen(runs, [], "fd")["run"].to_list() == ["a", "c", "b", "d"]


def test_one_run_is_shown_in_full_and_none_is_said(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(capsys, "runs", str(folder), "--where", "optimizer=graft")
    assert "…" not in out
    assert all(text in out for text in ("deep/run-1", "Graft(Adam, SGD)", "mode-overlap@50", "0.01"))
    none = run(capsys, "runs", str(folder), "--where", "seed=7")
    assert none == (0, "No run meets these conditions.\n", "")


def test_what_all_runs_share_is_said_once(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run(capsys, "runs", str(folder / "deep"))
    assert code == 0
    assert "model DCGAN" in out.partition("All have")[2]
    assert "3 runs." in out
    assert " 1001\n" in out  # a seed is typed as it is shown


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--where", "optimiser=adam"], "there is no column 'optimiser': choose from run, state"),
        (["--where", "seed"], "a condition is COLUMN=VALUE"),
        (["--where", "seed=one"], "seed holds numbers"),
        (["--where", "state<3"], "state holds words"),
        (["--sort", "speed"], "there is no column 'speed'"),
    ],
)
def test_a_wrong_condition_is_refused_in_a_sentence(options, sentence, folder, capsys):
    code, out, err = run(capsys, "runs", str(folder), *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err


def test_a_folder_without_runs_is_refused(tmp_path, capsys):
    assert run(capsys, "runs", str(tmp_path))[0] == 2
    assert run(capsys, "runs", str(tmp_path / "none"))[0] == 2
