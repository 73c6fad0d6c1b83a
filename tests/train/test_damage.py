"""What is read back is proved whole first: damage is named and mended, or refused, and never used."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.cases import runs
from tests.cases.strange_files import STRANGE, put

from paripassu.evidence.tables import run_ends
from paripassu.files import file_digest, sealed
from paripassu.records import End
from paripassu.records.checkpoints import SET_ASIDE, checkpoints, damage
from paripassu.records.codec import read_records
from paripassu.report.run import write_run_page
from paripassu.train import evaluate, load_run, train


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


RUN = replace(
    runs.points(), steps=6, batch=8, eval_samples=10, log_every=2, probe_every=2, eval_every=3,
    checkpoint_every=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ended") / "run"
    train(RUN, folder)
    return folder


class _Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Stopped at step 5, with checkpoints of steps 2 and 4."""

    def progress(step: int) -> None:
        if step == 5:
            raise _Stopped

    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(_Stopped):
        train(RUN, folder, progress=progress)
    return folder


@pytest.fixture
def folder(request, tmp_path):
    """A copy of a run to damage."""
    source = request.getfixturevalue(request.param)
    shutil.copytree(source, tmp_path / "run", ignore=shutil.ignore_patterns("records.parquet*"))
    return tmp_path / "run"


def _weights(folder: Path) -> dict[str, str]:
    last = checkpoints(folder)[-1]
    assert last.name == "step-000000006"
    return {path.name: file_digest(path) for path in last.iterdir() if path.suffix in {".safetensors", ".pt"}}


def _records(folder: Path) -> list[str]:
    return [repr(r) for r in read_records(folder / "records.jsonl") if not isinstance(r, End)]


