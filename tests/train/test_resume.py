"""Whatever stops a run, going on ends where an undisturbed run ends, bit by bit."""

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.cases.processes import started

from paripassu.records import End
from paripassu.records.checkpoints import checkpoints
from paripassu.records.codec import read_records
from paripassu.train import Run, train


def _train_slowly(run: Run, folder: Path) -> None:
    """In a process of its own, slowly enough to be caught in the act."""
    train(run, folder, progress=lambda _: time.sleep(0.05))


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in another number of threads round otherwise: every process here uses one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _final_bytes(folder: Path) -> dict[str, bytes]:
    last = checkpoints(folder)[-1]
    return {path.name: path.read_bytes() for path in last.iterdir() if path.suffix in {".safetensors", ".pt"}}


def _without_times(folder: Path) -> list:
    return [r for r in read_records(folder / "records.jsonl") if not isinstance(r, End)]


@pytest.fixture(params=["points", "images", "fast images", "styles"])
def run(request):
    if request.param == "fast images":
        return replace(request.getfixturevalue("images"), precision="bf16", channels_last=True)
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A function of a run that trains it to its end, once, and gives the folder."""
    folders: dict[str, Path] = {}

    def trained(run: Run) -> Path:
        if repr(run) not in folders:
            folder = tmp_path_factory.mktemp("undisturbed")
            train(run, folder)
            folders[repr(run)] = folder
        return folders[repr(run)]

    return trained


def test_a_run_killed_mid_way_resumes_bit_exactly(run, undisturbed, tmp_path):
    killed = tmp_path / "killed"
    process = started(_train_slowly, run, killed)
    deadline = time.monotonic() + 60
    # Past the first checkpoint after the start, and past records that the checkpoint does not know of.
    while len(checkpoints(killed)) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.03)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "the run ended before it could be killed"

    train(run, killed)
    assert _final_bytes(killed) == _final_bytes(undisturbed(run))
    assert _without_times(killed) == pytest.approx(_without_times(undisturbed(run)), nan_ok=True)


class _Stopped(Exception):
    pass


def _train_until(run, folder: Path, stop: int) -> None:
    def progress(step: int) -> None:
        if step == stop:
            raise _Stopped

    with pytest.raises(_Stopped):
        train(run, folder, progress=progress)


@pytest.mark.parametrize("stop", [0, 1, 9, 10, 11, 39, 40])
def test_any_step_is_a_good_place_to_stop(points, undisturbed, tmp_path, stop):
    _train_until(points, tmp_path, stop)
    train(points, tmp_path)
    assert _final_bytes(tmp_path) == _final_bytes(undisturbed(points))
    assert _without_times(tmp_path) == _without_times(undisturbed(points))


def test_batches_gathered_ahead_are_the_same_after_a_stop(images, tmp_path, monkeypatch):
    monkeypatch.setattr("paripassu.data.source.fits", lambda *_: False)
    train(images, tmp_path / "undisturbed")
    _train_until(images, tmp_path / "stopped", 4)
    train(images, tmp_path / "stopped")
    assert _final_bytes(tmp_path / "stopped") == _final_bytes(tmp_path / "undisturbed")


def test_a_full_disk_leaves_what_was_complete(points, undisturbed, tmp_path, monkeypatch):
    folder = tmp_path / "run"

    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.suffix != ".safetensors":
            return write(path, content)
        write(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device", str(path))

    _train_until(points, folder, 15)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            train(points, folder)
    assert [path.name for path in sorted((folder / "checkpoints").iterdir())] == [
        "step-000000000",
        "step-000000010",
    ]
    train(points, folder)
    assert _final_bytes(folder) == _final_bytes(undisturbed(points))
