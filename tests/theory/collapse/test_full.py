"""Any rule in full dimension gives what the reduced simulator gives."""

import math
from dataclasses import fields

import numpy as np
import pytest
from tests.theory.collapse.test_problem import given_start

from paripassu.rules import SGD, Adam, Normalize
from paripassu.theory import Framework, simulate
from paripassu.theory.collapse.full import FULL_METHODS, simulate_full

SMALL = Framework(d=60, n_discriminator=4, n_generator=3, p_pair=0.2)
RATES = {"lr_d": 0.05, "lr_g": 0.02}


@pytest.mark.parametrize(("rule", "method"), [(SGD(), "sgda"), (Normalize(), "nsgda")])
def test_every_field_is_the_reduced_simulators(rule, method):
    settings = {**RATES, "steps": 100, "start": given_start(SMALL, runs=2), "record": [0, 7, 100]}
    full = simulate_full(SMALL, rule, method=method, **settings)
    reduced = simulate(SMALL, method, **settings)
    for field in fields(reduced):
        ours, theirs = getattr(full, field.name), getattr(reduced, field.name)
        if field.name in ("W", "V"):  # signs of the basis are free
            ours, theirs = ours @ ours.swapaxes(1, 2), theirs @ theirs.swapaxes(1, 2)
        if isinstance(theirs, np.ndarray):
            assert ours.shape == theirs.shape, field.name
            assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-10), field.name
        else:
            assert ours == theirs


def test_a_pace_is_that_of_the_reduced_simulator():
    settings = {"lr_d": 0.05, "pace": 0.5, "steps": 40, "start": given_start(SMALL), "record": [0, 40]}
    full, reduced = (
        simulate_full(SMALL, SGD(), method="sgda", **settings),
        simulate(SMALL, "sgda", **settings),
    )
    for name in ("norm_w", "norm_v", "pace_d", "pace_g"):
        assert getattr(full, name) == pytest.approx(getattr(reduced, name), rel=1e-8)


def test_final_weights_keep_their_inner_products_with_drawn_modes():
    result = simulate_full(
        SMALL, FULL_METHODS["adam"], method="adam", lr_d=0.01, lr_g=0.01, steps=5, seeds=[3]
    )
    modes = SMALL.mode_coordinates()
    cosines = (result.V[0, :, :2] @ modes.T) / np.linalg.norm(result.V[0], axis=1, keepdims=True)
    assert cosines == pytest.approx(result.cosines[0, -1], rel=1e-9)
    assert np.linalg.norm(result.W[0]) == pytest.approx(result.norm_w[0, -1], rel=1e-12)


def test_the_first_step_of_adam_moves_every_weight_by_the_rate():
    adam = Adam(betas=(0.0, 0.9), eps=1e-30)
    result = simulate_full(Framework(d=400), adam, method="adam", lr_d=1e-3, lr_g=1e-4, steps=3, seeds=[0, 1])
    assert result.pace_d[:, 0] * result.norm_w[:, 0] == pytest.approx([1e-3 * math.sqrt(4000)] * 2, rel=1e-3)
    assert result.method == "adam"
    assert not np.array_equal(result.W[0], result.W[1])


def test_the_magnitude_of_adam_on_sgds_direction_recovers_both_modes():
    graft = FULL_METHODS["ada-nsgda"]
    result = simulate_full(
        Framework(d=100), graft, method="ada-nsgda", lr_d=0.01, lr_g=0.003, steps=90, seeds=[0, 1, 2]
    )
    assert np.isfinite(result.first_recovery).all()


def test_a_run_that_overflows_is_recorded_and_spoils_no_other():
    start = given_start(SMALL, runs=2)
    settings = {"method": "sgda", "lr_g": 0.02, "steps": 50, "record": range(0, 51, 10)}
    both = simulate_full(SMALL, SGD(), lr_d=[0.05, 1e200], start=start, **settings)
    alone = simulate_full(SMALL, SGD(), lr_d=0.05, start=tuple(x[:1] for x in start), **settings)
    assert both.diverged_at[0] == math.inf
    assert both.diverged_at[1] < 50
    assert np.isnan(both.norm_w[1, -1])
    assert not both.recovered[1, -1].any()
    assert both.norm_w[0] == pytest.approx(alone.norm_w[0], rel=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lr_d": -1.0}, "lr of 'discriminator' must be finite and > 0"),
        ({"steps": 0}, "steps"),
        ({"record": [9, 3]}, "increasing"),
        (
            {"start": (np.zeros((1, 4, 9)), np.zeros((1, 3, 9)))},
            "start of 'discriminator' must have the shapes",
        ),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        simulate_full(SMALL, SGD(), method="sgda", **({**RATES, "steps": 10} | wrong))
