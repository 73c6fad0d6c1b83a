"""The full-dimensional path plays the same game; what it adds is Adam."""

import numpy as np
import pytest

from paripassu.rules import SGD, Normalize
from paripassu.theory import Framework, simulate
from paripassu.theory.full import FULL_METHODS, simulate_full

FRAMEWORK = Framework(d=60, n_discriminator=4, n_generator=3, p_pair=0.2)


def _start(scale):
    rng = np.random.default_rng(0)
    return scale * rng.standard_normal((2, 4, 60)), scale * rng.standard_normal((2, 3, 60))


@pytest.mark.parametrize(("method", "rule"), [("sgda", SGD()), ("nsgda", Normalize(SGD(), "global"))])
def test_with_rotation_equivariant_rules_it_is_the_reduced_simulator(method, rule):
    """Every record but the final weights' coordinates, which agree in their inner products."""
    start = _start(0.3)
    settings = {"lr_d": 0.05, "lr_g": 0.02, "steps": 200, "seeds": [0, 1], "start": start}
    full = simulate_full(FRAMEWORK, rule, method=method, **settings)
    reduced = simulate(FRAMEWORK, method, **settings)
    for name in (
        "mass", "average_mass", "cosines", "correlations", "norm_w", "norm_v", "gradient_w", "gradient_v",
        "real", "fake", "pace_d", "pace_g", "first_recovery", "diverged_at",
    ):  # fmt: skip
        assert getattr(full, name) == pytest.approx(getattr(reduced, name), rel=1e-7, abs=1e-9), name
    assert np.array_equal(full.recovered, reduced.recovered)
    for ours, theirs in ((full.W, reduced.W), (full.V, reduced.V)):
        assert ours @ ours.transpose(0, 2, 1) == pytest.approx(theirs @ theirs.transpose(0, 2, 1), rel=1e-7)


def test_starts_have_the_sizes_of_the_law():
    result = simulate_full(Framework(d=2000), SGD(), method="sgda", lr_d=0.1, lr_g=0.1, steps=0, seeds=[0, 1])
    assert result.norm_w[:, 0] == pytest.approx([np.sqrt(10)] * 2, rel=0.05)
    assert result.norm_v[:, 0] == pytest.approx([np.sqrt(8 / 2000)] * 2, rel=0.05)
    assert not np.array_equal(result.W[0], result.W[1])


@pytest.mark.parametrize("method", FULL_METHODS)
def test_every_method_has_its_length(method):
    """Adam's first step, without momentum, is lr times the signs: of length lr sqrt(m d)."""
    W, V = _start(0.3)
    result = simulate_full(
        FRAMEWORK, FULL_METHODS[method], method=method, lr_d=0.05, lr_g=0.02, steps=1, start=(W[:1], V[:1])
    )
    step = result.pace_d[0, 0] * result.norm_w[0, 0]
    expected = 0.05 * (result.gradient_w[0, 0] if method == "adadir" else np.sqrt(4 * 60))
    assert step == pytest.approx(expected, rel=1e-3)


def test_an_overflow_is_recorded_with_its_step():
    start = _start(0.3)
    settings = {"lr_d": 1e200, "lr_g": 1e200, "steps": 9, "seeds": [0, 1], "start": start}
    full = simulate_full(FRAMEWORK, SGD(), method="sgda", **settings)
    assert full.diverged_at[0] == simulate(FRAMEWORK, "sgda", **settings).diverged_at[0] == 1
    assert np.isfinite(full.norm_w[0, 0])
    assert np.isnan(full.norm_w[0, 1:]).all()
