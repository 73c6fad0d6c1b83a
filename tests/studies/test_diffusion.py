"""The rules of the study of learned noise on both sides of each bound."""

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
            rows.append({"arm": arm, "seed": seed, "corrupted": corrupted, "clean": own})
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
                rows.append({"condition": condition, "arm": arm, "seed": seed, "distance": distance})
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


def test_a_seed_that_diverged_is_left_out_of_games():
    games = _games(0.02, 0.02, 0.02)
    lost = games.with_columns(
        distance=pl.when((pl.col("seed") == 3) & (pl.col("arm") == study.LEARNED))
        .then(float("nan"))
        .otherwise(pl.col("distance"))
    )
    assert [finding.verdict.outcome for finding in study.judge_games(lost)] == ["supported"] * 2


def test_cells_measure_clean_and_corrupted_accuracy():
    cells = study.STUDY.scale("smoke").design.sweep.cells
    learned = next(cell for cell in cells if cell.arm == study.LEARNED)
    assert learned.condition == study.DIGITS
    outcomes = learned.compute()["outcomes"]
    each = outcomes.select("noise", "blur", "contrast", "occlusion", "shift").mean_horizontal()
    assert outcomes["corrupted"].to_list() == pytest.approx(each.to_list())
    assert outcomes["sigma"].null_count() == 0
