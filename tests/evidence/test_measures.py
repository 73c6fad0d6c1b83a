"""Measures are what they were by hand, and what reading record by record gives."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles import measures as oracle

from paripassu.evidence import measures
from paripassu.evidence.measures import gradient_wander, pace_gap, pace_gaps, pace_wander, step_wander
from paripassu.evidence.tables import run_table
from paripassu.records import Losses, Pace, Update
from paripassu.records.codec import RecordWriter, read_records

NAMES = ("pace_gap", "pace_wander", "step_wander", "gradient_wander")
LENGTHS = st.floats(0, 1e6) | st.just(math.nan)
STEPS = st.integers(0, 40)
RECORDS = (
    st.builds(Pace, STEPS, st.just("discriminator"), st.just("generator"), LENGTHS | st.just(math.inf))
    | st.builds(Update, STEPS, st.sampled_from(["g", "d"]), st.sampled_from(["", "0", "1"]), *[LENGTHS] * 4)
    | st.builds(Losses, STEPS, LENGTHS, LENGTHS)
)


def table_of(folder, *records):
    with RecordWriter(folder / "records.jsonl") as write:
        for record in sorted(records, key=lambda record: record.step):
            write(record)
    return run_table(folder)


def update(step, length, layer="0", player="g"):
    return Update(step, player, layer, 2 * length**2, length, 1.0, 1.0)


@given(records=st.lists(RECORDS, max_size=20))
def test_a_measure_is_its_slow_twins(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    table = table_of(folder, *records)
    written = list(read_records(folder / "records.jsonl"))
    for name in NAMES:
        assert getattr(measures, name)(table) == pytest.approx(
            getattr(oracle, name)(written), rel=1e-12, nan_ok=True
        )


def test_the_pace_gap_is_in_decades(tmp_path):
    paces = (Pace(step, "d", "g", value) for step, value in enumerate((10.0, 0.1, 0.0, math.nan, 1.0)))
    table = table_of(tmp_path, *paces)
    assert pace_gap(table) == pytest.approx(2 / 3)
    assert pace_wander(table) == pytest.approx(math.sqrt(2 / 3))


def test_a_constant_pace_does_not_wander(tmp_path):
    table = table_of(tmp_path, *(Pace(step, "d", "g", 7.0) for step in range(5)))
    assert pace_wander(table) == pytest.approx(0)
    assert pace_gap(table) == pytest.approx(math.log10(7))


def test_wander_is_the_median_layers_without_the_first_tenth(tmp_path):
    """Lengths 1 and 3 have mean 2 and deviation 1; the step before a tenth of 100 is far off."""
    steps = [update(9, 1e6), update(50, 1.0), update(100, 3.0), update(50, 1e9, layer="")]
    constant = [update(step, 5.0, layer) for step in (50, 100) for layer in ("1", "2")]
    table = table_of(tmp_path, *steps, *constant[::2])
    assert step_wander(table) == pytest.approx((0.5 + 0.0) / 2)
    assert gradient_wander(table) == pytest.approx((0.8 + 0.0) / 2)


def test_runs_without_probed_steps_have_no_measure(tmp_path):
    table = table_of(tmp_path, Losses(1, 1.0, 1.0))
    assert all(math.isnan(getattr(measures, name)(table)) for name in NAMES)
    assert all(math.isnan(getattr(measures, name)(table.clear())) for name in NAMES)


def test_pace_gaps_leave_out_steps_at_which_a_player_stands_still():
    paths = pl.DataFrame(
        {
            "method": ["nsgda"] * 3 + ["sgda"] * 2,
            "seed": [0] * 3 + [1] * 2,
            "pace_d": [10.0, 0.0, 0.01, 0.0, 1.0],
            "pace_g": [1.0, 1.0, 1.0, 1.0, 0.0],
        }
    )
    (row,) = pace_gaps(paths).to_dicts()
    assert row == {"method": "nsgda", "seed": 0, "gap": pytest.approx(1.5), "moving": pytest.approx(2 / 3)}


def test_scaling_both_players_changes_no_wander(tmp_path):
    rng = np.random.default_rng(0)
    lengths = rng.uniform(0.5, 2.0, 20)
    for name, factor in (("a", 1.0), ("b", 1000.0)):
        (tmp_path / name).mkdir()
        table_of(tmp_path / name, *(update(step, factor * x) for step, x in enumerate(lengths)))
    one, other = (step_wander(run_table(tmp_path / name)) for name in "ab")
    assert one == pytest.approx(other)
