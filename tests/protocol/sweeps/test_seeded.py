"""Cells that train by themselves: their rows, and that a sweep mixes them with cells that are played."""

import math
from dataclasses import dataclass, replace

import polars as pl
import pytest
from tests.cases.studies import Here

from paripassu.protocol import Judgement, Scale, Study, run_study
from paripassu.protocol.sweeps import Cell, PlayedSweep, SeededCell, SweepDesign
from paripassu.protocol.sweeps.batch import read
from paripassu.rules import SGD
from paripassu.theory import Bilinear


@dataclass(frozen=True)
class Square:
    """A system whose number is the square of its seed, and which diverges at seed 3."""

    lr: float = 0.5
    steps: int = 4

    def measure(self, seed):
        return {"square": math.nan, "diverged_at": 2} if seed == 3 else {"square": seed**2}


CELL = SeededCell("toy", "square", Square(), range(1, 4))


def norm(problem, paths):
    del problem
    return {"norm": paths.norms["x"][:, -1]}


PLAYED = Cell("toy", "sgd", Bilinear(), SGD(), (0.1,), 2, [0], norm)


def test_a_seed_is_a_row():
    outcomes = CELL.compute()["outcomes"]
    assert outcomes["seed"].to_list() == [1, 2, 3]
    assert outcomes["square"].to_list()[:2] == [1, 4]
    assert math.isnan(outcomes["square"][2])
    assert outcomes["diverged_at"].to_list() == [math.inf, math.inf, 2]
    assert CELL.run_steps == 12


def test_settings_are_those_of_the_system():
    assert CELL.settings() == replace(CELL, seeds=(1, 2, 3)).settings()
    assert CELL.settings() != replace(CELL, system=Square(lr=0.1)).settings()


def test_a_sweep_mixes_both_kinds_of_cells(tmp_path):
    design = SweepDesign(PlayedSweep([CELL, PLAYED]), lambda *_: Judgement([]))
    study = Study("mixed", "Which?", "One.", "None.", {"smoke": Scale(design)})
    run_study(study, "smoke", tmp_path, engine=Here())
    outcomes = read([CELL, PLAYED], tmp_path, "outcomes")
    assert outcomes["arm"].to_list() == ["square"] * 3 + ["sgd"]
    assert outcomes.filter(arm="sgd")["square"].null_count() == 1
    assert "Square(lr=0.5, steps=4), 3 seeds, 4 steps" in design.settings()["cells"]["runs: square on toy"]


class Plain:
    lr, steps = 0.1, 1


@pytest.mark.parametrize(
    ("change", "message"), [({"system": Plain()}, "frozen dataclass"), ({"seeds": ()}, "needs a seed")]
)
def test_wrong_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CELL, **change)


def test_tables_are_outcomes_alone():
    assert CELL.tables == ("outcomes",)
    assert isinstance(CELL.compute()["outcomes"], pl.DataFrame)
