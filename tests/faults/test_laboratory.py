"""The laboratory finds what is wrong, calls nothing else so, and repeats it by a number."""

import json
import os
import random
import subprocess
import sys
from itertools import islice

import pytest
from tests.faults import damage, schedule, session, shim

# Commands of which each does one wrong thing, or the right one, with a file that was damaged.
_COMMANDS = """
import json, os, sys, time
from pathlib import Path
from tests.faults import schedule, trial
from tests.faults.vocabulary import Fault, Scenario

def good(folder):
    (folder / "data.txt").write_text("good")

def damage(place, rng):
    path = place.folder / "data.txt"
    path.write_text("bad")
    return Fault("bad", touched=(path,))

def believe():
    print(Path("data.txt").read_text())
    return 0

def look_away():
    print("good")
    return 0

def raise_it():
    print({"good": "good"}[Path("data.txt").read_text()])
    return 0

def wait():
    while Path("data.txt").read_text() == "bad":
        time.sleep(1)
    return look_away()

def refuse():
    if Path("data.txt").read_text() == "bad":
        print("paripassu: data.txt is damaged: restore it", file=sys.stderr)
        return 2
    return look_away()

def refuse_for_ever():
    if Path("data.txt").read_text() == "bad":
        Path("spoilt").touch()
    if Path("spoilt").exists():
        print("paripassu: data.txt is damaged: restore it", file=sys.stderr)
        return 2
    return look_away()

def mend():
    Path("data.txt").write_text("good")
    return look_away()

def facts(folder, answer):
    return {"printed": answer.out}

found = {}
for command in (believe, look_away, raise_it, wait, refuse, refuse_for_ever, mend):
    scenario = Scenario(command.__name__, {"new": good}, command, facts, limit=1.0)
    outcome = trial.meet(schedule.Stratum(scenario, "bad", damage, ("new",)), 0)
    found[command.__name__] = [outcome.name, outcome.why.partition(":")[0].partition(" (")[0]]
trial.leave()
print(json.dumps(found))
"""

_WRITE = """
import os, sys
from pathlib import Path
from tests.faults import shim
action, nth, error, ledger = sys.argv[1:]
shim.arm(int(action), int(nth), int(error), ledger=Path(ledger))
for name in ("synced", "not"):
    with open(name, "w") as stream:
        stream.write("abc")
        stream.flush()
        if name == "synced":
            os.fsync(stream.fileno())
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The compiled shim, or no test."""
    found = session.library_in(tmp_path_factory.mktemp("shim"))
    if found is None:
        pytest.skip("faults are injected on Linux, with a C compiler named cc")
    return found


@pytest.fixture
def python(library, tmp_path):
    """A function that runs a script under the shim, in a folder of its own."""
    folder = tmp_path / "place"
    folder.mkdir()

    def run(script, *words):
        environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": str(session.ROOT)}
        command = [sys.executable, "-c", script, *map(str, words)]
        return subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )

    return run


def test_each_kind_of_wrong_is_told_from_right(python):
    answer = python(_COMMANDS)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {
        "believe": ["wrong", "another result without a word"],
        "look_away": ["without effect", ""],
        "raise_it": ["wrong", "traceback"],
        "wait": ["wrong", "hang"],
        "refuse": ["refused", "paripassu"],
        "refuse_for_ever": ["wrong", "refused"],
        "mend": ["recovered", ""],
    }


@pytest.mark.parametrize(("error", "name"), [(28, "No space left on device"), (5, "Input/output error")])
def test_the_chosen_call_fails(python, tmp_path, error, name):
    answer = python(_WRITE, shim.FAIL_ONCE, 4, error, tmp_path / "ledger")
    assert name in answer.stderr
    assert (tmp_path / "place" / "synced").read_text() == "abc"
    assert not (tmp_path / "place" / "not").exists()


def test_a_power_cut_loses_what_was_not_synced(python, tmp_path):
    place = tmp_path / "place"
    (place / "end").touch()
    answer = python(_WRITE + "os.unlink('end')", shim.POWER, 6, 0, shim.ledger_of(place))
    assert answer.returncode == -9
    assert shim.lose_unsynced(place) == ["not"]
    assert [(place / name).read_text() for name in ("synced", "not")] == ["abc", ""]


@pytest.mark.parametrize("kind", damage.ANY | damage.TEXT)
def test_every_damage_changes_the_folder(tmp_path, kind):
    how = (damage.ANY | damage.TEXT)[kind]
    for seed in range(5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "a.json").write_text('{"one": 1, "many": [1.5, 2, {"name": "x"}]}\n')
        (folder / "b.json").write_text('{"other": 10}\n')
        before = _contents(folder)
        how(folder / "a.json", random.Random(seed))
        assert _contents(folder) != before


def _contents(folder):
    paths = sorted(folder.iterdir())
    return [(p.name, p.is_symlink() or (p.read_bytes() if p.is_file() else p.is_dir())) for p in paths]


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_every_seed_begins_with_some_of_everything(seed):
    size = len(schedule.rounds())
    first = [schedule.stratum_of(number) for number in islice(session.numbers(seed), size)]
    assert first == list(schedule.rounds())


def test_a_budget_that_is_none_is_refused():
    with pytest.raises(ValueError, match="a budget is"):
        session.Budget.parse("soon")
