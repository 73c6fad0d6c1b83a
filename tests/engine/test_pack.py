"""Packs give a study the results that it has run by run."""

from pathlib import Path

import pytest
import torch
from tests.cases.bits import left_by
from tests.cases.studies import Here, tiny_study

from paripassu.engine import LocalEngine, PackEngine
from paripassu.protocol import run_study
from paripassu.train import Pack


class _Dealt(Here):
    """An engine with room for two packs, which counts what it is given."""

    at_once = 2

    def __init__(self):
        self.given = []

    def execute(self, function, tasks, /):
        self.given += [len(hand.tasks) for hand in tasks]
        return super().execute(function, tasks)


def _left(out: Path) -> dict[Path, object]:
    return {path.relative_to(out): left_by(path) for path in out.glob("runs/*/*/*")}


def test_a_packed_study_is_as_one_run_by_run(tmp_path):
    """Its trials, its finalists and its confirmation are packs, dealt to both places."""
    dealt, told = _Dealt(), []
    alone = run_study(tiny_study(), "smoke", tmp_path / "alone", engine=Here())
    packed = run_study(
        tiny_study(), "smoke", tmp_path / "packed", engine=PackEngine(dealt, Pack(2), told.append)
    )
    assert packed.games == alone.games
    assert _left(tmp_path / "packed") == _left(tmp_path / "alone")
    assert (dealt.given, told) == ([3, 3, 4, 4, 3, 3], [])


@pytest.mark.usefixtures("quick_workers")
def test_packs_run_in_processes(tmp_path):
    run_study(tiny_study(), "untuned", tmp_path / "alone", engine=Here())
    result = run_study(
        tiny_study(), "untuned", tmp_path / "packed", engine=PackEngine(LocalEngine(1), Pack(3)), minutes=5
    )
    assert result.finished
    assert _left(tmp_path / "packed") == _left(tmp_path / "alone")


def test_a_run_without_memory_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("paripassu.train.loop.step", full)
    with pytest.raises(
        RuntimeError, match=r"runs/ring8/.*: the GPU has too little memory .*; complete resul"
    ):
        run_study(tiny_study(), "untuned", tmp_path, engine=PackEngine(Here(), Pack(2)))


def test_tasks_that_train_nothing_are_done_one_by_one():
    assert list(PackEngine(Here(), Pack(2)).execute(abs, [-1, 2])) == [(-1, 1), (2, 2)]


def test_a_pack_counts_for_as_many_tasks():
    assert PackEngine(LocalEngine(2), Pack(8)).at_once == 16
    assert PackEngine(LocalEngine(2), Pack("auto")).at_once == 2
