"""A sweep with a limit of time begins a chunk only if it is expected to end in time."""

from dataclasses import dataclass

import pytest
from tests.cases.studies import Here

from paripassu.protocol import Judgement, Scale, Study, run_study
from paripassu.protocol.sweeps import PlayedSweep, SeededCell, SweepDesign
from paripassu.protocol.sweeps.batch import expected_seconds


class Clock:
    """Stands still but for `Slow` systems."""

    now = 0.0

    def time(self):
        return self.now

    monotonic = time


CLOCK = Clock()


@dataclass(frozen=True)
class Slow:
    """A run of ``steps`` seconds."""

    lr: float = 0.1
    steps: int = 10

    def measure(self, seed):
        CLOCK.now += self.steps
        return {"seed of it": seed}


CELLS = [SeededCell("toy", f"arm {n}", Slow(), [0]) for n in range(4)]
STUDY = Study(
    "slow", "How?", "So.", "None.",
    {"all": Scale(SweepDesign(PlayedSweep(CELLS), lambda *_: Judgement([])))},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(CLOCK, "now", 0.0)
    monkeypatch.setattr("paripassu.protocol.sitting.time", CLOCK)
    monkeypatch.setattr("paripassu.protocol.sweeps.batch.time", CLOCK)


def _run(out, seconds):
    began = CLOCK.now
    result = run_study(STUDY, "all", out, engine=Here(), minutes=seconds / 60)
    return result.finished, CLOCK.now - began


@pytest.mark.parametrize(("seconds", "used"), [(20.5, 20), (29.5, 20), (30.5, 30), (5.0, 10)])
def test_no_chunk_is_begun_that_would_not_end_in_time(tmp_path, seconds, used):
    """But for the first, whose time nobody knows."""
    assert _run(tmp_path, seconds) == (False, used)


def test_the_same_command_goes_on(tmp_path):
    assert _run(tmp_path, 25.0) == (False, 20)
    assert _run(tmp_path, 25.0) == (True, 20)
    assert _run(tmp_path, 25.0) == (True, 0)


def test_a_time_too_short_for_any_chunk_is_refused(tmp_path):
    _run(tmp_path, 5.0)
    with pytest.raises(ValueError, match=r"minutes are too short: a run takes about 0\.17 here"):
        _run(tmp_path, 5.0)


def test_the_time_of_a_chunk_is_that_of_its_condition_or_of_all(tmp_path):
    _run(tmp_path, 5.0)
    of_all = SeededCell("another", "arm", Slow(steps=1), [0])
    assert expected_seconds([of_all, CELLS[0]], tmp_path) == [1.0, 10.0]
    (index,) = (tmp_path / "chunks").glob("*.json")
    tables = CELLS[0].sealed(tmp_path)
    frames, made = {"outcomes": tables.read("outcomes")}, dict(tables.made())
    of_all.sealed(tmp_path).write(frames, made | {"seconds": 5.0, "steps": 1})
    assert expected_seconds([of_all, CELLS[0]], tmp_path) == [5.0, 10.0]
    index.write_bytes(b"")
    assert expected_seconds([of_all], tmp_path / "nowhere") == [None]
    assert expected_seconds([CELLS[0]], tmp_path) == [50.0]
