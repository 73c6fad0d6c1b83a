"""Any rule in full dimension: the reduced simulator is its special case."""

import math

import numpy as np
import pytest

from paripassu.rules import SGD, Adam, Graft, Normalize
from paripassu.theory import Framework, simulate
from paripassu.theory.collapse.full import simulate_full

SMALL = Framework(d=60, n_discriminator=4, n_generator=3, p_pair=0.2)
RATES = {"lr_d": 0.05, "lr_g": 0.02}


def _start(framework, seed=0, runs=1):
    rng = np.random.default_rng(seed)
    shapes = ((runs, framework.n_discriminator, framework.d), (runs, framework.n_generator, framework.d))
    return tuple(0.3 * rng.standard_normal(shape) for shape in shapes)


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
@pytest.mark.parametrize(
    ("rule", "method", "momentum"),
    [
        (SGD(), "sgda", 0.0),
        (SGD(0.8), "sgda", 0.8),
        (Normalize(SGD()), "nsgda", 0.0),
        (Normalize(SGD(), "layer"), "nsgda", 0.0),
    ],
)
@pytest.mark.parametrize("law", ["modes", "coefficients"])
def test_agrees_with_the_reduction_where_the_rule_is_equivariant(law, rule, method, momentum, updates):
    framework = Framework(d=60, n_discriminator=4, n_generator=3, law=law)
    asked = {**RATES, "steps": 200, "updates": updates, "start": _start(framework), "record": [0, 7, 200]}
    full = simulate_full(framework, rule, method=method, **asked)
    reduced = simulate(framework, method, momentum=momentum, **asked)
    for name in ("cosines", "correlations", "norm_w", "norm_v", "gradient_w", "real", "fake", "mass"):
        assert getattr(full, name) == pytest.approx(getattr(reduced, name), rel=1e-8, abs=1e-10), name
    assert full.pace_d == pytest.approx(reduced.pace_d, rel=1e-8)
    assert full.pace_g[:, :-1] == pytest.approx(reduced.pace_g[:, :-1], rel=1e-8)
    assert full.V[0] @ full.V[0].T == pytest.approx(reduced.V[0] @ reduced.V[0].T, rel=1e-8)


def test_adams_own_start_is_of_the_frameworks_scale_and_its_steps_of_adams():
    """Adam's first step moves every weight by the learning rate, but for epsilon."""
    framework = Framework(d=400)
    adam = Adam(betas=(0.0, 0.9), eps=1e-30)
    result = simulate_full(framework, adam, method="adam", lr_d=1e-3, lr_g=1e-4, steps=3, seeds=[0, 1])
    assert result.norm_w[:, 0] == pytest.approx([math.sqrt(10)] * 2, rel=0.1)
    assert result.norm_v[:, 0] == pytest.approx([math.sqrt(8 / 400)] * 2, rel=0.1)
    assert result.pace_d[:, 0] * result.norm_w[:, 0] == pytest.approx([1e-3 * math.sqrt(4000)] * 2, rel=1e-3)
    assert result.method == "adam"
    assert not np.array_equal(result.W[0], result.W[1])


def test_adams_magnitude_on_sgds_direction_recovers_both_modes():
    graft = Graft(magnitude=Adam(betas=(0.0, 0.9)), direction=SGD())
    result = simulate_full(
        Framework(d=100), graft, method="ada-nsgda", lr_d=3e-3, lr_g=1e-3, steps=2000, seeds=[0]
    )
    assert math.isfinite(result.first_recovery[0])


def test_a_run_that_overflows_is_recorded_and_spoils_no_other():
    start = _start(SMALL, runs=2)
    asked = {"method": "sgda", "lr_g": 0.02, "steps": 50, "record": range(0, 51, 10)}
    both = simulate_full(SMALL, SGD(), lr_d=[0.05, 1e200], start=start, **asked)
    alone = simulate_full(SMALL, SGD(), lr_d=0.05, start=tuple(x[:1] for x in start), **asked)
    assert both.diverged_at[0] == math.inf
    assert both.diverged_at[1] < 50
    assert np.isnan(both.norm_w[1, -1])
    assert not both.recovered[1, -1].any()
    assert np.array_equal(both.norm_w[0], alone.norm_w[0])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"lr_d": -1.0}, "lr_d"), ({"steps": -1}, "steps"), ({"record": [9, 3]}, "increasing")],
)
def test_bad_settings_are_told(wrong, told):
    with pytest.raises(ValueError, match=told):
        simulate_full(SMALL, SGD(), method="sgda", **({**RATES, "steps": 10} | wrong))
