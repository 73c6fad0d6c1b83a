"""A sweep of cells has the numbers of `play`, each cell done once, and a page of its own."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.cases.problems import TwoTensors
from tests.cases.studies import Here

from paripassu.evidence.changes import study_changes
from paripassu.evidence.dissection import Column, dissection
from paripassu.evidence.groups import study_groups
from paripassu.protocol import Judgement, Scale, Study, run_study
from paripassu.protocol.sweeps import Cell, DissectionSweep, PlayedSweep, SweepDesign
from paripassu.protocol.sweeps.batch import read
from paripassu.records import Finding, Verdict
from paripassu.report.answer import played_answer
from paripassu.report.played import summary
from paripassu.report.study import write_study_page
from paripassu.report.terminal import study_table
from paripassu.rules import SGD, Normalize
from paripassu.theory import Bilinear, NoisyQuadratic, play


def last(problem, paths):
    del problem
    return {"square": np.square(paths.observed["theta"][:, -1, 0]), "step": paths.lengths["theta"][:, -1]}


def wrong(problem, paths):
    del problem, paths
    return {"seed": [0.0]}


def lengths(problem, paths):
    del problem
    return {"length": paths.lengths["x"][:, -1]}


ONE = Cell("noise", "SGD", NoisyQuadratic(), SGD(), (0.1, 0.3), 20, range(3), last)
OTHER = replace(ONE, arm="NSGD", rules=Normalize(), rates=(0.1,))
WILD = replace(ONE, arm="wild", rates=(1e200,))


def best(outcomes):
    """Each arm's rate with the smallest mean square, on fresh seeds."""
    cells = []
    for cell in (ONE, OTHER):
        means = outcomes.filter(arm=cell.arm).group_by("lr_theta").agg(pl.col("square").mean())
        rate = float(means.sort("square")["lr_theta"][0])
        cells.append(replace(cell, rates=(rate,), seeds=range(1000, 1004), part="fresh"))
    return cells


def verdict(sweep, tables):
    del sweep
    count = len(tables.outcomes)
    return Judgement([Finding("It is.", "noise", Verdict("supported", f"{count} runs."))])


def _study(*cells, then=None):
    sweep = PlayedSweep(cells, then, more_steps=2 * 4 * 20 if then else 0)
    return Study("tiny", "Is it?", "It is.", "None.", {"smoke": Scale(SweepDesign(sweep, verdict))})


def _run(study, folder):
    return run_study(study, "smoke", folder, engine=Here())


def test_a_cell_has_the_numbers_of_play(tmp_path):
    _run(_study(ONE), tmp_path)
    outcomes = read([ONE], tmp_path, "outcomes")
    paths = play(NoisyQuadratic(), SGD(), [[0.1], [0.3]], 20, range(3))
    assert outcomes["lr_theta"].to_list() == [0.1] * 3 + [0.3] * 3
    assert outcomes["seed"].to_list() == [0, 1, 2, 0, 1, 2]
    assert outcomes["square"].to_list() == np.square(paths.observed["theta"][:, -1, 0]).tolist()
    assert outcomes["step"].to_list() == paths.lengths["theta"][:, -1].tolist()


def test_players_have_rates_and_decays_in_their_order():
    cell = Cell("game", "SGD", Bilinear(), SGD(), ((0.1, 0.2),), 3, [4], lengths, weight_decay=(0.5, 0.0))
    (row,) = cell.compute()["outcomes"].rows(named=True)
    lr, decay = {"x": 0.1, "y": 0.2}, {"x": 0.5, "y": 0.0}
    paths = play(Bilinear(), SGD(), lr, 3, [4], weight_decay=decay)
    assert (row["lr_x"], row["lr_y"]) == (0.1, 0.2)
    assert row["length"] == paths.lengths["x"][0, -1]


def test_rates_are_chosen_then_judged_on_fresh_seeds(tmp_path):
    study = _study(ONE, OTHER, then=best)
    result = _run(study, tmp_path)
    assert result.findings[0].verdict.reason == "17 runs."
    groups = study_groups(result, tmp_path)
    assert set(groups) == {("noise", "SGD"), ("noise", "NSGD")}
    assert groups["noise", "SGD"].runs == 4
    assert len(groups["noise", "NSGD"].quantities["square"].values) == 4
    assert study.scale("smoke").design.plan()[-1] == "then the best rates on fresh seeds"


