"""A path may be text or a `pathlib.Path` wherever the Python API takes one."""

import inspect
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cases import runs

import paripassu.train
from paripassu import files
from paripassu.evidence import tables
from paripassu.records import End, RunHeader, checkpoints, codec
from paripassu.report.run import write_run_page
from paripassu.train import check_folder, evaluate, load_run, train

PUBLIC = {
    f"{module.__name__}.{name}": value
    for module in (paripassu.train, codec, tables, files)
    for name, value in vars(module).items()
    if (inspect.isfunction(value) or value is codec.RecordWriter)
    and not name.startswith("_")
    and getattr(value, "__module__", "").startswith("paripassu.")
} | {"write_run_page": write_run_page}


@pytest.mark.parametrize("name", PUBLIC)
def test_no_public_function_asks_for_a_path_object(name):
    for parameter in inspect.signature(PUBLIC[name]).parameters.values():
        assert parameter.annotation not in {Path, "Path", Path | None}, parameter


def test_paths_as_text_do_what_path_objects_do(tmp_path):
    run = replace(runs.points(), steps=1, eval_samples=10, decay="constant")
    folder = str(tmp_path / "run")
    check_folder(run, folder)
    assert train(run, folder).outcome == "finished"
    assert load_run(folder) == run
    assert evaluate(run, folder)[0] == 1
    assert train(run, str(tmp_path / "other"), start=folder).outcome == "finished"
    records_file = f"{folder}/records.jsonl"
    assert isinstance([*codec.read_records(records_file)][-1], End)
    assert codec.proved_end(records_file)
    assert codec.load(f"{folder}/run.json", RunHeader).key == run.key()
    assert len(checkpoints.checkpoints(folder)) == 2
    assert checkpoints.damage(folder) == []
    tables.write_run_table(folder)
    assert tables.run_ends([folder])[0].step == 1
    assert len(tables.run_table(folder)) > 3
    assert len(tables.run_tables([folder], ["Metric"])) == 6
    assert write_run_page(folder).is_file()
