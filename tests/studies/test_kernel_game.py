"""The kernel game's rules on both sides of each bound, and the study at its smallest."""

import math

import numpy as np
import polars as pl
import pytest
from tests.cases.studies import Here

from paripassu.protocol import run_study
from paripassu.report.study import write_study_page
from paripassu.studies import kernel_game


def _pairs(*shares, runs=200):
    """SGDA under one condition a share."""
    name = "as predicted for SGDA"
    parts = [
        pl.DataFrame({"arm": "SGDA", "condition": f"condition {n}", name: [*values, math.nan]})
        for n, values in enumerate(
            [1.0] * round(runs * share) + [0.0] * round(runs * (1 - share)) for share in shares
        )
    ]
    return pl.concat(parts)


@pytest.mark.parametrize(
    ("shares", "outcome"),
    [
        ((1.0, 0.99), "supported"),
        ((1.0, 0.9), "undecided"),
        ((1.0, 0.8), "contradicted"),
    ],
)
def test_phases_are_judged_by_the_worst_condition(shares, outcome):
    finding = kernel_game.judge_phases(_pairs(*shares))
    assert finding.verdict.outcome == outcome
    assert finding.verdict.effect.value == pytest.approx(min(shares))
    assert finding.budget == "400 clear pairs"


def _ladder(*powers, spread=0.0):
    rates = np.geomspace(1e-3, 0.1, 12)
    noise = np.exp(spread * np.random.default_rng(0).standard_normal(12))
    return pl.concat(
        pl.DataFrame({"arm": f"arm {n}", "condition": "alternating, equal rates", "lr_generator": rates,
                      "distance": rates**power * noise})
        for n, power in enumerate(powers)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("powers", "spread", "outcome"),
    [
        ((1.0, 1.05), 0.0, "supported"),
        ((1.0, 0.5), 0.0, "contradicted"),
        ((1.0,), 1.0, "undecided"),
    ],
)
def test_cycles_are_judged_by_every_exponent(powers, spread, outcome):
    finding = kernel_game.judge_cycles(_ladder(*powers, spread=spread))
    assert finding.verdict.outcome == outcome
    assert "arm 0, alternating" in finding.verdict.reason


def test_the_study_runs_at_its_smallest(tmp_path):
    result = run_study(kernel_game.STUDY, "smoke", tmp_path, engine=Here())
    assert [finding.verdict.outcome for finding in result.findings] == ["undecided"] * 2
    page = write_study_page(tmp_path).read_text(encoding="utf-8")
    assert all(arm in page for arm in ("SGDA", "nSGDA", "Ada-nSGDA", "AdaDir"))