def test_a_finished_cell_is_not_played_again(tmp_path):
    _run(_study(ONE, OTHER), tmp_path)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "chunks").iterdir()}
    ONE.sealed(tmp_path).index.unlink()
    _run(_study(ONE, OTHER), tmp_path)
    again = {path for path, time in files.items() if path.stat().st_mtime_ns != time}
    assert {path.name[:16] for path in again} == {ONE.sealed(tmp_path).index.name[:16]}


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, steps=21),
        replace(ONE, rates=(0.1, 0.4)),
        replace(ONE, problem=NoisyQuadratic(batch=2)),
        replace(ONE, rules=SGD(0.5)),
        replace(ONE, weight_decay=0.1),
        replace(ONE, record=(0, 20)),
        replace(ONE, seeds=range(1, 4)),
    ],
    ids=lambda cell: cell.amount,
)
def test_a_folder_of_other_cells_is_refused(other, tmp_path):
    _run(_study(ONE), tmp_path)
    with pytest.raises(ValueError, match=r"with other settings \(runs: SGD on noise is"):
        _run(_study(other), tmp_path)


def test_a_page_and_a_table_have_every_arm(tmp_path):
    result = _run(_study(ONE, OTHER, WILD), tmp_path)
    (table,) = summary(result, tmp_path)
    assert list(table.columns) == ["noise", "rates", "runs", "square", "step"]
    assert [row[:3] for row in table.rows] == [
        ("SGD", "0.1, 0.3", "6"), ("NSGD", "0.1", "3"), ("wild", "1e+200", "3, 3 diverged"),
    ]  # fmt: skip
    assert table.rows[2][3] == "none"
    assert table.rows[1][4] == "0.1"
    assert "wild" in write_study_page(tmp_path).read_text(encoding="utf-8")
    assert study_table(result, tmp_path)


def fresh(outcomes):
    """A condition that is tuned, played again on fresh seeds."""
    del outcomes
    return [replace(OTHER, condition="tuned", seeds=range(1000, 1004), part="fresh")]


COLUMNS = [
    Column(condition, "", condition, "square", good=0.1, bad=1.0, margin=0.1)
    for condition in ("noise", "tuned")
]


@pytest.mark.parametrize("kind", ["played", "dissection"])
def test_every_reader_sees_every_condition_of_a_sweep_that_tunes_some(tmp_path, kind):
    cells = [ONE, replace(OTHER, condition="tuned", part="tuning")]
    sweep = PlayedSweep(cells, fresh) if kind == "played" else DissectionSweep(cells, fresh, columns=COLUMNS)
    study = Study("tiny", "Is it?", "It is.", "None.", {"smoke": Scale(SweepDesign(sweep, verdict))})
    result = _run(study, tmp_path)
    runs = {("noise", "SGD"): 6, ("tuned", "NSGD"): 4}
    assert {key: group.runs for key, group in study_groups(result, tmp_path).items()} == runs
    assert {change.where for change in study_changes(tmp_path, tmp_path).changes} == {"noise", "tuned"}
    if kind == "played":
        assert [table.columns[0] for table in summary(result, tmp_path)] == ["noise", "tuned"]
        assert played_answer(result, tmp_path).startswith("2 arms played 10 runs.")
    else:
        cells_of_table = dissection(result, tmp_path).cells
        assert {(name, rule): cell.runs for (rule, name), cell in cells_of_table.items()} == runs


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PlayedSweep([]), "at least one cell"),
        (lambda: PlayedSweep([ONE, ONE]), "two cells of a sweep have the same settings"),
        (lambda: replace(ONE, problem=TwoTensors()), "TwoTensors must be a frozen dataclass"),
        (lambda: replace(ONE, rates=()), "SGD on noise needs a rate and a seed"),
        (lambda: replace(ONE, seeds=()), "needs a rate and a seed"),
        (lambda: replace(ONE, rates=((0.1, 0.2),)), "one for each of"),
        (lambda: replace(ONE, measure=wrong).compute(), "one number for each of 6 runs"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
