"""Local processes do every task once, report errors, and leave nothing running."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from tests.cases.processes import started

from paripassu.engine import LocalEngine
from paripassu.files import NotAFileError


def _square(number: int) -> tuple[int, int]:
    return number**2, torch.get_num_threads()


def _visible(_: int) -> str:
    time.sleep(0.5)  # so that every process gets some
    return os.environ.get("CUDA_VISIBLE_DEVICES", "")


def _fail(number: int) -> int:
    raise ValueError(f"task {number} cannot be done")


def _die(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


class ParticularError(Exception):
    """Pickled as its text alone, which is not what it is made from."""

    def __init__(self, number: int, *, unit: str) -> None:
        super().__init__(f"{number} {unit}")


def _fail_particularly(number: int) -> int:
    if number == 0:
        raise NotAFileError("run.json", "a named pipe")
    raise ParticularError(number, unit="kg")


def _fail_beside_others(number: int) -> int:
    if number:
        time.sleep(60)
    raise ValueError("first")


def test_every_task_is_done_once_on_one_thread():
    assert sorted(LocalEngine(2).execute(_square, range(7))) == [(n, (n**2, 1)) for n in range(7)]
    assert list(LocalEngine(2).execute(_square, [])) == []


@pytest.mark.parametrize(("named", "seen"), [("", {"0", "1"}), ("4,7", {"4", "7"})])
@pytest.mark.usefixtures("quick_workers")
def test_each_worker_sees_one_gpu(named, seen, monkeypatch):
    """Two GPUs with room for one task each give two processes, and each sees one GPU."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert {gpu for _, gpu in LocalEngine(4, gpus=0.6).execute(_visible, range(4))} == seen


def test_missing_gpus_raise(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="no GPU on this machine"):
        list(LocalEngine(gpus=0.5).execute(_visible, [0]))
    with pytest.raises(ValueError, match=r"gpus must be in \[0, 1\], got 2"):
        LocalEngine(gpus=2)


@pytest.mark.usefixtures("quick_workers")
def test_an_error_in_a_task_reaches_the_caller():
    with pytest.raises(ValueError, match="task 3 cannot be done"):
        list(LocalEngine(1).execute(_fail, [3]))


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize(
    ("task", "kind", "message"),
    [
        (0, NotAFileError, "run.json is a named pipe, not a file"),
        (3, RuntimeError, "ParticularError: 3 kg"),
    ],
)
def test_an_error_that_is_pickled_as_its_text_is_no_killed_worker(task, kind, message):
    with pytest.raises(kind, match=message):
        list(LocalEngine(1).execute(_fail_particularly, [task]))


@pytest.mark.usefixtures("quick_workers")
def test_processes_that_are_not_its_own_outlive_an_engine():
    other = started(time.sleep, 60)
    try:
        with pytest.raises(ValueError, match="first"):
            list(LocalEngine(2).execute(_fail_beside_others, [0, 1]))
        other.join(timeout=1)
        assert other.is_alive()
    finally:
        other.terminate()


@pytest.mark.usefixtures("quick_workers")
def test_a_killed_worker_raises():
    with pytest.raises(RuntimeError, match="was killed"):
        list(LocalEngine(1).execute(_die, [0]))


def test_at_least_one_worker():
    with pytest.raises(ValueError, match="workers must be >= 1, got 0"):
        LocalEngine(0)


_SLEEPERS = """
import os, sys, time
from pathlib import Path
from paripassu.engine import LocalEngine

def sleep(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(120)

if __name__ == "__main__":
    workers = int(sys.argv[2])
    list(LocalEngine(workers).execute(sleep, [sys.argv[1]] * workers))
"""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_as_many_workers_as_usable_cores():
    """A separate process runs this, because it stays on one core."""
    script = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from paripassu.records import usable_cores; print(usable_cores())"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"1\n"


def test_an_interrupt_while_workers_start_ends_the_program(tmp_path):
    """It reaches all processes of the terminal, also those that still import torch."""
    script = tmp_path / "sleepers.py"
    ready = "if __name__ != '__main__':\n    (Path(sys.argv[1]) / 'starting').touch()\n"
    head, _, tail = _SLEEPERS.partition("from paripassu")
    script.write_text(f"{head}{ready}from paripassu{tail}")
    command = [sys.executable, str(script), str(tmp_path), "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "starting").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert message.decode().rstrip().endswith("KeyboardInterrupt")
    assert "was killed" not in message.decode()


@pytest.mark.parametrize(("how", "workers"), [(signal.SIGINT, 2), (signal.SIGKILL, 1)])
def test_workers_die_with_the_program(tmp_path, how, workers):
    """The program is interrupted and ends each of them, or is killed and each sees that by itself."""
    script = tmp_path / "sleepers.py"
    script.write_text(_SLEEPERS)
    marks = tmp_path / "marks"
    marks.mkdir()
    command = [sys.executable, str(script), str(marks), str(workers)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 180
    while len(list(marks.iterdir())) < workers and time.monotonic() < deadline:
        time.sleep(0.05)
    pids = [int(mark.name) for mark in marks.iterdir()]
    assert len(pids) == workers
    process.send_signal(how)
    process.wait(timeout=30)
    while any(map(_is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_alive, pids))
