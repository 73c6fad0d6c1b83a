"""One trial: a fault meets a scenario, and what comes of it is judged."""

import json
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from tests.faults import shim
from tests.faults.child import Answer, in_child
from tests.faults.injections import contents
from tests.faults.schedule import Stratum, stratum_of
from tests.faults.vocabulary import Fault, Golden, Outcome, OutcomeName, Place, Scenario

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BOX = "╭─"  # tyro's
_EASE = 20  # times the undisturbed seconds, on a machine that does other things too


class LaboratoryError(AssertionError):
    """The laboratory itself is wrong: an undisturbed command did not succeed."""


def trial(number: int) -> Outcome:
    """Do the trial of this number; the same number is the same trial."""
    return meet(stratum_of(number), number)


def meet(stratum: Stratum, number: int) -> Outcome:
    """Let a scenario meet an injection; the number decides the rest."""
    rng = random.Random(str(number))  # text is mixed well, numbers next to each other are not
    scenario = stratum.scenario
    state = rng.choice(stratum.states)
    golden = undisturbed(scenario, state)
    folder = enter(scenario, state)
    fault = stratum.draw(Place(folder, scenario, golden, partial(template, scenario)), rng)
    if fault is None:
        name, why = "without effect", ""
    else:
        name, why = _judged(folder, scenario, state, fault, golden)
    words = fault.words if fault else "nothing to hit"
    return Outcome(number, scenario.name, stratum.kind, state, words, name, why)


def _judged(
    folder: Path, scenario: Scenario, state: str, fault: Fault, golden: Golden
) -> tuple[OutcomeName, str]:
    undamaged = golden
    if fault.expected is not None:
        golden = replace(golden, facts=fault.expected)
    damaged = {path: here for path, here in contents(folder).items() if path in fault.touched}
    missing = [path for path in fault.touched if path not in damaged]
    answer = _run(scenario, folder, golden, fault)
    if answer.code is None:
        return "wrong", f"hang: no end after {_limit(scenario, golden):.0f} s"
    if answer.is_killed and (fault.kill_after is not None or fault.must_recover):
        lost = shim.lose_unsynced(folder)
        again = _run(scenario, folder, golden)
        name, why = _compared(scenario, folder, again, golden)
        if name == "refused":
            name, why = "wrong", f"the same command refused after it: {why}"
        return name, f"{why}; lost {lost}" if why and lost else why
    name, why = _compared(scenario, folder, answer, golden)
    if name == "refused":
        if fault.must_recover:
            return "wrong", f"refused: {why}"
        if scenario.names_files and fault.touched and not _names_a_file(why, fault, folder):
            return "wrong", f"the sentence names no file: {why}"
        return _after_refusal(scenario, state, folder, fault, undamaged, why)
    if name == "recovered":
        if not fault.is_reached(answer):
            return "without effect", ""
        # A second look: damage that was passed over must not come back.
        again = _run(scenario, folder, golden)
        second, why = _compared(scenario, folder, again, golden)
        if second != "recovered":
            return "wrong", f"right at first; the same command again: {second}, {why}"
        still = contents(folder) if fault.touched else {}
        is_unmended = all(still.get(path) == here for path, here in damaged.items())
        is_unmended = is_unmended and not any(path in still for path in missing)
        if (
            fault.touched
            and not fault.is_input
            and is_unmended
            and _is_as_ever(scenario, folder, again, answer, golden)
        ):
            return "without effect", ""
    return name, why


def _is_as_ever(scenario: Scenario, folder: Path, again: Answer, answer: Answer, golden: Golden) -> bool:
    """Whether nothing at all was different from an undisturbed command."""
    return answer.err == golden.answer.err and scenario.facts(folder, again) == golden.facts


def _after_refusal(
    scenario: Scenario, state: str, folder: Path, fault: Fault, golden: Golden, sentence: str
) -> tuple[OutcomeName, str]:
    """Mend what was damaged, and give the command again: nothing may have been lost."""
    for path in fault.touched:
        original = template(scenario, state) / path.relative_to(folder)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.is_symlink() or path.exists():
            path.unlink()
        if original.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, path)
    name, why = _compared(scenario, folder, _run(scenario, folder, golden), golden)
    if name == "recovered":
        return "refused", sentence
    return "wrong", f"refused ({sentence}), and after the repair: {name}, {why}"


