"""The rules of three studies on both sides of each bound, and the studies at their smallest."""

import polars as pl
import pytest
from tests.cases.studies import Here

from paripassu.protocol import run_study
from paripassu.report.study import write_study_page
from paripassu.studies import frequencies, patches, quadratics


def _patches(**errors):
    """Five fresh seeds an arm, all fitting; every arm's test error, and ``pairs`` that of adam in pairs."""
    rows = [(patches.FULL, arm.replace("_", " "), error) for arm, error in errors.items() if arm != "pairs"]
    rows.append((patches.PAIRS, "adam", errors.get("pairs", 0.0)))
    return pl.DataFrame(
        [
            {"condition": condition, "arm": arm, "train_error": 0.0, "test_error": error + 0.001 * seed}
            for condition, arm, error in rows
            for seed in range(5)
        ]
    )


CLEAN = {"adam": 0.9, "adam_direction": 0.8, "adam_length": 0.0, "sgd": 0.01}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "supported"),
        ({"adam_length": 0.3}, "contradicted"),
        ({"adam_direction": 0.1}, "contradicted"),
        ({"adam_direction": 0.4}, "undecided"),
        ({"sgd": 0.2}, "undecided"),
    ],
)
def test_the_direction_memorises_if_both_its_arms_fail_on_new_images(changed, expected):
    finding, _ = patches.judge(_patches(**CLEAN | changed))
    assert finding.verdict.outcome == expected


@pytest.mark.parametrize(
    ("pairs", "expected"), [(0.0, "supported"), (0.3, "undecided"), (0.7, "contradicted")]
)
def test_batches_of_two_close_the_gap_or_not(pairs, expected):
    assert patches.judge(_patches(**CLEAN, pairs=pairs))[1].verdict.outcome == expected


def test_runs_that_do_not_fit_are_not_judged():
    fresh = _patches(**CLEAN)
    late = fresh.with_columns(
        train_error=pl.when(pl.col("arm") == "sgd").then(pl.lit(0.1)).otherwise(pl.col("train_error"))
    )
    assert patches.judge(late)[0].verdict.outcome == "undecided"


def test_a_rate_is_chosen_by_training_images_alone():
    cells = patches.STUDY.scale("smoke").design.sweep.cells
    (cell,) = [cell for cell in cells if (cell.condition, cell.arm) == (patches.FULL, "adam")]
    rows = [(0.001, 0.5, 0.0), (0.002, 0.0, 0.9), (0.005, 0.0, 0.1)]
    outcomes = pl.DataFrame(
        [
            {"condition": cell.condition, "arm": cell.arm, "part": "tuning", "lr_w": lr, "train_error": train,
             "test_error": test}
            for lr, train, test in rows
        ]
    )  # fmt: skip
    (fresh,) = patches.chosen([cell], 8, outcomes)
    assert (fresh.rates, len(fresh.seeds), min(fresh.seeds)) == ((0.002,), 8, 1000)


def _frequencies(moved, cost, risk=1e-6):
    """Five seeds at one rate for each of the four arms."""
    arms = ("adam", "adam direction", "adam length", "sgd")
    return pl.DataFrame(
        [
            {"arm": arm, "lr_w": 0.1, "risk": risk, "moved": m, "cost": c + 1e-4 * seed}
            for arm, m, c in zip(arms, moved, cost, strict=True)
            for seed in range(5)
        ]
    )


OUT, IN = (0.3, 0.1, 1e-16, 1e-15), (0.2, 0.1, 0.0, 0.001)


@pytest.mark.parametrize(
    ("moved", "cost", "expected"),
    [
        (OUT, IN, ("supported", "supported")),
        ((0.3, 0.1, 0.01, 0.0), IN, ("contradicted", "supported")),
        ((0.3, 1e-6, 0.0, 0.0), IN, ("undecided", "supported")),
        (OUT, (0.2, 0.1, 0.0, 0.1), ("supported", "contradicted")),
        (OUT, (0.2, 0.005, 0.0, 0.0), ("supported", "contradicted")),
    ],
)
def test_the_direction_enters_and_costs_if_both_its_arms_do(moved, cost, expected):
    findings = frequencies.judge(_frequencies(moved, cost), "made up")
    assert tuple(finding.verdict.outcome for finding in findings) == expected


def test_a_low_cost_at_one_of_two_rates_decides_nothing():
    both = pl.concat(
        [_frequencies(OUT, IN), _frequencies(OUT, (0.2, 0.005, 0.0, 0.0)).with_columns(lr_w=0.2)]
    )
    assert frequencies.judge(both, "made up")[1].verdict.outcome == "undecided"


def test_rates_that_do_not_fit_are_left_out():
    wild = _frequencies((0.3, 0.1, 9.0, 9.0), (0.2, 0.1, 9.0, 9.0), risk=1.0).with_columns(lr_w=0.2)
    findings = frequencies.judge(pl.concat([_frequencies(OUT, IN), wild]), "made up")
    assert {finding.verdict.outcome for finding in findings} == {"supported"}
    assert {finding.verdict.outcome for finding in frequencies.judge(wild, "made up")} == {"undecided"}


def _quadratics(power, late=1.0):
    """Runs of one arm at two rates, with the variance in proportion to the rate to a power."""
    spread = [(-1) ** seed * (1 + 0.001 * seed) for seed in range(40)]
    return pl.DataFrame(
        [
            {
                "arm": "sgd",
                "lr_theta": lr,
                "theta": 0.3 + lr ** (power / 2) * x,
                "early": abs(x),
                "late": late * abs(x),
            }
            for lr in (0.2, 0.05)
            for x in spread
        ]
    )


@pytest.mark.parametrize(
    ("power", "expected"), [(1.0, "supported"), (2.0, "contradicted"), (0.0, "contradicted")]
)
def test_the_power_of_the_rate_is_measured(power, expected):
    assert quadratics.power(_quadratics(power)).value == pytest.approx(power, abs=1e-6)
    assert quadratics.judge(_quadratics(power), "made up")[1].verdict.outcome == expected


@pytest.mark.parametrize(("late", "expected"), [(1.0, "supported"), (0.5, "contradicted")])
def test_a_distance_that_falls_is_convergence(late, expected):
    assert quadratics.judge(_quadratics(1.0, late), "made up")[0].verdict.outcome == expected


@pytest.mark.parametrize("module", [frequencies, patches, quadratics], ids=lambda module: module.STUDY.name)
def test_each_study_runs_at_its_smallest(module, tmp_path):
    result = run_study(module.STUDY, "smoke", tmp_path, engine=Here())
    assert {finding.verdict.outcome for finding in result.findings} == {"undecided"}
    page = write_study_page(tmp_path).read_text(encoding="utf-8")
    assert all(arm in page for arm in module.ARMS)
