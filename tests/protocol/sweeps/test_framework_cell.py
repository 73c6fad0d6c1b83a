"""Cells of the framework: their rows are the simulator's runs, and their settings make another batch."""

from dataclasses import replace

import pytest

from paripassu.protocol.sweeps import FrameworkCell, at_best_rate
from paripassu.protocol.sweeps.framework_cell import AT_END, EVER, MISSED
from paripassu.theory import Framework, simulate

CELL = FrameworkCell("d = 100", "shares", Framework(d=100), "shares", (1e-4, 0.01), 1500, range(4), 1.0)


def test_a_row_is_a_run_of_the_simulator():
    outcomes = CELL.compute()["outcomes"]
    whole = simulate(
        CELL.framework,
        "shares",
        lr_d=[[1e-4], [0.01]],
        pace=1.0,
        steps=1500,
        seeds=range(4),
        record=range(1501),
    )
    at_end = whole.recovered[:, -1].all(axis=1)
    assert outcomes[AT_END].to_list() == at_end.astype(float).tolist()
    assert outcomes["lr_discriminator"].to_list() == whole.lr_d.tolist()
    assert outcomes["lr_generator"].null_count() == 8
    assert 0 < outcomes[EVER].sum() < 8  # or the next test would choose by nothing
    assert (outcomes[MISSED] + outcomes[EVER] + outcomes[AT_END] == 2).all()
    assert CELL.run_steps == 12_000


def test_the_best_rate_goes_on_to_fresh_seeds():
    tuning = replace(CELL, part="tuning")
    fresh = at_best_rate(tuning, tuning.compute()["outcomes"], MISSED, 5)
    assert (fresh.rates, fresh.part, list(fresh.seeds)) == ((0.01,), "fresh", list(range(1000, 1005)))


def test_pairs_of_rates_belong_to_each_other():
    cell = replace(CELL, method="sgda", pace=None, rates=((0.1, 0.01), (0.2, 0.03)), steps=3)
    outcomes = cell.compute()["outcomes"]
    assert outcomes["lr_generator"].to_list() == [0.01] * 4 + [0.03] * 4
    assert outcomes["diverged_at"].is_infinite().all()


def test_other_settings_are_another_batch():
    others = [replace(CELL, pace=2.0), replace(CELL, framework=Framework(d=101)), replace(CELL, steps=9)]
    assert len({str(cell.settings()) for cell in [CELL, *others]}) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": ()}, "needs a rate and a seed"),
        ({"rates": ((0.1, 0.1),)}, "the discriminator's alone"),
        ({"pace": None}, "must be pairs"),
        ({"pace": 0.0}, "a pace must be"),
        ({"method": "adam"}, "method must be"),
    ],
)
def test_settings_that_do_not_go_together_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(CELL, **changes)
