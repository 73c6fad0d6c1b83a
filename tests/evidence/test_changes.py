"""A change is told where it is beyond what the seeds explain, and nowhere else."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from paripassu.evidence.changes import study_changes
from paripassu.evidence.intervals import estimate
from paripassu.records import ArmResult, Environment, GameResult, StudyResult, Verdict
from paripassu.report.terminal import changes_table

NOISE = (-0.2, -0.1, 0.0, 0.1, 0.2)


def _arm(name: str, mean: float, lr: float = 0.1, diverged: int = 0) -> ArmResult:
    values = estimate([mean + x for x in NOISE])
    return ArmResult(name, "g", [], lr, False, {"overlap": values}, diverged, ["run"] * len(NOISE))


def _study(*arms: ArmResult, outcome: str = "supported", dataset: str = "ring8") -> StudyResult:
    of_dataset = GameResult(dataset, "a ring", "overlap", "higher", list(arms), Verdict(outcome, "so"))
    where = Environment("", {}, "a CPU", 2, "abc", "2026-01-01T00:00:00+00:00")
    return StudyResult("tiny", "Is it?", "It is.", "One.", "small", [], [0], [1, 2], [of_dataset], where)


def test_the_same_result_has_no_changes():
    changes = study_changes(_study(_arm("a", 1.0)), _study(_arm("a", 1.0)))
    assert changes.notes == []
    assert [c.beyond_noise for c in changes.changes] == [False]


@pytest.mark.parametrize(("mean", "beyond"), [(1.1, False), (1.5, True), (0.5, True)])
def test_a_mean_must_move_further_than_seeds_do(mean, beyond):
    (change,) = study_changes(_study(_arm("a", 1.0)), _study(_arm("a", mean))).changes
    assert (change.old, change.new) == (pytest.approx(1.0), pytest.approx(mean))
    assert change.low < mean - 1.0 < change.high
    assert change.beyond_noise == beyond


def test_a_single_seed_shows_no_noise_to_be_beyond():
    old, new = _arm("a", 1.0), _arm("a", 5.0)
    new.estimates["overlap"] = estimate([5.0])
    old.estimates["overlap"] = estimate([1.0])
    (change,) = study_changes(_study(old), _study(new)).changes
    assert not change.beyond_noise


def test_what_is_not_a_number_is_said_in_words():
    old = _study(_arm("a", 1.0), _arm("gone", 1.0))
    new = _study(_arm("a", 1.0, lr=0.3, diverged=2), _arm("fresh", 1.0), outcome="undecided")
    new = replace(new, scale="paper", protocol="Two.")
    assert study_changes(old, new).notes == [
        "Scale then small, now paper.",
        "The protocol or the verdict rule reads otherwise.",
        "ring8: the verdict was supported, it is undecided.",
        "ring8, arm gone is there no more.",
        "ring8, arm fresh is new.",
        "ring8, a: the learning rate was 0.1, it is 0.3.",
        "ring8, a: 0 of 5 runs diverged, now 2 of 5.",
    ]
    moved = study_changes(old, _study(dataset="digits")).notes
    assert moved == ["Dataset ring8 is there no more.", "Dataset digits is new."]


def test_different_studies_are_not_compared():
    old = _study(_arm("a", 1.0))
    with pytest.raises(ValueError, match="tiny and other are different studies"):
        study_changes(old, replace(old, name="other"))


def test_the_table_holds_what_changed_alone():
    old = _study(_arm("still", 1.0), _arm("moved", 1.0))
    new = _study(_arm("still", 1.1), _arm("moved", 2.0))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(changes_table(study_changes(old, new)))
    text = console.export_text()
    assert "moved" in text
    assert "still" not in text
    assert "1 of 2 estimates changed beyond noise" in text
