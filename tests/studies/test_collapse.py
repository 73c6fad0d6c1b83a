"""Verdicts follow their rules, on made-up runs on both sides of each bound."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from paripassu.protocol import Evidence
from paripassu.studies import collapse, grafting
from paripassu.studies.games import RING8


def _fresh(method, hits, runs=32, part="fresh"):
    return pl.DataFrame(
        {
            "part": part,
            "method": method,
            "d": 1000,
            "steps": 10_000,
            "lr_d": 0.1,
            "lr_g": 0.01,
            "ever": ["all"] * hits + ["some"] * (runs - hits),
            "end": "stalled",
        }
    )


@pytest.mark.parametrize(
    ("method", "hits", "outcome"),
    [
        ("nsgda", 32, "supported"),
        ("nsgda", 26, "undecided"),
        ("nsgda", 5, "contradicted"),
        ("sgda", 1, "supported"),
        ("sgda", 12, "undecided"),
        ("sgda", 30, "contradicted"),
    ],
)
def test_recovery_is_judged_by_its_interval(method, hits, outcome):
    (finding,) = collapse.judge_recovery(_fresh(method, hits), "9 pairs")
    assert finding.verdict.outcome == outcome
    assert finding.claim.startswith("C4" if method == "nsgda" else "C5")
    assert finding.about == "d = 1,000, 10,000 steps"
    assert f"{hits} of 32" in finding.verdict.reason
    share = finding.verdict.effect
    # Wilson 1927: the share p of n lies within z standard errors of the interval's ends, each end's own.
    for end in (share.low, share.high):
        error = 1.959964 * math.sqrt(end * (1 - end) / 32)
        assert abs(hits / 32 - end) == pytest.approx(error, abs=1e-6)
    assert share.value == hits / 32


def _paths(apart):
    """Paths whose players are ``apart`` decades apart, by method and seed."""
    rows = [
        (method, 1.0, 0.01, seed, 10.0**decades, 1.0)
        for method, seeds in apart.items()
        for seed, decades in enumerate(seeds)
    ]
    return pl.DataFrame(rows, schema=["method", "lr_d", "lr_g", "seed", "pace_d", "pace_g"], orient="row")


def _of_pace(paths):
    return collapse.judge_pace(paths, 1000, 500)


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        ([0.1, -0.2], [3.0, -3.1], "supported"),
        ([0.1, 0.5], [3.0, 3.1], "undecided"),  # below a factor of two, but not with its whole interval
        ([0.1, 0.2], [0.1, 0.25], "undecided"),  # small, and SGDA's is as small
        ([0.9, 1.0], [3.0, 3.1], "contradicted"),  # far less than SGDA's, and no equal pace
        ([0.2, 0.21], [0.1, 0.11], "contradicted"),  # small, and SGDA's is smaller
    ],
)
def test_pace_is_judged_by_the_distance_from_one(ours, theirs, outcome):
    (finding,) = _of_pace(_paths({"nsgda": ours * 3, "sgda": theirs * 3}))
    assert finding.verdict.outcome == outcome
    lead = np.mean(np.abs(theirs)) - np.mean(np.abs(ours))
    assert finding.verdict.effect.value == pytest.approx(lead)
    assert finding.about == "d = 1,000, 500 steps"
    (finding,) = _of_pace(_paths({"nsgda": ours * 2, "sgda": theirs * 3}))
    assert finding.verdict.outcome == "undecided"  # fewer than five seeds


@pytest.mark.parametrize(("ours", "theirs"), [([0.1, -0.2], [3.0]), ([0.1, 0.5], [3.0]), ([0.9], [3.0])])
def test_framework_and_gans_judge_pace_by_one_rule(ours, theirs):
    (finding,) = _of_pace(_paths({"nsgda": ours * 5, "sgda": theirs * 5}))
    own, sgda = ([abs(gap) for gap in gaps] * 5 for gaps in (ours, theirs))
    gaps = {"nsgda layer": own, "nsgda global": own, "sgda": sgda}
    assert finding.verdict.outcome == grafting.judge_pace(Evidence(RING8, {}, {"pace gap": gaps})).outcome


def test_steps_without_movement_are_left_out_and_counted():
    at = {"method": "sgda", "lr_d": 1.0, "lr_g": 0.01}
    still = pl.DataFrame(at | {"seed": range(6), "pace_d": 1.0, "pace_g": 0.0})
    paths = _paths({"nsgda": [0.1] * 6, "sgda": [3.0] * 6})
    (finding,) = _of_pace(pl.concat([paths, *[still] * 3]))
    assert finding.verdict == replace(_of_pace(paths)[0].verdict, reason=finding.verdict.reason)
    assert "6 seeds of SGDA (lr_d 1, lr_g 0.01), at the 25% of recorded steps" in finding.verdict.reason
    assert "6 seeds of nSGDA (lr_d 1, lr_g 0.01), at the 100% of" in finding.verdict.reason
    alone = pl.concat([paths.filter(pl.col("method") == "nsgda"), still])
    assert _of_pace(alone) == []


def test_one_method_alone_gives_no_finding():
    assert _of_pace(_paths({"nsgda": [0.1]})) == []
    assert _of_pace(pl.DataFrame()) == []
