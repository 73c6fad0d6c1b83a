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
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(diverged_at=pl.lit(np.inf))


def _lose(outcomes, arm, seeds, *numbers, is_finite=False):
    """The outcomes where an arm diverged at some seeds."""
    lost = (pl.col("arm") == arm) & pl.col("seed").is_in(seeds)
    outcomes = outcomes.with_columns(diverged_at=pl.when(lost).then(1.0).otherwise("diverged_at"))
    if is_finite:
        return outcomes
    return outcomes.with_columns(pl.when(lost).then(np.nan).otherwise(name).alias(name) for name in numbers)


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


_BETTER = ((0.1, 0.1, 0.1, 1, 0.5, 0.1), ["supported"] * 6)
_WORSE = ((-0.1, -0.2, -0.1, -1, -0.5, -0.1), ["contradicted"] * 6)


def _by_claim(outcomes):
    return {finding.claim: finding.verdict for finding in study.judge(outcomes)}


@pytest.mark.parametrize("is_finite", [False, True])
@pytest.mark.parametrize(
    ("claim", "arm", "number"),
    [
        (study.NARROWS, study.PRIORITISED, "gap"),
        (study.BADLY, study.UNIFORM, "unseen"),
        (study.BEST, study.REGULARISED, "unseen"),
        (study.RARE, study.PRIORITISED, "rare"),
        (study.MODES, study.PRIORITISED, "distance"),
    ],
)
def test_an_arm_that_diverges_does_not_win_by_the_seeds_that_are_left(claim, arm, number, is_finite):
    outcomes = _outcomes(*_BETTER[0])
    lost = _by_claim(_lose(outcomes, arm, range(7), number, is_finite=is_finite))[claim]
    assert _by_claim(outcomes)[claim].outcome == "supported"
    assert lost.outcome != "supported"
    assert "7 of 16 runs diverged" in lost.reason


@pytest.mark.parametrize(
    ("claim", "arm", "number"),
    [
        (study.NARROWS, study.UNIFORM, "gap"),
        (study.BADLY, study.RANDOMISED, "unseen"),
        (study.RARE, study.UNIFORM, "rare"),
        (study.MODES, study.UNIFORM, "distance"),
    ],
)
def test_an_arm_that_diverges_does_not_win_by_being_left_out(claim, arm, number):
    lost = _by_claim(_lose(_outcomes(*_WORSE[0]), arm, range(7), number))[claim]
    assert lost.outcome != "contradicted"


def test_one_run_that_diverged_leaves_the_rest_as_it_was():
    verdicts = _by_claim(_lose(_outcomes(*_BETTER[0]), study.UNIFORM, [0], "rare", "unseen", "gap"))
    assert verdicts[study.RARE].outcome == "supported"
    assert "1 of 16 runs diverged" in verdicts[study.RARE].reason


def test_the_correlation_is_undecided_if_a_run_diverged():
    verdict = _by_claim(_lose(_outcomes(*_BETTER[0]), study.RANDOMISED, [0], "gap"))[study.INFORMS]
    assert verdict.outcome == "undecided"
    assert "1 of 32 runs diverged" in verdict.reason


def test_cells_train_by_themselves_or_are_played():
    design = study.STUDY.scale("smoke").design
    assert len(design.sweep.settings()["cells"]) == 7
    for cell in (design.sweep.cells[3], design.sweep.cells[4]):
        outcomes = cell.compute()["outcomes"]
        assert outcomes["diverged_at"].is_infinite().all()
        assert len(outcomes) == cell.run_steps / 2
