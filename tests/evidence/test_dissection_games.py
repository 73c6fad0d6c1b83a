"""What the dissection's table reads of a comparison on GANs in a folder beside."""

import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests.cases.folders import study_result

from paripassu.evidence import dissection as module
from paripassu.evidence.dissection import HALVES, Column, dissection
from paripassu.evidence.dissection_games import ARMS_OF_ROWS, game_beside, shares_of_adam
from paripassu.evidence.intervals import estimate
from paripassu.records import STUDY_FILE, ArmResult, GameResult, Settings, StudyResult, TrialResult
from paripassu.records.codec import dump
from paripassu.report import dissection as report
from paripassu.report.page import Table

RING = Column("ring", "", "", "", 0.9, 0.5, 0.2, study="grafting", game="ring8-plain")
DIGITS = replace(RING, name="digits", game="digits-wgan-gp")
CIFAR = replace(RING, name="CIFAR-10", game="cifar10-wgan-gp", scale="short", data="cifar10")
MEASURED = Column("error", "a share", "images", "error", good=0.1, bad=0.5, margin=0.2, study="patches")

# On six fresh seeds.
OVERLAPS = {
    "adam": [0.4, 0.5, 0.6] * 2,
    "adam magnitude": [0.39, 0.48, 0.6] * 2,
    "adam direction": [0.0, 0.01, 0.02] * 2,
    "sgda": [0.0, 0.0, 0.01] * 2,
    "nsgda layer": [0.5] * 6,
}
DISTANCES = {
    "adam": [4.0, 5.0, 6.25] * 2,
    "adam magnitude": [4.0, 5.0, 6.25] * 2,
    "adam direction": [50.0, 40.0, 50.0] * 2,
    "sgda": [20.0, 25.0, 50.0] * 2,
}


def _game(name: str, values) -> GameResult:
    at = Settings(1e-3, 1e-3, "cosine")
    metric, better = ("fd-digits@2500", "lower") if "digits" in name else ("mode-overlap@2500", "higher")
    arms = [
        ArmResult(arm, "", [TrialResult(at, own, 0)], at, [], {metric: estimate(own)}, 1, ["a", "b", "c"])
        for arm, own in values.items()
    ]
    return GameResult(name, "", metric, better, arms)


def _comparison(values=OVERLAPS, game: str = "ring8-plain", **given) -> StudyResult:
    return study_result(name="grafting", kind="comparison", games=[_game(game, values)], **given)


