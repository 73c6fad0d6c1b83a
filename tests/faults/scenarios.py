"""What a person does with files, as small as it can be."""

import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.faults import shim
from tests.faults.child import RAISED, Answer
from tests.faults.trial import counted, counting, state_of
from tests.faults.vocabulary import Facts, Golden, Scenario

STEPS, STOP = 40, 26
TRAIN = shlex.split(
    "train --data ring --model mlp --width 8 --depth 1 --batch 8 --ema 0.9 --optimizer-g nsgd --lr-g 0.01 "
    f"--steps {STEPS} --eval-samples 64 --eval-every 20 --log-every 10 --probe-every 10 "
    "--checkpoint-every 10 --out run --quiet --json"
)
DIGITS = ["digits" if word == "ring" else word for word in TRAIN]  # an untrained ring's metrics are all 0
_STUDY = "from tests.cases.studies import tiny_study\n\nSTUDY = tiny_study()\n"
STUDY = ("study", "run", "study.py", "--scale", "smoke", "--out", "study", "--quiet", "--json")
SWEEP = shlex.split(
    "theory phase --d 60 --n-discriminator 4 --n-generator 3 --seeds 2 --lr-d 0.1 --lr-g 0.01 0.1 "
    "--steps 60 --fresh-seeds 2 --out sweep --quiet --json"
)
_VOLATILE = {"seconds", "environment", "sha256", "digest"}


def command(*words: str) -> int:
    """A command as a person types it; the units of studies are done in this process."""
    from paripassu.__main__ import main
    from paripassu.engine import LocalEngine

    sys.argv = ["paripassu", *words]
    LocalEngine.execute = lambda _, function, tasks: ((task, function(task)) for task in tasks)
    return main(list(words))


second_dies_after: float = 0.0
"""Seconds after which the second of two processes is killed; 0 for never."""


def two_processes(*words: str) -> int:
    """The command in two processes that train together, as torchrun starts them; one death ends both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "faults"}
    os.environ |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    if (second := os.fork()) == 0:
        shim.disarm()
        signal.setitimer(
            signal.ITIMER_REAL, second_dies_after
        )  # nothing waits for it, and it ends the process
        os.environ |= {"RANK": "1", "LOCAL_RANK": "1"}
        os._exit(_code(words))
    os.environ |= {"RANK": "0", "LOCAL_RANK": "0"}
    watching = threading.Thread(target=_die_with, args=(second,), daemon=True)
    watching.start()
    code = _code(words)
    if code:
        os.kill(second, signal.SIGKILL)
    watching.join()
    return code


def _die_with(second: int) -> None:
    """End this process as soon as the second one is killed, as torchrun does."""
    _, status = os.waitpid(second, 0)
    if os.waitstatus_to_exitcode(status) == -signal.SIGALRM:
        os.kill(os.getpid(), signal.SIGKILL)


def _code(words: Sequence[str]) -> int:
    try:
        return command(*words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return RAISED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


# States.


def new(_: Path) -> None:
    """Nothing is there."""


def after(words: Sequence[str], stop: int | None = None) -> Callable[[Path], None]:
    """A state that a command leaves, at its end or killed in the midst of a training's step ``stop``."""

    def make(folder: Path) -> None:
        def stopping() -> None:
            from paripassu.train import loop

            step, done = loop.step, 0

            def counted(*given: Any) -> Any:
                nonlocal done
                done += 1
                if done > stop:
                    os._exit(0)
                return step(*given)

            loop.step = counted

        answer = state_of(lambda: command(*words), folder, in_process=stopping if stop else lambda: None)
        assert answer.code == 0, answer

    return make


def without_end(folder: Path) -> None:
    """All is done but for the last record: what a kill leaves after the last checkpoint."""
    after(TRAIN)(folder)
    records = folder / "run" / "records.jsonl"
    lines = records.read_text().splitlines(keepends=True)
    assert '"End"' in lines[-1], lines[-1]
    records.write_text("".join(lines[:-1]))
    (folder / "run" / "records.parquet").unlink(missing_ok=True)
    shutil.rmtree(folder / "run" / "report", ignore_errors=True)


