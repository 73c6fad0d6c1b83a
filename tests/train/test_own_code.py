"""The files that a value's code is in: found through whatever holds the code, and by their text."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from paripassu.rules import SGD, Graft
from paripassu.train.own_code import own_code
from paripassu.train.own_files import load_file

_TEXT = """
from dataclasses import dataclass
from functools import lru_cache

@dataclass(frozen=True)
class Thing:
    size: int = 1

    def act(self):
        return self.size

def act(value):
    return value

@lru_cache
def kept(value):
    return value
"""


@dataclass(frozen=True)
class Holder:
    inside: Any


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(_TEXT)
    return load_file(path)


@pytest.mark.parametrize(
    "held",
    [
        lambda m: m.Thing(),
        lambda m: m.Thing,
        lambda m: m.act,
        lambda m: m.kept,
        lambda m: m.Thing().act,
        lambda m: partial(m.act, 3),
        lambda m: partial(max, key=m.act),
        lambda m: {"players": [m.Thing()]},
        lambda m: {m.act: 1},
        lambda m: (1, {m.Thing()}),
        lambda m: Holder(m.Thing()),
        lambda m: type("Derived", (m.Thing,), {}),
    ],
)
def test_a_file_is_found_through_what_holds_its_code(mine, held):
    assert "mine.py" in own_code(held(mine))
    assert own_code(Holder(held(mine))).keys() == {"mine.py", "test_own_code.py"}


def test_another_text_is_another_hash(mine, tmp_path):
    before = own_code(mine.Thing())
    (tmp_path / "mine.py").write_text(_TEXT + "\n")
    assert own_code(mine.Thing()) == before
    assert own_code(load_file(tmp_path / "mine.py").Thing()) != before


def test_files_of_one_name_both_count(mine, tmp_path):
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / "mine.py"
    path.write_text(_TEXT + "\n")
    both = own_code([mine.Thing(), load_file(path).Thing()])
    assert len(both["mine.py"].split()) == 2
    assert both == own_code([load_file(path).Thing(), mine.Thing()])


def test_what_holds_itself_is_looked_through_once(mine):
    held: list[Any] = [mine.act]
    held.append(held)
    assert own_code(held).keys() == {"mine.py"}


def test_the_packages_own_code_has_no_files():
    assert own_code([SGD(), Graft(SGD(), SGD()), max, 3, "text", None]) == {}
