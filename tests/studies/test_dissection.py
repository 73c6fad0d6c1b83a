"""The dissection's table at its smallest: every phenomenon is played, shown, and written down."""

import csv
import io
import math

import numpy as np
import polars as pl
import pytest
from tests.cases.studies import Here

from paripassu.evidence.dissection import HALVES, dissection
from paripassu.protocol import run_study
from paripassu.protocol.sweeps import Tables, TunedCells
from paripassu.records import STUDY_FILE, StudyResult
from paripassu.records.codec import load
from paripassu.report.dissection import as_csv, as_latex
from paripassu.report.study import write_study_page
from paripassu.rules import Clip
from paripassu.studies import dissection as study
from paripassu.theory import play

SWEEP = study.STUDY.scale("small").design.sweep


def test_the_smallest_table_has_every_cell_and_can_be_copied(tmp_path):
    run_study(study.STUDY, "smoke", tmp_path, engine=Here())
    page = write_study_page(tmp_path).read_text(encoding="utf-8")
    table = dissection(load(tmp_path / STUDY_FILE, StudyResult), tmp_path)
    measured = [column.name for column in study.COLUMNS if not column.game]
    assert set(table.cells) == {(rule, name) for rule in HALVES for name in measured}
    assert {each.column for each in table.missing} == {c.name for c in study.COLUMNS} - set(measured)
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert len(rows) == len(table.cells)
    assert all(float(row["low"]) <= float(row["mean"]) <= float(row["high"]) for row in rows)
    latex = as_latex(table)
    assert latex.count("&") == (len(HALVES) + 2) * len(study.COLUMNS)
    for shown in ("which half of Adam", 'class="graded good"', "paripassu study run kernel-game", "tabular",
                  "What is missing", "--games ring8-plain"):  # fmt: skip
        assert shown in page


def test_every_row_plays_every_phenomenon():
    """The smallest table has the rows of halves alone; the clipped row is played here."""
    cells, phenomena = study._phenomena(0.005, 1)
    every = [*cells, *(cell for each in phenomena for cell in each.tuning)]
    conditions = {c.condition for c in study.COLUMNS if not c.game}
    played = {(cell.condition, cell.arm) for cell in every}
    assert played == {(condition, cell.arm) for condition in conditions for cell in every}
    for cell in (cell for cell in every if cell.arm == "clipped"):
        assert isinstance(cell.rules, Clip)
        rate = np.broadcast_to(cell.rates[0], len(cell.problem.players))
        lr = dict(zip(cell.problem.players, rate, strict=True))
        played = play(cell.problem, cell.rules, lr, 2, [0], record=[2])
        assert np.isinf(played.diverged_at).all()


def test_rates_are_chosen_by_the_criterion_on_tuning_seeds_alone():
    (phenomenon,) = [each for each in study._phenomena(1.0, 3)[1] if each.criterion == "risk"]
    (cell,) = [cell for cell in phenomenon.tuning if cell.arm == "adam"]
    risks = [[0.3, 0.1], [0.1, math.nan], [0.2, 0.1]]  # of three rates on two seeds; a lost run is worst
    rows = [
        {"condition": cell.condition, "arm": cell.arm, "part": part, "risk": risk}
        for part, factor in (("tuning", 1), ("fresh", -1))
        for own in risks
        for risk in (factor * r for r in own)
    ]
    alone = TunedCells([cell], "risk", 3)
    (fresh,) = alone.fresh(pl.DataFrame(rows))
    assert (fresh.rates, list(fresh.seeds), fresh.part) == ((cell.rates[2],), [1000, 1001, 1002], "fresh")


def _outcomes(**values):
    """Five runs a cell with these means; other cells have 0."""
    conditions = {column.condition for column in study.COLUMNS}
    numbers = {column.number for column in study.COLUMNS}
    return pl.DataFrame(
        [
            {"condition": condition, "arm": rule, "part": "fresh", "diverged_at": math.inf}
            | {number: values.get(number, [0.0] * 4)[HALVES.index(rule)] + 1e-3 * run for number in numbers}
            for condition in conditions
            for rule in HALVES
            for run in range(5)
        ]
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ([0.9, 0.0, 0.9, 0.0], "supported"),
        ([0.9, 0.9, 0.0, 0.0], "contradicted"),
        ([0.0] * 4, "contradicted"),
    ],
)
def test_a_prediction_is_judged_by_the_word(error, expected):
    empty = pl.DataFrame()
    tables = Tables(_outcomes(test_error=error), *[empty] * (len(Tables._fields) - 1))
    findings = {finding.about: finding for finding in study.verdict(SWEEP, tables).findings}
    assert findings["memorised noise"].verdict.outcome == expected
    assert set(findings) == set(study._PREDICTED)