def _compared(scenario: Scenario, folder: Path, answer: Answer, golden: Golden) -> tuple[OutcomeName, str]:
    if answer.code is None:
        return "wrong", "hang"
    if answer.has_raised:
        return "wrong", "traceback: " + " | ".join(answer.err.strip().splitlines()[-3:])
    if control := _CONTROL.search(answer.out + answer.err):
        return "wrong", f"a control character reaches the terminal: {control.group()!r}"
    if answer.code != 0:
        if answer.code in (1, 2) and answer.sentence:
            return "refused", answer.sentence
        if answer.code == 2 and _BOX in answer.out + answer.err:
            return "refused", "by the parser of options"
        return "wrong", f"exit code {answer.code} without a sentence: {answer.err[-300:]!r}"
    try:
        facts = scenario.facts(folder, answer)
    except Exception as error:
        return "wrong", f"its results cannot be read: {type(error).__name__}: {error}"
    differing = [
        name for name in facts.keys() | golden.facts.keys() if facts.get(name) != golden.facts.get(name)
    ]
    if differing and not scenario.accepts(golden, facts, answer, folder):
        shown = "; ".join(
            f"{name}: {_short(golden.facts.get(name))} became {_short(facts.get(name))}"
            for name in sorted(differing)
        )
        return "wrong", f"another result without a word ({shown})"
    return "recovered", ""


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) < 120 else f"{text[:80]}... ({len(text)} characters)"


def _names_a_file(sentence: str, fault: Fault, folder: Path) -> bool:
    names = {part for path in fault.touched for part in path.relative_to(folder).parts}
    return any(name in sentence for name in names)


def _run(scenario: Scenario, folder: Path, golden: Golden | None, fault: Fault | None = None) -> Answer:
    def command() -> int:
        if fault:
            fault.in_child()
        return scenario.command()

    limit = _limit(scenario, golden)
    return in_child(command, folder, limit=limit, kill_after=fault.kill_after if fault else None)


def _limit(scenario: Scenario, golden: Golden | None) -> float:
    return max(scenario.limit, _EASE * golden.seconds) if golden else 10 * scenario.limit


@cache
def undisturbed(scenario: Scenario, state: str) -> Golden:
    """What a scenario gives from a state if nothing goes wrong."""
    folder = enter(scenario, state)
    started = time.monotonic()
    answer = in_child(partial(counting, scenario.command), folder, limit=10 * scenario.limit)
    seconds = time.monotonic() - started
    if answer.code != 0:
        raise LaboratoryError(f"{scenario.name}, {state}: undisturbed, it gave {answer}")
    return Golden(scenario.facts(folder, answer), answer, seconds, counted(folder))


def counting(command: Callable[[], int]) -> int:
    """Carry out a command, and count its system calls below the working directory."""
    shim.arm(shim.COUNT)
    code = command()
    seen = shim.seen()
    shim.disarm()
    shim.ledger_of(Path.cwd()).write_text(json.dumps(seen))
    return code


def counted(folder: Path) -> dict[int, int]:
    """How many calls of each kind a counting command in ``folder`` has made."""
    ledger = shim.ledger_of(folder)
    calls = {int(kind): number for kind, number in json.loads(ledger.read_text()).items()}
    ledger.unlink()
    return calls


@cache
def template(scenario: Scenario, state: str) -> Path:
    """A folder in this state, to be copied."""
    folder = _work()
    scenario.states[state](folder)
    kept = Path(tempfile.mkdtemp(dir=_home()))
    shutil.copytree(folder, kept, symlinks=True, dirs_exist_ok=True)
    return kept


def enter(scenario: Scenario, state: str) -> Path:
    """The one folder in which trials are made, in this state."""
    kept = template(scenario, state)
    folder = _work()
    shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
    return folder


def state_of(
    command: Callable[[], int], folder: Path, *, in_process: Callable[[], None] = lambda: None
) -> Answer:
    """Give a command while a state is made."""

    def run() -> int:
        in_process()
        return command()

    return in_child(run, folder, limit=300.0)


def _work() -> Path:
    # Always the same one: paths are in what commands write.
    folder = _home() / "place"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    return folder


@cache
def _home() -> Path:
    return Path(tempfile.mkdtemp(prefix=f"faults-{os.getpid()}-"))


def leave() -> None:
    """Remove all folders of this process."""
    shutil.rmtree(_home(), ignore_errors=True)
