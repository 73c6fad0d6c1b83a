"""The script for some minutes of a GPU, with a double of Python that takes its arguments and its time."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "on_gpu.sh"

# It writes its arguments down. A step whose name is in $SLOW takes ten seconds, one in $BAD fails.
DOUBLE = """#!/usr/bin/env bash
echo "$*" >>"$CALLS"
for word in "$@"; do
  [[ " ${SLOW:-} " == *" $word "* ]] && exec sleep 10
  [[ " ${BAD:-} " == *" $word "* ]] && exit 3
done
exit 0
"""
STEPS = ["tests", "optim", "train", "grafting", "pasted"]


@pytest.fixture
def on_gpu(tmp_path):
    """Runs the script; returns its exit code, what each step came to, and the calls of Python."""
    python, calls = tmp_path / "python", tmp_path / "calls"
    python.write_text(DOUBLE)
    python.chmod(0o755)
    (tmp_path / "batches").mkdir()
    (tmp_path / "batches" / "data_batch_1.bin").touch()

    def run(*arguments: str, **more: str) -> tuple[int, dict[str, str], list[str], str]:
        given = {"PYTHON": str(python), "CALLS": str(calls), "CIFAR10": str(tmp_path / "batches")}
        calls.write_text("")
        done = subprocess.run(
            [str(SCRIPT), *arguments],
            env=os.environ | given | more,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()[:-1]]
        came_to = {name: words for name, _, _, words in lines}
        return done.returncode, came_to, calls.read_text().splitlines(), done.stderr

    return run


def test_steps_come_in_order_with_all_their_options(on_gpu, tmp_path):
    out = tmp_path / "out"
    code, came_to, calls, _ = on_gpu(str(out), "10")
    assert (code, list(came_to), {*came_to.values()}) == (0, STEPS, {"done"})
    work = [call for call in calls if call.startswith("-m")]
    assert [call.split()[1] for call in work] == ["pytest", *["paripassu"] * 4]
    assert all("--device cuda" in call for call in work[1:])
    assert all(f"--data cifar10={tmp_path / 'batches'}" in call for call in work[3:])
    assert all("--pack auto" in call for call in work[3:])
    assert [line.split()[0] for line in (out / "summary.txt").read_text().splitlines()] == STEPS
    assert all((out / f"{step}.log").exists() for step in STEPS)


@pytest.mark.parametrize(
    ("code", "pack", "expected", "asked"),
    [
        (0, "", "--run-gpus", ["-d", "quit"]),
        (1, "", "--pack auto", ["-d"]),
        (0, "4", "--pack 4", []),
    ],
    ids=["a service", "one that fails", "packs"],
)
def test_runs_share_the_gpu_by_the_service_where_there_is_one(code, pack, expected, asked, on_gpu, tmp_path):
    (tmp_path / "bin").mkdir()
    service = tmp_path / "bin" / "nvidia-cuda-mps-control"
    service.write_text(f'#!/usr/bin/env bash\necho "${{1:-$(cat)}}" >>"{tmp_path}/asked"\nexit {code}\n')
    service.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    _, came_to, calls, _ = on_gpu(str(tmp_path / "out"), "10", PATH=path, PACK=pack)
    assert {*came_to.values()} == {"done"}
    assert all(expected in call for call in calls if "study run" in call)
    said = tmp_path / "asked"
    assert (said.read_text().split() if said.exists() else []) == asked


def test_a_slow_step_ends_with_its_share_and_the_next_begins(on_gpu, tmp_path):
    """Of six seconds the tests have 20 %, and what they leave belongs to the next."""
    code, came_to, *_ = on_gpu(str(tmp_path / "out"), "0.1", SLOW="pytest optim")
    assert (code, came_to["tests"], came_to["optim"]) == (0, "out of time", "out of time")
    assert came_to["train"] == came_to["pasted"] == "done"


def test_steps_without_time_are_skipped_with_a_word(on_gpu, tmp_path):
    code, came_to, calls, _ = on_gpu(str(tmp_path / "out"), "0.017")
    assert (code, list(came_to)) == (0, STEPS)
    assert came_to["tests"] == came_to["train"] == "skipped: no time is left"
    assert not any("pytest -q" in call for call in calls)


def test_a_failing_step_does_not_end_the_others(on_gpu, tmp_path):
    code, came_to, *_ = on_gpu(str(tmp_path / "out"), "10", BAD="train")
    assert code == 1
    assert came_to.pop("train") == "FAILED with exit code 3, see train.log"
    assert {*came_to.values()} == {"done"}


def test_packed_images_are_unpacked_once_and_removed(on_gpu, tmp_path):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "load_cifar10.py").touch()
    code, _, calls, _ = on_gpu(str(tmp_path / "out"), "10", CIFAR10=str(tmp_path / "packed"))
    unpacking = [call.split() for call in calls if "load_cifar10.py" in call]
    (where,) = {call[-1] for call in unpacking}
    assert (code, len(unpacking)) == (0, 1)
    assert all(f"cifar10={where}" in call for call in calls if "study run" in call)
    assert not Path(where).exists()
    assert not list((tmp_path / "out").rglob("data_batch*"))


@pytest.mark.parametrize(
    ("images", "why"),
    [("", "CIFAR10 names no folder"), ("empty", "has neither data_batch_1.bin nor load_cifar10.py")],
)
def test_without_images_there_are_no_studies(images, why, on_gpu, tmp_path):
    (tmp_path / "empty").mkdir()
    code, came_to, calls, _ = on_gpu(str(tmp_path / "out"), "10", CIFAR10=images and str(tmp_path / images))
    assert (code, came_to["train"]) == (0, "done")
    assert came_to["grafting"].endswith(why)
    assert came_to["pasted"].endswith(why)
    assert not any("study" in call for call in calls)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "usage: tools/on_gpu.sh OUT MINUTES"),
        (("out", "soon"), "MINUTES is a number such as 10 or 0.5, not 'soon'"),
        (("out", "0"), "MINUTES must be at least a second, got 0"),
        (("full", "10"), "is not empty: name a new folder"),
        (("full/file", "10"), "is a file: name a new folder"),
    ],
)
def test_wrong_use_is_one_sentence_and_writes_nothing(arguments, sentence, on_gpu, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    where, *rest = arguments or [""]
    code, came_to, calls, said = on_gpu(*([str(tmp_path / where), *rest] if where else []))
    assert (code, came_to, calls) == (2, {}, [])
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_machine_without_a_gpu_is_refused(on_gpu, tmp_path):
    no_gpu = "import torch; raise SystemExit(not torch.cuda.is_available())"
    code, came_to, calls, said = on_gpu(str(tmp_path / "out"), "10", BAD=no_gpu)
    assert (code, came_to, len(calls)) == (2, {}, 1)
    assert "torch sees no GPU here: TINY=1 tries the script on a CPU" in said
    assert not (tmp_path / "out").exists()


def test_in_a_trial_whatever_is_not_done_fails(on_gpu, tmp_path):
    code, came_to, calls, _ = on_gpu(str(tmp_path / "out"), "10", TINY="1", CIFAR10="")
    assert (code, {*came_to.values()}) == (0, {"done"})
    assert not any("cuda" in call.replace("not cuda", "") for call in calls)
    code, came_to, *_ = on_gpu(str(tmp_path / "again"), "0.017", TINY="1")
    assert code == 1
