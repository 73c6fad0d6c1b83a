"""The rules of the study of learned noise on both sides of each bound."""

import numpy as np
import polars as pl
import pytest

from paripassu.studies import diffusion as study


def _outcomes(over_augmented, over_fixed, clean):
    rows = []
    for seed in range(8):
        noise = 0.001 * (seed - 3.5)
        for arm, corrupted, own in (
            (study.LEARNED, 0.8 + noise, 0.9 + clean + noise),
            (study.AUGMENTED, 0.8 - over_augmented, 0.9),
            (study.FIXED, 0.8 - over_fixed, 0.9),
        ):
            rows.append({"arm": arm, "seed": seed, "corrupted": corrupted, "clean": own,
                         "diverged_at": np.inf})  # fmt: skip
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("numbers", "outcomes"),
    [
        ((0.02, 0.01, -0.01), ("supported", "supported", "supported")),
        ((-0.02, -0.01, -0.03), ("contradicted", "contradicted", "contradicted")),
        ((0.0, 0.02, -0.02), ("undecided", "supported", "undecided")),
    ],
)
def test_each_comparison_is_judged_by_its_interval(numbers, outcomes):
    findings = study.judge(_outcomes(*numbers))
    assert tuple(finding.verdict.outcome for finding in findings) == outcomes


def _games(adam, nsgda, over_fixed):
    rows = []
    for condition, lead in zip(study.GAMES, (adam, nsgda), strict=True):
        for seed in range(8):
            noise = 0.001 * (seed - 3.5)
            for arm, distance in (
                (study.LEARNED, 0.4 + noise),
                (study.NO_NOISE, 0.4 + lead),
                (study.FIXED, 0.4 + over_fixed),
            ):
                rows.append({"condition": condition, "arm": arm, "seed": seed, "distance": distance,
                             "diverged_at": np.inf})  # fmt: skip
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("numbers", "outcomes"),
    [
        ((0.02, 0.01, 0.01), ("supported", "supported")),
        ((0.02, -0.01, 0.0), ("contradicted", "undecided")),
        ((0.02, 0.0, -0.01), ("undecided", "contradicted")),
    ],
)
def test_games_are_judged_under_both_rules(numbers, outcomes):
    findings = study.judge_games(_games(*numbers))
    assert tuple(finding.verdict.outcome for finding in findings) == outcomes


def _lose(outcomes, arm, count, *numbers):
    lost = (pl.col("arm") == arm) & (pl.col("seed") < count)
    return outcomes.with_columns(
        *(pl.when(lost).then(np.nan).otherwise(number).alias(number) for number in numbers),
        diverged_at=pl.when(lost).then(1.0).otherwise("diverged_at"),
    )


def test_noise_that_diverges_does_not_win_by_the_seeds_that_are_left():
    outcomes = _lose(_outcomes(0.02, 0.01, -0.01), study.LEARNED, 7, "corrupted", "clean")
    games = _lose(_games(0.02, 0.01, 0.01), study.LEARNED, 7, "distance")
    for finding in (*study.judge(outcomes), *study.judge_games(games)):
        assert finding.verdict.outcome != "supported"
        assert "7 of 16 runs diverged" in finding.verdict.reason


def test_another_arm_that_diverges_does_not_win_by_being_left_out():
    games = _lose(_games(-0.02, -0.02, -0.02), study.FIXED, 7, "distance")
    findings = {finding.claim: finding.verdict for finding in study.judge_games(games)}
    assert findings[study.THAN_FIXED_MODES].outcome != "contradicted"
    assert findings[study.NEARER].outcome == "contradicted"
    assert "diverged" not in findings[study.NEARER].reason


def test_cells_measure_clean_and_corrupted_accuracy():
    cells = study.STUDY.scale("smoke").design.sweep.cells
    learned = next(cell for cell in cells if cell.arm == study.LEARNED)
    assert learned.condition == study.DIGITS
    outcomes = learned.compute()["outcomes"]
    each = outcomes.select("noise", "blur", "contrast", "occlusion", "shift").mean_horizontal()
    assert outcomes["corrupted"].to_list() == pytest.approx(each.to_list())
    assert outcomes["sigma"].null_count() == 0
