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


def test_cells_measure_clean_and_corrupted_accuracy():
    cells = study.STUDY.scale("smoke").design.sweep.cells
    learned = next(cell for cell in cells if cell.arm == study.LEARNED)
    outcomes = learned.compute()["outcomes"]
    each = outcomes.select("noise", "blur", "contrast", "occlusion", "shift").mean_horizontal()
    assert outcomes["corrupted"].to_list() == pytest.approx(each.to_list())
    assert outcomes["sigma"].null_count() == 0
