"""Which steps are recorded, and how settings broadcast to runs."""

import math

import pytest

from paripassu.theory import log_steps
from paripassu.theory.recording import broadcast_runs, record_steps


def test_log_steps_begin_at_zero_and_end_at_the_last():
    assert log_steps(1000, 4).tolist() == [0, 1, 10, 100, 1000]
    assert log_steps(0).tolist() == [0]
    assert log_steps(3, 60).tolist() == [0, 1, 2, 3]


def test_without_a_list_the_steps_are_logarithmic():
    assert record_steps(50, None).tolist() == log_steps(50).tolist()
    assert record_steps(50, [0, 7]).tolist() == [0, 7]


@pytest.mark.parametrize(
    ("steps", "record", "message"),
    [
        (-1, None, "steps must be >= 0, got -1"),
        (9, [3, 3], "increasing"),
        (9, [], "increasing"),
        (9, [[1], [2]], "increasing"),
        (9, [0, 10], r"within 0\.\.9, got 0\.\.10"),
        (9, [-1, 5], "within"),
        (9, [0, 1.7], r"whole numbers of steps, got \[0.0, 1.7\]"),
        (9, [0.0, math.nan], "whole numbers of steps"),
        (9.5, None, "steps must be a whole number, got 9.5"),
    ],
)
def test_wrong_records_are_named(steps, record, message):
    with pytest.raises(ValueError, match=message):
        record_steps(steps, record)


def test_runs_broadcast_in_c_order():
    runs = broadcast_runs({"a": [[0.1], [0.2]], "b": 1.0}, [5, 6])
    assert runs.rates["a"].tolist() == [0.1, 0.1, 0.2, 0.2]
    assert runs.rates["b"].tolist() == [1.0] * 4
    assert runs.seeds.tolist() == [5, 6, 5, 6]


def test_given_starts_broadcast_like_seeds():
    runs = broadcast_runs({"a": [[0.1], [0.2]]}, 0, starts=3)
    assert runs.starts.tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(ValueError, match=r"broadcast, got a \(2,\), seeds \(\), start \(3,\)"):
        broadcast_runs({"a": [0.1, 0.2]}, 0, starts=3)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_learning_rates_are_finite_and_positive(wrong):
    with pytest.raises(ValueError, match="a must be finite and > 0"):
        broadcast_runs({"a": [0.1, wrong]}, 0)
