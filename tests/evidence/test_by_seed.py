"""Differences of two arms by seed: exact without divergence, and never helped by it."""

import numpy as np
import polars as pl
import pytest

from paripassu.evidence.by_seed import lead


def _outcomes(**values):
    rows = [
        {"arm": arm, "seed": seed, "number": value, "diverged_at": 3.0 if value is None else np.inf}
        for arm, own in values.items()
        for seed, value in enumerate(own)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def test_it_is_the_mean_of_the_differences():
    found = lead(_outcomes(a=[1.0, 2.0, 4.0], b=[0.5, 1.0, 1.0]), "a", "b", "number", "higher")
    assert found.interval.value == pytest.approx((0.5 + 1 + 3) / 3)
    assert (found.runs, found.diverged) == (6, 0)
    assert "diverged" not in str(found)


def test_rows_need_no_order():
    outcomes = _outcomes(a=[1.0, 2.0, 4.0], b=[0.5, 1.0, 1.0])
    shuffled = outcomes.sample(fraction=1.0, shuffle=True, seed=1)
    assert lead(shuffled, "a", "b", "number", "lower") == lead(outcomes, "a", "b", "number", "lower")


@pytest.mark.parametrize(("better", "worst"), [("higher", -7.0), ("lower", 9.0)])
def test_a_lost_run_has_the_worst_value_of_any_arm(better, worst):
    found = lead(_outcomes(a=[None, 2.0], b=[1.0, 2.0], c=[-7.0, 9.0]), "a", "b", "number", better)
    assert found.interval.value == (worst - 1.0) / 2
    assert found.diverged == 1


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("lost", range(1, 9))
def test_no_arm_is_ahead_by_runs_that_it_lost(better, lost):
    rng, sign = np.random.default_rng(lost), 1 if better == "higher" else -1
    one, other = rng.normal(size=(2, 8)).tolist()
    part = _outcomes(a=[None] * lost + one[lost:], b=other)
    found = lead(part, "a", "b", "number", better)
    kept = sum(sign * (a - b) for a, b in zip(one[lost:], other[lost:], strict=True))
    assert sign * found.interval.value <= kept / 8 + 1e-12
    bounded = lead(part, "a", "b", "number", better, worst=-9.0 * sign)
    assert (
        sign * bounded.interval.value
        < sign * lead(_outcomes(a=one, b=other), "a", "b", "number", better).interval.value
    )


def test_a_number_of_a_run_that_diverged_does_not_count():
    outcomes = _outcomes(a=[5.0, 2.0], b=[1.0, 2.0]).with_columns(
        diverged_at=pl.when(pl.col("number") == 5.0).then(1.0).otherwise(np.inf)
    )
    assert lead(outcomes, "a", "b", "number", "higher").interval.value == 0.0


def test_nothing_follows_if_every_run_diverged():
    found = lead(_outcomes(a=[None, None], b=[None, None]), "a", "b", "number", "higher")
    assert (found.interval.low, found.interval.high) == (-np.inf, np.inf)
    assert str(found).endswith("(4 of 4 runs diverged)")
