"""Both rules of the study on each side of their bounds, and the study at its smallest."""

import polars as pl
import pytest
from tests.cases.studies import Here

from paripassu.protocol import run_study
from paripassu.protocol.sweeps.framework_cell import AT_END, EVER
from paripassu.studies import held_pace
from paripassu.studies.held_pace import NSGDA, PACES, SGDA, at_pace, judge_even, judge_same

RUNS = 64


def _fresh(**hits):
    """64 runs an arm at two d, of which so many succeed; none where an arm is not named."""
    arms = [NSGDA, SGDA, *(at_pace(family, pace) for family in ("SGDA", "Shares") for pace in PACES)]
    given = {name.replace("_", " "): count for name, count in hits.items()}
    rows = [
        {
            "condition": condition, "arm": arm, "seed": 1000 + seed,
            EVER: float(seed < given.get(f"{arm} {condition[-1]}", given.get(arm, 0))),
        }
        for condition in ("d = 1", "d = 2")
        for arm in arms
        for seed in range(RUNS)
    ]  # fmt: skip
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("hits", "outcome"),
    [
        ({"nSGDA": 60, "SGDA_at_pace_1": 60}, "supported"),
        ({"nSGDA": 60, "SGDA_at_pace_1": 50}, "undecided"),
        ({"nSGDA": 60, "SGDA_at_pace_1": 10}, "contradicted"),
        ({"nSGDA": 60, "SGDA_at_pace_1_1": 60, "SGDA_at_pace_1_2": 0}, "contradicted"),
        ({"nSGDA": 20, "SGDA_at_pace_1": 20}, "undecided"),  # nSGDA itself does not
        ({"nSGDA_1": 60, "nSGDA_2": 0, "SGDA_at_pace_1_1": 60}, "supported"),
    ],
)
def test_sgda_at_pace_one_is_compared_with_nsgda(hits, outcome):
    finding = judge_same(_fresh(**hits), EVER)
    assert finding.verdict.outcome == outcome
    assert finding.budget == "64 fresh seeds an arm"


EVEN = {"Shares_at_pace_1": 40}


@pytest.mark.parametrize(
    ("hits", "outcome"),
    [
        (EVEN, "supported"),
        ({**EVEN, "Shares_at_pace_2": 64}, "supported"),  # no rule judges 2
        ({**EVEN, "Shares_at_pace_5_2": 36}, "undecided"),
        ({**EVEN, "Shares_at_pace_5_2": 62}, "contradicted"),
    ],
)
def test_an_even_pace_is_compared_with_every_uneven_one(hits, outcome):
    assert judge_even(_fresh(**hits), EVER).verdict.outcome == outcome


def test_the_study_runs_at_its_smallest(tmp_path):
    result = run_study(held_pace.STUDY, "smoke", tmp_path, engine=Here())
    assert [finding.verdict.outcome for finding in result.findings] == ["undecided"] * 4
    assert {finding.about for finding in result.findings} == {"both modes ever", "both modes at the end"}
    assert AT_END in pl.read_parquet(tmp_path / "outcomes.parquet").columns