def _write(result: StudyResult, folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / STUDY_FILE).write_text(dump(result), encoding="utf-8")
    return folder


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A function that gives the table of a folder whose sweep measured one column of five rows."""
    rows = [
        {"condition": "images", "arm": rule, "part": "fresh", "diverged_at": math.inf, "error": 0.1 * run}
        for rule in (*HALVES, "sign")
        for run in range(6)
    ]
    monkeypatch.setattr(module, "sweep_table", lambda *_: pl.DataFrame(rows))
    columns = {column.name: column.settings() for column in (MEASURED, RING, DIGITS, CIFAR)}
    result = study_result(name="dissection", kind="dissection", settings={"columns": columns})

    def read():
        return dissection(result, tmp_path / "dissection-small")

    return read


def test_without_a_study_beside_every_cell_is_missing_with_its_command(table, tmp_path):
    found = table()
    small = "--scale small --games ring8-plain digits-wgan-gp"
    short = "--scale short --games cifar10-wgan-gp --data cifar10=PATH"
    assert [(each.column, tuple(each.rules), each.command) for each in found.missing if each.command] == [
        (column, HALVES, f"paripassu study run grafting {options} --out {tmp_path / out}")
        for column, options, out in (
            ("ring", small, "grafting-small"),
            ("digits", small, "grafting-small"),
            ("CIFAR-10", short, "grafting-short-cifar10"),
        )
    ]
    assert [each.rules for each in found.missing if not each.command] == [["sign"]] * 3
    shown = report.missing(found)
    assert isinstance(shown, Table)
    assert shown.rows[1][2] == "no study plays these rules there; write one (docs/your-own.md)"
    assert str(report.summary(found).rows[0][2]) == "missing"
    assert found.effects["ring"].half == "undecided"


def test_studies_beside_fill_the_columns(table, tmp_path):
    ring = _write(_comparison(), tmp_path / "grafting-small")
    digits = _write(_comparison(DISTANCES, "digits-wgan-gp"), tmp_path / "grafting-digits")
    found = table()
    assert found.sources == {"ring": ring, "digits": digits}
    cell = found.cells["adam length", "ring"]
    assert (cell.interval.value, cell.runs, cell.diverged, cell.grade) == (pytest.approx(0.98), 6, 1, "good")
    nearer = found.cells["adam direction", "digits"]
    assert (nearer.interval.value, nearer.grade) == (
        pytest.approx((1 / 50 + 1 / 40 + 1 / 50) / (1 / 4 + 1 / 5 + 1 / 6.25)),
        "bad",
    )
    assert found.cells["adam", "digits"].interval.value == pytest.approx(1.0)
    assert found.cells["adam length", "digits"].grade == "good"
    assert {found.effects[name].half for name in ("ring", "digits")} == {"magnitude"}
    assert {(each.column, *each.rules) for each in found.missing if each.column != "CIFAR-10"} == {
        ("ring", "sign"),
        ("digits", "sign"),
    }
    assert "grafting-digits" in report.sources(found)[1].text


def test_without_distance_nothing_is_shared():
    assert shares_of_adam(_game("digits", DISTANCES | {"adam": [0.0]})) is None


@pytest.mark.parametrize(
    "result",
    [
        _comparison(game="digits"),
        _comparison({name: [0.0] for name in OVERLAPS}),
        _comparison({"sgda": [0.1]}),
        _comparison(finished=False),
        replace(_comparison(), name="grafting-of-mine"),
    ],
    ids=["another game", "Adam reached nothing", "no Adam", "not judged", "another study"],
)
def test_a_result_beside_that_says_nothing_leaves_cells_missing(table, tmp_path, result):
    _write(result, tmp_path / "grafting-small")
    found = table()
    assert ("adam", "ring") not in found.cells
    assert HALVES in {tuple(each.rules) for each in found.missing}


def test_of_several_the_one_with_the_most_fresh_seeds_counts_then_the_finished_one(tmp_path):
    own = tmp_path / "dissection-small", "grafting", "ring8-plain"
    _write(_comparison(game="digits"), tmp_path / "grafting-0")
    assert game_beside(*own) is None
    part = _write(_comparison(finished=False, reached="a part"), tmp_path / "grafting-a")
    two = _comparison(OVERLAPS | {"nsgda global": OVERLAPS["adam"]})
    for arm in two.games[0].arms:
        del arm.runs[2:]
    _write(two, tmp_path / "grafting-smoke")
    assert game_beside(*own).folder == part
    few = {name: values[:1] for name, values in OVERLAPS.items()}
    small = _write(_comparison(few | {"adam": OVERLAPS["adam"]}), tmp_path / "grafting-b")
    assert game_beside(*own).folder == small
    more = _write(_comparison(OVERLAPS | {"nsgda global": OVERLAPS["adam"]}), tmp_path / "grafting-c")
    assert game_beside(*own).folder == more


def test_a_damaged_result_beside_is_named(table, tmp_path):
    folder = _write(_comparison(), tmp_path / "grafting-small")
    (folder / STUDY_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="grafting-small"):
        table()


def test_a_cell_that_the_sweep_lacks_has_its_studys_command(monkeypatch, tmp_path):
    rows = [
        {"condition": condition, "arm": arm, "part": "fresh", "diverged_at": math.inf, "error": 0.1}
        for condition, arm in (("images", "adam"), ("others", "sgd"))
    ]
    monkeypatch.setattr(module, "sweep_table", lambda *_: pl.DataFrame(rows))
    settings = {"columns": {"error": MEASURED.settings()}}
    found = dissection(study_result(name="dissection", kind="dissection", settings=settings), tmp_path / "d")
    assert found.missing == [module.Missing("error", ["sgd"], "paripassu study run patches")]


def test_arms_of_the_table_are_the_comparisons():
    """The same rule in both, in the family of the game."""
    from paripassu.studies import dissection, grafting
    from paripassu.studies.games import DIGITS_WGAN_GP, RING8_PLAIN, cifar10

    arms = {arm.name: arm.rule for arm in grafting.ALL if arm.family == RING8_PLAIN.family}
    rows = {row: rule for row, (rule, _) in dissection._arms(([1.0],) * 3).items()}
    for row, arm in ARMS_OF_ROWS.items():
        assert str(arms[arm]).replace("eps=1e-08", "eps=1e-12") == str(rows[row])
    games = {game.name: game for game in (RING8_PLAIN, DIGITS_WGAN_GP, *cifar10(Path("images")))}
    columns = [column for column in dissection.COLUMNS if column.game]
    assert {games[column.game].family for column in columns} == {RING8_PLAIN.family}
    for column in columns:
        study = grafting.STUDY.on_data({column.data: Path("images")} if column.data else {})
        study.on_games([column.game]).scale(column.scale)
