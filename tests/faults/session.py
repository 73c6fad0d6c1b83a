"""Many trials on some processes, and the table of their outcomes."""

import json
import os
import platform
import queue
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.faults import shim
from tests.faults.vocabulary import Outcome

ROOT = Path(__file__).parents[2]
MARK = "<!-- What follows is written by make test-faults. -->"
PER_SEED = 10**6  # numbers of one seed's trials
_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600}
_COLUMNS = ("recovered", "refused", "without effect", "wrong")


@dataclass(frozen=True)
class Budget:
    """How much is tried: seconds, or trials where ``seconds`` is None."""

    seconds: float | None
    trials: int

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Of ``90s``, ``10min``, ``1h``, or a number of trials.

        Example:
            >>> Budget.parse("10min").seconds
            600.0
        """
        found = re.fullmatch(r"([0-9.]+)(s|m|min|h)?", text)
        if not found:
            raise ValueError(f"a budget is 90s, 10min, 1h, or a number of trials, got {text!r}")
        number, unit = found.groups()
        return cls(float(number) * _UNITS[unit], 0) if unit else cls(None, int(number))


def numbers(seed: int) -> Iterator[int]:
    """The numbers of a seed's trials, in their order; those of two seeds differ."""
    from tests.faults.schedule import rounds

    size = len(rounds())
    first = seed * PER_SEED // size * size  # every seed begins with a whole round
    return iter(range(first, first + PER_SEED - size))


def run(
    chosen: Iterator[int],
    budget: Budget,
    library: Path,
    *,
    workers: int | None = None,
    heard: Callable[[Outcome], object] = lambda _: None,
) -> list[Outcome]:
    """Do trials until the budget is spent.

    Args:
        chosen: the trials' numbers.
        budget: how many, or for how long.
        library: the compiled shim.
        workers: processes; as many as cores without it.
        heard: called with each outcome.

    Raises:
        AssertionError: the laboratory itself failed.
    """
    outcomes: list[Outcome] = []
    answers: queue.Queue[dict | Exception] = queue.Queue()
    share, begun, over = _Share(chosen), time.monotonic(), threading.Event()

    def next_number(worker: int) -> int | None:
        if over.is_set():
            return None
        spent = time.monotonic() - begun
        if (spent > budget.seconds) if budget.seconds is not None else (share.given >= budget.trials):
            return None
        return share.next_for(worker)

    def serve(worker: int) -> None:
        try:
            with _worker(library) as process:
                while (number := next_number(worker)) is not None:
                    process.stdin.write(f"{number}\n")
                    process.stdin.flush()
                    line = process.stdout.readline()
                    answers.put(
                        json.loads(line) if line else {"number": number, "failed": "its process died"}
                    )
                    if not line:
                        return
                process.stdin.close()
                process.wait()
        except Exception as error:
            answers.put(error)

    threads = [threading.Thread(target=serve, args=(n,)) for n in range(workers or os.cpu_count() or 1)]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads) or not answers.empty():
            try:
                answer = answers.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(answer, Exception):
                raise answer
            if "failed" in answer:
                raise AssertionError(f"the laboratory failed at trial {answer['number']}: {answer['failed']}")
            outcomes.append(Outcome(**answer))
            heard(outcomes[-1])
    finally:
        over.set()  # after a failure no worker begins another trial
    return sorted(outcomes, key=lambda outcome: outcome.number)


class _Share:
    """Gives each process the next trial, of scenarios that it has prepared if there is one near."""

    _AHEAD = 60

    def __init__(self, chosen: Iterator[int]) -> None:
        self.given = 0
        self._chosen, self._pending = chosen, list[int]()
        self._owners: dict[str, int] = {}
        self._lock = threading.Lock()

    def next_for(self, worker: int) -> int | None:
        """The number of the next trial; None after the last."""
        from tests.faults.schedule import stratum_of

        with self._lock:
            self._pending += islice(self._chosen, self._AHEAD - len(self._pending))
            if not self._pending:
                return None
            scenarios = [stratum_of(number).scenario.name for number in self._pending]
            own = (n for n, name in enumerate(scenarios) if self._owners.get(name, worker) == worker)
            place = next(own, 0)
            self._owners.setdefault(scenarios[place], worker)
            self.given += 1
            return self._pending.pop(place)


def _worker(library: Path) -> subprocess.Popen:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
    # A child may then go on in another locale; nothing of a person's own cache is touched.
    same = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "0", "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | one | same | {"PYTHONPATH": paths, "LD_PRELOAD": str(library)}
    for name in ("PARIPASSU_TRACEBACK", "PARIPASSU_CACHE"):
        environment.pop(name, None)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )


def table(outcomes: list[Outcome]) -> str:
    """Counts by scenario and kind of injection, in Markdown."""
    lines = ["| scenario | injection | injected | recovered | refused | without effect | wrong |"]
    lines += ["|---|---|---|---|---|---|---|"]
    pairs = dict.fromkeys((outcome.scenario, outcome.kind) for outcome in outcomes)
    order = {scenario: place for place, scenario in enumerate(dict.fromkeys(s for s, _ in pairs))}
    counts = {pair: Counter(o.name for o in outcomes if (o.scenario, o.kind) == pair) for pair in pairs}
    for scenario, kind in sorted(pairs, key=lambda pair: order[pair[0]]):
        lines.append(_row(scenario, kind, counts[scenario, kind]))
    return "\n".join([*lines, _row("**all**", "", Counter(outcome.name for outcome in outcomes))])


def _row(scenario: str, kind: str, count: Counter) -> str:
    cells = [
        scenario,
        kind,
        f"{count.total():,}",
        *(f"{count[name]:,}" if count[name] else "" for name in _COLUMNS),
    ]
    return f"| {' | '.join(cells)} |"


def circumstances(seed: int, seconds: float) -> str:
    """Date, commit, machine, seed, in a table of two columns."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    import torch

    rows = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit,
        "machine": f"{os.cpu_count()} cores of {_processor()}, {platform.system()}",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}",
        "seed": str(seed),
        "time": f"{seconds / 60:.0f} minutes",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "a processor")


def library_in(folder: Path) -> Path | None:
    """The compiled shim; None where it cannot be made or used."""
    return shim.build(folder) if sys.platform == "linux" else None
