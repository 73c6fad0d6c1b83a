"""Exponents of made-up times, and the rule on both sides of each bound."""

import math

import numpy as np
import polars as pl
import pytest

from paripassu.records import Fit
from paripassu.studies import collapse_dimension


def _times(method, by_dimension):
    rows = [(method, d, 1000, time) for d, times in by_dimension.items() for time in times]
    return pl.DataFrame(rows, schema=["method", "d", "steps", "first_recovery"], orient="row")


def test_the_exponent_of_a_power_law_is_that_power():
    times = {d: [3.0 * d**0.5] * 5 for d in (100, 1000, 10_000)}
    (fit,) = collapse_dimension.growth(_times("sgda", times))
    assert fit.exponent == pytest.approx(0.5)
    assert (fit.low, fit.high) == pytest.approx((0.5, 0.5))
    assert fit.dimensions == [100, 1000, 10_000]


def test_dimensions_that_most_seeds_did_not_recover_are_left_out():
    times = {100: [10.0] * 4, 1000: [100.0] * 3 + [math.inf], 10_000: [500.0] + [math.inf] * 3}
    (fit,) = collapse_dimension.growth(_times("sgda", times))
    assert fit.dimensions == [100, 1000]
    assert fit.exponent == pytest.approx(1.0)
    (none,) = collapse_dimension.growth(_times("sgda", {100: [10.0], 1000: [math.inf]}))
    assert np.isnan(none.exponent)


@pytest.mark.parametrize(
    ("theirs", "outcome"), [((0.9, 0.8, 1.1), "supported"), ((0.5, 0.4, 0.6), "undecided"),
                            ((0.2, 0.1, 0.3), "contradicted")],
)  # fmt: skip
def test_growth_is_judged_by_both_exponents(theirs, outcome):
    ours = Fit("nsgda", 0.05, 0.0, 0.1, [100, 1000])
    (finding,) = collapse_dimension.judge_growth([ours, Fit("sgda", *theirs, [100, 1000])], 10_000)
    assert finding.verdict.outcome == outcome
    effect = finding.verdict.effect
    assert (effect.value, effect.low, effect.high) == theirs
    assert collapse_dimension.judge_growth([ours], 10_000) == []


def test_a_missing_exponent_is_named_and_undecided():
    nan = math.nan
    ours, theirs = Fit("nsgda", 0.05, 0.0, 0.1, [100, 1000]), Fit("sgda", nan, nan, nan, [100])
    (finding,) = collapse_dimension.judge_growth([ours, theirs], 10_000)
    assert finding.verdict.outcome == "undecided"
    assert finding.verdict.reason.startswith("SGDA had every mode at fewer than two d")
