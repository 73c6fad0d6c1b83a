"""Tasks find a person's own files in workers, and those that cannot travel are errors that say so."""

import subprocess
import sys
from functools import partial

import pytest
from tests.cases.own import SWEEP, own_study
from tests.cases.studies import Here

from paripassu import studies
from paripassu.engine import LocalEngine
from paripassu.engine.parcel import Parcel
from paripassu.protocol import run_study
from paripassu.train.own_files import OwnPartError, load_file


def _fail(text):
    raise LookupError(text)


class Unreadable:
    """Pickled by a call that raises."""

    def __reduce__(self):
        return _fail, ("there is nothing",)


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize("scale", ["seeded", "played"])
def test_a_sweep_in_a_file_runs_in_workers_as_here(tmp_path, scale):
    study = own_study(tmp_path, "1 + seed")
    result = run_study(study, scale, tmp_path / "out", engine=LocalEngine(1))
    here = run_study(study, scale, tmp_path / "here", engine=Here())
    assert result.findings == here.findings
    (chunks, chunks_here) = (
        {path.name: path.read_bytes() for path in (tmp_path / out / "chunks").glob("*.parquet")}
        for out in ("out", "here")
    )
    assert chunks == chunks_here


@pytest.mark.usefixtures("quick_workers")
def test_a_sweep_may_import_its_neighbours_in_workers(tmp_path):
    (tmp_path / "sizes_of_mine.py").write_text("def size(seed):\n    return 1 + seed\n")
    study = own_study(tmp_path, "__import__('sizes_of_mine').size(seed)")
    assert run_study(study, "seeded", tmp_path / "out", engine=LocalEngine(1)).finished


@pytest.mark.usefixtures("quick_workers")
def test_an_error_in_a_sweeps_file_names_its_line(tmp_path):
    study = own_study(tmp_path, "{}[seed]")
    line = next(n for n, text in enumerate(SWEEP.splitlines(), 1) if text.endswith('{"number": NUMBER}'))
    with pytest.raises(ValueError, match=rf"own_sweep\.py, line {line}: KeyError: 0"):
        run_study(study, "seeded", tmp_path / "out", engine=LocalEngine(1))


def test_a_sweep_in_a_script_runs_in_its_workers(tmp_path):
    """Its module has another name in workers, and its chunks have the same."""
    script = tmp_path / "own_sweep.py"
    run = "LocalEngine(1)).findings[0].verdict)"
    script.write_text(
        SWEEP.replace("NUMBER", "1 + seed").replace("[PLAYED], then", "[PLAYED]")
        + "\n\nif __name__ == '__main__':\n"
        "    from pathlib import Path\n"
        "    from paripassu.engine import LocalEngine\n"
        "    from paripassu.protocol import run_study\n"
        f"    print(run_study(STUDY, 'played', Path('out'), engine={run}\n"
    )
    ran = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert "supported" in ran.stdout, ran.stderr
    study = studies.load(script)
    assert not study.scale("played").design.work(tmp_path / "out", "").missing


@pytest.mark.usefixtures("quick_workers")
def test_a_task_that_cannot_be_read_is_an_error_of_that_task():
    with pytest.raises(ValueError, match=r"cannot be read by another process \(LookupError: .*nothing"):
        list(LocalEngine(1).execute(str, [Unreadable()]))


@pytest.mark.parametrize("task", [lambda: 0, partial(map, lambda n: n), (n for n in ())])
def test_a_task_that_cannot_be_sent_is_an_error(task):
    with pytest.raises(ValueError, match=r"cannot be sent to another process .*: define the functions"):
        list(LocalEngine(1).execute(str, [task]))


def test_a_file_that_has_changed_is_not_taken_for_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text("def act(value):\n    return value\n")
    module = load_file(path)
    parcel = Parcel.of(module.act, 1)
    monkeypatch.delitem(sys.modules, module.__name__)  # as in another process
    assert parcel.carry_out() == 1
    monkeypatch.delitem(sys.modules, module.__name__)
    path.write_text("def act(value):\n    return -value\n")
    with pytest.raises(OwnPartError, match=r"mine\.py changed while the study ran"):
        parcel.carry_out()
