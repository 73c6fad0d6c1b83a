"""Both rules of the study on each side of their bounds, and the study at its smallest."""

import math

import polars as pl
import pytest
from tests.cases.studies import Here

from paripassu.protocol import run_study
from paripassu.studies import held_pace_gan
from paripassu.studies.held_pace_gan import EVEN, NSGDA, OVERLAP, SGDA, UNEVEN, judge_even, judge_same


def _fresh(**means):
    """Eight runs an arm, a little apart, at these means; 0.2 where an arm is not named."""
    given = {name.replace("_", " "): mean for name, mean in means.items()}
    rows = [
        {"arm": arm, "seed": seed, OVERLAP: given.get(arm, 0.2) + 0.001 * seed}
        for arm in (NSGDA, SGDA, EVEN, *UNEVEN)
        for seed in range(8)
    ]
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("means", "outcome"),
    [
        ({"nSGDA": 0.5, "SGDA_at_pace_1": 0.48}, "supported"),
        ({"nSGDA": 0.5, "SGDA_at_pace_1": 0.4}, "contradicted"),
        ({"nSGDA": 0.1}, "undecided"),  # nothing to explain
        ({"nSGDA": 0.5, "SGDA_at_pace_1": math.nan}, "contradicted"),
    ],
)
def test_pace_one_is_compared_with_nsgda_where_it_gains(means, outcome):
    assert judge_same(_fresh(**means)).verdict.outcome == outcome


@pytest.mark.parametrize(
    ("means", "outcome"),
    [
        ({"SGDA_at_pace_1": 0.3}, "supported"),
        ({"SGDA_at_pace_1": 0.3, "SGDA_at_pace_10": 0.31}, "contradicted"),
        ({}, "undecided"),
    ],
)
def test_an_even_pace_is_compared_with_both_uneven_ones(means, outcome):
    assert judge_even(_fresh(**means)).verdict.outcome == outcome


def test_the_study_runs_at_its_smallest(tmp_path):
    result = run_study(held_pace_gan.STUDY, "smoke", tmp_path, engine=Here())
    assert [finding.verdict.outcome for finding in result.findings] == ["undecided"] * 2
    outcomes = pl.read_parquet(tmp_path / "outcomes.parquet").filter(arm=EVEN)
    assert outcomes["pace gap"].to_list() == pytest.approx([0.0] * len(outcomes), abs=1e-6)
