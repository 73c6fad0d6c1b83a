"""A chunk is known by its settings and by the text of a person's own files; where it was made is remarked."""

from dataclasses import replace

import pytest
from tests.cases.own import own_study
from tests.cases.studies import Here, tiny_study

from paripassu import studies
from paripassu.evidence.sealed import SealedTables
from paripassu.protocol import run_study, summarise
from paripassu.protocol.sweeps.batch import BatchUnit
from paripassu.records import STUDY_FILE, StudyResult
from paripassu.records.codec import load
from paripassu.train.own_files import OwnPartError


def _run(study, scale, out, **more):
    return run_study(study, scale, out, engine=Here(), **more)


def _index(study, out, scale="seeded"):
    (cell,) = study.scale(scale).design.sweep.cells
    return cell.sealed(out)


@pytest.mark.parametrize("scale", ["seeded", "played"])
def test_a_chunk_of_other_own_code_is_computed_again_and_said(tmp_path, scale):
    out, said = tmp_path / "out", []
    first = _run(own_study(tmp_path, "1 + seed"), scale, out, notice=said.append)
    assert (first.findings[0].verdict.outcome, said) == ("supported", [])
    again = _run(own_study(tmp_path, "-1 - seed"), scale, out, notice=said.append)
    assert again.findings[0].verdict.outcome == "contradicted"
    assert len(said) == len(list((out / "chunks").glob("*.json")))
    assert all(s.endswith("is of another text of own_sweep.py: this chunk was computed again") for s in said)


def test_a_study_of_other_own_code_is_not_reported(tmp_path):
    _run(own_study(tmp_path, "1 + seed"), "seeded", tmp_path / "out")
    with pytest.raises(ValueError, match="is not finished"):
        summarise(own_study(tmp_path, "-1 - seed"), "seeded", tmp_path / "out")


def test_a_chunk_of_the_same_code_elsewhere_is_kept(tmp_path):
    """A person's files may move with their results."""
    (tmp_path / "other").mkdir()
    _run(own_study(tmp_path, "1 + seed"), "seeded", tmp_path / "out")
    there = own_study(tmp_path / "other", "1 + seed")
    assert not there.scale("seeded").design.work(tmp_path / "out", "").missing


def test_code_that_changes_while_a_study_runs_is_refused(tmp_path):
    (cell,) = own_study(tmp_path, "1 + seed").scale("seeded").design.sweep.cells
    unit = BatchUnit.of(cell, tmp_path / "out", "")
    with pytest.raises(OwnPartError, match=r"own_sweep\.py changed while the study ran"):
        replace(unit, own={"own_sweep.py": "another"}).carry_out()


def test_an_index_says_how_its_chunk_was_made(tmp_path):
    study = own_study(tmp_path, "1 + seed")
    result = _run(study, "seeded", tmp_path / "out", command="as typed")
    made = _index(study, tmp_path / "out").made()
    assert list(made["own"]) == ["own_sweep.py"]
    assert made["seconds"] >= 0
    where = result.environment
    assert made["environment"] | {"date": ""} == {**vars(where), "date": ""}
    assert where.command == "as typed"


def _made_elsewhere(tables: SealedTables, **where):
    made = dict(tables.made())
    made["environment"] = made["environment"] | where
    tables.write({"outcomes": tables.read("outcomes")}, made)


def test_a_chunk_of_another_commit_is_kept_and_remarked(tmp_path):
    study, out = own_study(tmp_path, "1 + seed"), tmp_path / "out"
    study = replace(study, scales={"seeded": _two_chunks(study)})
    assert _run(study, "seeded", out).remarks == []
    _made_elsewhere(study.scale("seeded").design.sweep.cells[0].sealed(out), commit="fff", device="a CPU")
    (remark,) = _run(study, "seeded", out).remarks
    assert remark.startswith("The runs were not all made alike: commits ")
    assert "fff" in remark
    assert "devices" in remark
    assert summarise(study, "seeded", out).remarks == [remark]


def _two_chunks(study):
    scale = study.scale("seeded")
    (cell,) = scale.design.sweep.cells
    sweep = replace(scale.design.sweep, cells=[cell, replace(cell, seeds=range(3, 6))])
    return replace(scale, design=replace(scale.design, sweep=sweep))


def test_a_chunk_that_does_not_say_how_it_was_made_is_remarked(tmp_path):
    """As a sweep of the package's own problems had them before; a person's own is computed again."""
    sweep = studies.find()["kernel-game"]
    _run(sweep, "smoke", tmp_path)
    tables = sweep.scale("smoke").design.sweep.cells[0].sealed(tmp_path)
    tables.write({"outcomes": tables.read("outcomes")})
    (remark,) = _run(sweep, "smoke", tmp_path).remarks
    assert "unknown" in remark
    study = own_study(tmp_path, "1 + seed")
    _run(study, "seeded", tmp_path / "own")
    tables = _index(study, tmp_path / "own")
    tables.write({"outcomes": tables.read("outcomes")})
    assert study.scale("seeded").design.work(tmp_path / "own", "").missing


def _elsewhere(monkeypatch):
    from paripassu.protocol import runner

    def made(*given):
        return replace(real(*given), commit="fff", device="another CPU")

    real = runner.environment
    monkeypatch.setattr(runner, "environment", made)


@pytest.mark.parametrize("kind", ["sweep", "comparison"])
def test_a_call_that_computes_nothing_keeps_the_environment(tmp_path, monkeypatch, kind):
    study, scale, out = own_study(tmp_path, "1 + seed"), "seeded", tmp_path / "out"
    if kind == "comparison":
        study, scale = tiny_study(), "untuned"
    first = _run(study, scale, out, command="first")
    _elsewhere(monkeypatch)
    for result in (_run(study, scale, out, command="second"), summarise(study, scale, out)):
        assert result.environment == first.environment
        assert load(out / STUDY_FILE, StudyResult).environment == first.environment


def test_a_call_that_computes_something_has_its_own_environment(tmp_path, monkeypatch):
    study, out = own_study(tmp_path, "1 + seed"), tmp_path / "out"
    _run(study, "seeded", out, command="first")
    _index(study, out).index.unlink()
    _elsewhere(monkeypatch)
    result = _run(study, "seeded", out, command="second")
    assert (result.environment.command, result.environment.commit) == ("second", "fff")
