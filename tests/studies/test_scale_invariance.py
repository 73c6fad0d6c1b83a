"""Scale invariance's rules on both sides of each bound, and the study at its smallest."""

import math

import polars as pl
import pytest
from tests.cases.studies import Here

from paripassu.protocol import run_study
from paripassu.studies import scale_invariance
from paripassu.theory import angular_step


def _fresh(**ratios):
    """Eight runs a condition; the worst has this ratio to the first for the named arms, 1 for the others."""
    rows = [
        {
            "arm": arm,
            "condition": condition,
            "seed": seed,
            "lr_x": 0.1,
            "excess": (1 + 0.01 * seed) * (ratios.get(arm, 1.0) if condition.endswith("100") else 1.0),
            "turn": angular_step(0.1, 0.1),
        }
        for condition in ("start x 1, loss x 1", "start x 1, loss x 100")
        for arm in scale_invariance._ARMS
        for seed in range(8)
    ]
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("ratios", "outcome"),
    [
        ({"SGD": 5.0, "SGD, decay": 1.2}, "supported"),
        ({"SGD": 1.5, "SGD, decay": 1.2}, "undecided"),
        ({"SGD": 5.0, "SGD, decay": 2.5}, "contradicted"),
        ({"SGD": math.inf, "SGD, decay": 1.2}, "supported"),
        ({"SGD": 5.0, "SGD, decay": math.nan}, "contradicted"),
    ],
)
def test_scales_are_judged_by_the_worst_condition(ratios, outcome):
    finding = scale_invariance.judge_scales(_fresh(**ratios))
    assert finding.verdict.outcome == outcome
    assert finding.budget == "8 fresh seeds"


@pytest.mark.parametrize(("factor", "outcome"), [(1.05, "supported"), (1.2, "contradicted")])
def test_pace_is_judged_by_every_angle(factor, outcome):
    fresh = _fresh().with_columns(
        turn=pl.when(arm="NSGD, decay").then(pl.col("turn") * factor).otherwise(pl.col("turn"))
    )
    assert scale_invariance.judge_pace(fresh).verdict.outcome == outcome


def test_the_study_runs_at_its_smallest(tmp_path):
    result = run_study(scale_invariance.STUDY, "smoke", tmp_path, engine=Here())
    assert [finding.verdict.outcome for finding in result.findings] == ["undecided"] * 2