def _flip(path: Path, place: int = -1, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= bit
    path.write_bytes(data)


def _edit(**changes):
    """A change of the index that a person or a program could make, without its digest."""

    def edit(last: Path) -> None:
        path = last / "checkpoint.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


def _text(text: str):
    return lambda last: (last / "checkpoint.json").write_text(text)


DAMAGE = {
    "a bit of the weights": lambda last: _flip(last / "generator.safetensors"),
    "a bit of the optimizers": lambda last: _flip(last / "optimizers.pt", 100),
    "weights cut short": lambda last: os.truncate(last / "discriminator.safetensors", 40),
    "weights lost": lambda last: (last / "averaged.safetensors").unlink(),
    "optimizers lost": lambda last: (last / "optimizers.pt").unlink(),
    "index lost": lambda last: (last / "checkpoint.json").unlink(),
    "index empty": _text(""),
    "index of nothing": _text("null"),
    "index a list": _text("[]"),
    "index too deep": _text("[" * 100_000),
    "another step": _edit(step=3),
    "the last step": _edit(step=6),
    "a later step": _edit(step=70),
    "no digests": _edit(files={}),
    "digests a list": _edit(files=[]),
    "other networks": _edit(networks={"name": "mlp"}),
    "sealed without files": lambda last: _text(
        sealed({k: v for k, v in json.loads((last / "checkpoint.json").read_text()).items() if k != "sha256"}
               | {"files": {}})
    )(last),
    "renamed": lambda last: last.rename(last.with_name("step-000000009")),
    "a file in its place": lambda last: (shutil.rmtree(last), last.write_text("")),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("folder", ["stopped"], indirect=True)
def test_a_damaged_checkpoint_is_passed_over_and_said(folder, ended, name):
    DAMAGE[name](checkpoints(folder)[-1])
    notices = []
    end = train(RUN, folder, notice=notices.append)
    assert end.outcome == "finished"
    assert "is damaged: its " in notices[0]
    assert notices[-1].startswith("going on from step 2; what cannot be used is in ")
    assert _weights(folder) == _weights(ended)
    assert _records(folder) == _records(ended)
    assert not (folder / SET_ASIDE).exists()
    assert damage(folder) == []


@pytest.mark.parametrize("name", ["a bit of the weights", "index lost", "renamed", "another step"])
@pytest.mark.parametrize("folder", ["ended"], indirect=True)
def test_a_damaged_last_checkpoint_is_written_again(folder, ended, name):
    DAMAGE[name](checkpoints(folder)[-1])
    notices = []
    assert train(RUN, folder, notice=notices.append).outcome == "finished"
    assert "the run had ended, and its last checkpoint is missing or damaged: going on from step 4" in notices
    assert _weights(folder) == _weights(ended)
    assert _records(folder) == _records(ended)
    assert damage(folder) == []


@pytest.mark.parametrize("name", ["a bit of the weights", "index lost"])
@pytest.mark.parametrize("folder", ["ended"], indirect=True)
def test_eval_measures_no_other_step_under_the_runs_name(folder, name):
    DAMAGE[name](checkpoints(folder)[-1])
    with pytest.raises(ValueError, match=r"step-000000006 of .* is damaged \(its .*\): give the .* --step 4"):
        evaluate(RUN, folder)
    assert evaluate(RUN, folder, step=4)[0] == 4
    with pytest.raises(ValueError, match="no checkpoint of step 5: choose from 4, 6"):
        evaluate(RUN, folder, step=5)


@pytest.mark.parametrize("folder", ["ended"], indirect=True)
def test_an_ended_runs_missing_last_checkpoint_is_said_by_all(folder, ended):
    shutil.rmtree(checkpoints(folder)[-1])
    with pytest.raises(ValueError, match=r"step-000000006 of .* is damaged"):
        evaluate(RUN, folder)
    page = write_run_page(folder).read_text(encoding="utf-8")
    assert "The last checkpoint, step-000000006, is missing." in page
    train(RUN, folder)
    assert _weights(folder) == _weights(ended)
    assert "is missing" not in write_run_page(folder).read_text(encoding="utf-8")


def _without_final_metrics(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(line for line in lines if not (b"Metric" in line and b'"step": 6' in line))


LOST = {
    "emptied": lambda data: b"",
    "deleted": None,
    "cut to half": lambda data: data[: len(data) // 2],
    "a line lost": lambda data: data[data.index(b"\n") + 1 :],
    "a digit": lambda data: data.replace(b'"step": 2', b'"step": 3', 1),
    "no line": lambda data: b"null\n" + data,
    "final metrics lost": _without_final_metrics,
    "the end alone": lambda data: data.splitlines(keepends=True)[-1],
}


_HALF = [("stopped", name) for name in LOST if name != "final metrics lost"]  # they come at the end


@pytest.mark.parametrize(
    ("folder", "name"), [*_HALF, *(("ended", name) for name in LOST)], indirect=["folder"]
)
def test_lost_records_are_written_again(folder, ended, name):
    path = folder / "records.jsonl"
    data = path.read_bytes()
    lost = LOST[name](data) if LOST[name] else None
    if lost is None:
        path.unlink()
    else:
        path.write_bytes(lost)
    assert run_ends([folder]) == [None]
    notices = []
    assert train(RUN, folder, notice=notices.append).outcome == "finished"
    assert notices
    assert _weights(folder) == _weights(ended)
    assert _records(folder) == _records(ended)
    assert run_ends([folder])[0].finals == run_ends([ended])[0].finals
    assert damage(folder) == []


@pytest.mark.parametrize("folder", ["stopped"], indirect=True)
def test_without_a_whole_checkpoint_a_run_begins_anew_and_keeps_the_rest(folder, ended):
    for path in checkpoints(folder):
        _flip(path / "checkpoint.json", 20)

    def stop(step: int) -> None:
        raise _Stopped

    notices = []
    with pytest.raises(_Stopped):
        train(RUN, folder, notice=notices.append, progress=stop)
    assert notices[-1].startswith("beginning anew; what cannot be used is in ")
    kept = sorted(path.name for path in (folder / SET_ASIDE).iterdir())
    assert kept == ["records.jsonl", "step-000000002", "step-000000004"]
    train(RUN, folder)
    assert _weights(folder) == _weights(ended)
    assert not (folder / SET_ASIDE).exists()


@pytest.mark.parametrize("folder", ["ended"], indirect=True)
def test_a_damaged_header_is_named(folder):
    path = folder / "run.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    for act in (load_run, lambda f: train(RUN, f), lambda f: evaluate(RUN, f), write_run_page):
        with pytest.raises(
            ValueError, match=r"run\.json is corrupt or not a RunHeader: restore it or delete"
        ):
            act(folder)


@pytest.mark.parametrize("folder", ["ended"], indirect=True)
def test_the_page_says_what_is_damaged(folder):
    _flip(checkpoints(folder)[0] / "generator.safetensors")
    path = folder / "records.jsonl"
    path.write_bytes(_without_final_metrics(path.read_bytes()))
    page = write_run_page(folder).read_text(encoding="utf-8")
    for said in (
        "Checkpoint step-000000004 is damaged: its generator.safetensors was changed.",
        "The records before checkpoint step-000000006 were lost or changed.",
        "Finished after 6 generator updates, by records that were changed since.",
    ):
        assert said in page


@pytest.mark.parametrize("folder", ["stopped"], indirect=True)
def test_what_killed_processes_left_is_cleared(folder):
    leftovers = [
        folder / ".partial-999999999-run.json",
        folder / "checkpoints" / ".partial-999999999-step-000000006",
        folder / "samples" / f".partial-{os.getpid()}-000000003.png",
        folder / "samples" / ".partial-",
    ]
    leftovers[1].mkdir()
    (leftovers[1] / "generator.safetensors").write_bytes(bytes(100))
    for path in leftovers:
        path.is_dir() or path.touch()
    of_the_living = folder / f".partial-{os.getppid()}-run.json"
    of_the_living.touch()
    train(RUN, folder)
    assert not [path for path in leftovers if path.exists()]
    assert of_the_living.exists()


_OF_CHECKPOINT = ["checkpoint.json", "generator.safetensors", "discriminator.safetensors", "optimizers.pt"]


@pytest.mark.parametrize("name", _OF_CHECKPOINT)
@pytest.mark.parametrize("folder", ["stopped"], indirect=True)
def test_a_pipe_in_a_checkpoint_is_passed_over(folder, ended, name):
    put("a named pipe", checkpoints(folder)[-1] / name)
    notices = []
    assert train(RUN, folder, notice=notices.append).outcome == "finished"
    assert "is damaged: its " in notices[0]
    assert _weights(folder) == _weights(ended)
    assert damage(folder) == []


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", ["run.json", "records.jsonl"])
@pytest.mark.parametrize("folder", ["stopped"], indirect=True)
def test_what_is_no_file_is_named_by_all(folder, name, kind):
    put(kind, folder / name)
    for act in (lambda f: train(RUN, f), write_run_page, *[load_run] * (name == "run.json")):
        with pytest.raises(ValueError, match=rf"{name} is {kind}, not a file: remove it"):
            act(folder)


@pytest.mark.parametrize("source", ["stopped", "ended"])
def test_a_page_without_the_runs_settings_is_refused(source, request, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(request.getfixturevalue(source), folder)
    (folder / "run.json").unlink()
    with pytest.raises(ValueError, match=r"run\.json is missing, so that nothing says what this run was"):
        write_run_page(folder)
    assert not (folder / "report").exists()