def half(words: Sequence[str]) -> Callable[[Path], None]:
    """A state that a kill at half of a command's system calls leaves."""

    def make(folder: Path) -> None:
        begun = set(folder.iterdir())
        assert state_of(lambda: counting(lambda: command(*words)), folder).code == 0
        total = sum(number for kind, number in counted(folder).items() if kind & shim.CHANGES)
        for path in set(folder.iterdir()) - begun:
            shutil.rmtree(path)
        kill = lambda: shim.arm(shim.KILL, total // 2)  # noqa: E731
        assert state_of(lambda: command(*words), folder, in_process=kill).is_killed

    return make


def with_study(make: Callable[[Path], None] = new) -> Callable[[Path], None]:
    """A state beside the file of a study."""

    def both(folder: Path) -> None:
        (folder / "study.py").write_text(_STUDY)
        make(folder)

    return both


# Facts.


def plain(value: Any) -> Any:
    """JSON without what differs between two runs of one thing."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in _VOLATILE}
    return [plain(item) for item in value] if isinstance(value, list) else value


def of_run(folder: Path) -> Facts:
    """A run's weights, records and pictures, and whether a kill's leftovers are there."""
    weights = {}
    last = max((folder / "checkpoints").glob("step-*"))
    for path in sorted(last.iterdir()):
        weights[path.name] = plain(json.loads(path.read_text())) if path.suffix == ".json" else digest(path)
    records = [plain(json.loads(line)) for line in (folder / "records.jsonl").read_text().splitlines()]
    return {
        "last checkpoint": last.name,
        "weights": weights,
        "records": records,
        "settings": plain(json.loads((folder / "run.json").read_text())),
        "pictures": {path.name: digest(path) for path in sorted((folder / "samples").glob("[!.]*"))},
        "leftovers": leftovers(folder),
    }


def page(folder: Path) -> Facts:
    """Whether a page is whole."""
    html = (folder / "report" / "index.html").read_text(encoding="utf-8")
    return {"page": html.rstrip().endswith("</html>")}


def leftovers(folder: Path) -> list[str]:
    """Files that a killed process made and nobody cleared."""
    hidden = (path for path in folder.rglob(".*") if path.name not in (".lock", ".holder"))
    return sorted(str(path.relative_to(folder)) for path in hidden)


def digest(path: Path) -> str:
    """A file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def train_facts(folder: Path, answer: Answer) -> Facts:
    return {"printed": json.loads(answer.out), **of_run(folder / "run"), **page(folder / "run")}


def _eval_facts(_: Path, answer: Answer) -> Facts:
    return {"printed": json.loads(answer.out)}


def _report_facts(of: str) -> Callable[[Path, Answer], Facts]:
    def facts(folder: Path, answer: Answer) -> Facts:
        html = (folder / of / "report" / "index.html").read_text(encoding="utf-8")
        return {"printed": answer.out, "page": hashlib.sha256(html.encode()).hexdigest(), "text": html}

    return facts


def _study_facts(folder: Path, answer: Answer) -> Facts:
    study = folder / "study"
    runs = {
        str(path.parent.relative_to(study)): [
            plain(json.loads(line)) for line in path.read_text().splitlines()
        ]
        for path in sorted(study.rglob("records.jsonl"))
    }
    result = plain(json.loads((study / "study.json").read_text()))
    return {
        "printed": plain(json.loads(answer.out)),
        "result": result,
        "runs": runs,
        "leftovers": leftovers(study),
        **page(study),
    }


def _sweep_facts(folder: Path, answer: Answer) -> Facts:
    sweep = folder / "sweep"
    return {
        "printed": plain(json.loads(answer.out)),
        "result": plain(json.loads((sweep / "study.json").read_text())),
        "tables": {path.name: digest(path) for path in sorted(sweep.glob("*.parquet"))},
        "chunks": {path.name: digest(path) for path in sorted((sweep / "chunks").glob("*.parquet"))},
        "leftovers": leftovers(sweep),
        **page(sweep),
    }


# What damage may hit.


def files(*patterns: str, but: Sequence[str] = ()) -> Callable[[Path], list[Path]]:
    """Files by pattern below the folder, without some names."""

    def targets(folder: Path) -> list[Path]:
        found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
        return sorted(path for path in found if path.name not in {".lock", ".holder", *but})

    return targets


# Checkpoints, records, settings and tables; pictures have no digest, and pages are written anew.
_RUN_FILES = files("run/run.json", "run/records.*", "run/checkpoints/**/*")


# What else is right.


def _says_the_checkpoint(golden: Golden, facts: Facts, answer: Answer, _: Path) -> bool:
    """An earlier checkpoint was measured, and the person was warned."""
    there, here = golden.facts["printed"]["step"], facts["printed"]["step"]
    return here != there and f"step-{there:09d}" in answer.err


def _says_in_remarks(golden: Golden, facts: Facts, _: Answer, __: Path) -> bool:
    """Nothing differs but that the result has a remark more."""
    before, now = dict(golden.facts), dict(facts)
    more = False
    for name in ("printed", "result"):
        here, there = dict(now[name]), dict(before[name])
        more |= len(here.pop("remarks")) > len(there.pop("remarks"))
        now[name], before[name] = here, there
    return more and now == before


def _says_damage(golden: Golden, facts: Facts, answer: Answer, _: Path) -> bool:
    """The page, or the command, says that something is damaged or missing."""
    words = (
        "damaged",
        "missing",
        "passed over",
        "lost or changed",
        "changed since",
        "Not finished",
        "leave this run out",
    )
    before = str(golden.facts["text"]) + golden.answer.err
    now = str(facts["text"]) + answer.err
    return any(now.count(word) > before.count(word) for word in words)


TRAINING = Scenario(
    "train",
    {"stopped": after(TRAIN, STOP), "new": new, "all but its end": without_end, "ended": after(TRAIN)},
    lambda: command(*TRAIN),
    train_facts,
    _RUN_FILES,
)
TOGETHER = Scenario(
    "train in two processes",
    {"stopped": after(TRAIN, STOP), "new": new},
    lambda: two_processes(*TRAIN),
    train_facts,
    _RUN_FILES,
)
EVALUATION = Scenario(
    "eval",
    {"ended": after(DIGITS)},
    lambda: command("eval", "run", "--quiet", "--json"),
    _eval_facts,
    _RUN_FILES,
    _says_the_checkpoint,
)
REPORT = Scenario(
    "report of a run",
    {"ended": after(DIGITS)},
    lambda: command("report", "run"),
    _report_facts("run"),
    files("run/run.json", "run/records.*"),
    _says_damage,
)
STUDYING = Scenario(
    "study",
    {"stopped": with_study(half(STUDY)), "new": with_study(), "ended": with_study(after(STUDY))},
    lambda: command(*STUDY),
    _study_facts,
    files("study/study.json", "study/**/run.json", "study/**/records.*", "study/**/checkpoints/**/*"),
    _says_in_remarks,
)
STUDY_REPORT = Scenario(
    "report of a study",
    {"ended": with_study(after(STUDY))},
    lambda: command("report", "study"),
    _report_facts("study"),
    files("study/study.json", "study/**/run.json", "study/**/records.*"),
    _says_damage,
)
SWEEPING = Scenario(
    "sweep",
    {"stopped": half(SWEEP), "new": new, "ended": after(SWEEP)},
    lambda: command(*SWEEP),
    _sweep_facts,
    files("sweep/study.json", "sweep/*.parquet", "sweep/chunks/*"),
    _says_in_remarks,
)
SWEEP_REPORT = Scenario(
    "report of a sweep",
    {"ended": after(SWEEP)},
    lambda: command("report", "sweep"),
    _report_facts("sweep"),
    files("sweep/study.json", "sweep/*.parquet"),
    _says_damage,
)
