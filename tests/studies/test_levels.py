"""The rules of the study of levels on both sides of each bound, and its cells at smoke scale."""

import numpy as np
import polars as pl
import pytest

from paripassu.studies import levels as study


def _outcomes(narrows, badly, best, informs, rare, nearer):
    rows = []
    for seed in range(8):
        noise = 0.001 * (seed - 3.5)
        unseen = {
            study.UNIFORM: 0.0,
            study.PRIORITISED: 0.0,
            study.RANDOMISED: -badly,
            study.REGULARISED: best,
        }
        gaps = {
            study.UNIFORM: narrows,
            study.PRIORITISED: 0.0,
            study.RANDOMISED: -0.3,
            study.REGULARISED: 0.2,
        }
        for arm, gap in gaps.items():
            rows.append(
                {"condition": study.LEVELS, "arm": arm, "seed": seed, "unseen": unseen[arm] + noise,
                 "gap": gap + noise, "information": informs * gap + (noise if informs else (-1) ** seed)}
            )  # fmt: skip
        for rule in study.RULES:
            for arm, share, distance in ((study.UNIFORM, 0.0, nearer), (study.PRIORITISED, rare, 0.0)):
                rows.append(
                    {"condition": f"ring, {rule}", "arm": arm, "seed": seed, "rare": share + noise,
                     "distance": distance + noise}
                )  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.mark.parametrize(
    ("numbers", "outcomes"),
    [
        ((0.1, 0.1, 0.1, 1, 0.5, 0.1), ["supported"] * 6),
        ((-0.1, -0.2, -0.1, -1, -0.5, -0.1), ["contradicted"] * 6),
        ((0.0, 0.0, 0.0, 0, 0.0, 0.0), ["undecided"] * 6),
    ],
)
def test_each_comparison_is_judged_by_its_interval(numbers, outcomes):
    findings = study.judge(_outcomes(*numbers))
    assert [finding.verdict.outcome for finding in findings] == outcomes


def test_one_better_arm_contradicts_that_the_last_is_best():
    outcomes = _outcomes(0.1, -0.2, 0.1, 1, 0.5, 0.1)
    by_claim = {finding.claim: finding.verdict.outcome for finding in study.judge(outcomes)}
    assert by_claim[study.BEST] == "contradicted"


def test_a_seed_that_diverged_is_left_out():
    outcomes = _outcomes(0.1, 0.1, 0.1, 1, 0.5, 0.1)
    lost = (pl.col("seed") == 0) & (pl.col("arm") == study.UNIFORM)
    outcomes = outcomes.with_columns(rare=pl.when(lost).then(np.nan).otherwise("rare"))
    by_claim = {finding.claim: finding.verdict.outcome for finding in study.judge(outcomes)}
    assert by_claim[study.RARE] == "supported"


def test_cells_train_by_themselves_or_are_played():
    design = study.STUDY.scale("smoke").design
    assert len(design.sweep.settings()["cells"]) == 7
    for cell in (design.sweep.cells[3], design.sweep.cells[4]):
        outcomes = cell.compute()["outcomes"]
        assert outcomes["diverged_at"].is_infinite().all()
        assert len(outcomes) == cell.run_steps / 2
