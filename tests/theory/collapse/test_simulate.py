"""What the fast simulator promises; `test_problem` compares its paths with `play` in full dimension."""

import math

import numpy as np
import pytest
from numba import njit

from paripassu.theory import Framework, log_steps, simulate
from paripassu.theory.collapse.lanes import WIDTH, exp_negative, load, store

# Starts larger than the framework's own, so that a few hundred steps go far from them.
D60 = Framework(d=60, n_discriminator=4, n_generator=3, p_pair=0.2)


def _start(framework, seed=0, scale=0.3):
    rng = np.random.default_rng(seed)
    W = scale * rng.standard_normal((framework.n_discriminator, framework.d))
    return W, scale * rng.standard_normal((framework.n_generator, framework.d))


def _simulate(framework, W, V, **settings):
    return simulate(framework, lr_d=0.05, lr_g=0.02, start=(W[None], V[None]), **settings)


def test_the_steps_of_nsgda_are_exactly_the_learning_rate():
    result = simulate(Framework(), "nsgda", lr_d=0.3, lr_g=0.1, steps=50, seeds=[0, 1], record=range(51))
    assert result.pace_d * result.norm_w == pytest.approx(np.full((2, 51), 0.3), rel=1e-12)
    assert result.pace_g * result.norm_v == pytest.approx(np.full((2, 51), 0.1), rel=1e-12)


@pytest.mark.parametrize("method", ["sgda", "nsgda", "shares"])
def test_the_pace_of_every_step_is_the_one_asked_for(method):
    # At larger shares and pace 0.1 the discriminator saturates, and the generator has no gradient.
    settings = {"lr_d": 0.001, "steps": 200, "seeds": [0, 1], "record": range(201)}
    for pace in (0.1, 1.0, 10.0):
        result = simulate(Framework(d=10**5), method, pace=pace, **settings)
        assert result.pace_d / result.pace_g == pytest.approx(np.full((2, 201), pace), rel=1e-12)
        assert np.isnan(result.lr_g).all()


def test_shares_are_of_the_weights_length():
    result = simulate(Framework(), "shares", lr_d=0.03, lr_g=0.01, steps=50, seeds=[0, 1], record=range(51))
    assert result.pace_d == pytest.approx(np.full((2, 51), 0.03), rel=1e-12)
    assert result.pace_g == pytest.approx(np.full((2, 51), 0.01), rel=1e-12)


def test_rotating_what_is_orthogonal_to_the_modes_changes_nothing():
    W, V = _start(D60)
    q, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((58, 58)))
    turned = [np.hstack([x[:, :2], x[:, 2:] @ q]) for x in (W, V)]
    plain = _simulate(D60, W, V, method="nsgda", steps=300)
    other = _simulate(D60, *turned, method="nsgda", steps=300)
    assert other.cosines == pytest.approx(plain.cosines, rel=1e-9, abs=1e-9)
    assert other.norm_w == pytest.approx(plain.norm_w, rel=1e-9)


def test_a_run_depends_on_nothing_beside_it():
    many = simulate(Framework(), "sgda", lr_d=[[0.1], [1e200]], lr_g=0.01, steps=200, seeds=[3, 4])
    alone = simulate(Framework(), "sgda", lr_d=0.1, lr_g=0.01, steps=200, seeds=4)
    assert many.lr_d.tolist() == [0.1, 0.1, 1e200, 1e200]
    assert np.array_equal(many.W[1], alone.W[0])
    assert np.array_equal(many.cosines[1], alone.cosines[0])
    assert many.diverged_at[:2].tolist() == [math.inf] * 2
    assert (many.diverged_at[2:] < 200).all()
    assert np.isnan(many.norm_w[2:, -1]).all()
    assert np.isfinite(many.norm_w[:2]).all()


def test_minibatches_follow_the_seed_and_average_to_the_expectation():
    settings = {"lr_d": 0.1, "lr_g": 0.01, "steps": 30}
    first, again = (simulate(Framework(), "sgda", seeds=[5, 6], batch=4, **settings) for _ in range(2))
    assert np.array_equal(first.W, again.W)
    exact = simulate(Framework(), "sgda", seeds=[5, 6], **settings)
    large = simulate(Framework(), "sgda", seeds=[5, 6], batch=100_000, **settings)
    assert not np.allclose(first.W, exact.W, rtol=1e-3)
    assert np.abs(large.W - exact.W).max() < 0.02 * np.abs(first.W - exact.W).max() + 1e-3


def test_recovery_depends_on_direction_alone():
    framework = Framework(d=60, n_discriminator=1, n_generator=2, p_pair=0.1)
    modes = np.zeros((2, 60))
    modes[:, :2] = framework.mode_coordinates()
    W = np.full((1, 60), 0.01)

    def at_start(V):
        return simulate(framework, "sgda", lr_d=1e-9, lr_g=1e-9, steps=0, start=(W[None], V[None]))

    both = at_start(0.2 * modes)
    assert both.recovered[0, 0].tolist() == [True, True]
    assert both.mass[0, 0] == pytest.approx([0.45, 0.45])
    assert both.average_mass[0, 0] == pytest.approx(0.1)
    assert both.first_recovery.tolist() == [0.0]
    collapsed = at_start(np.stack([modes.sum(axis=0)] * 2))
    assert collapsed.recovered[0, 0].tolist() == [False, False]
    assert collapsed.average_mass[0, 0] == pytest.approx(1.0)
    assert collapsed.first_recovery.tolist() == [math.inf]
    assert collapsed.cosines[0, 0, 0] == pytest.approx([math.sqrt((1 + 0.1) / 2)] * 2)


def test_fewer_records_of_the_same_path():
    dense = simulate(Framework(), "nsgda", lr_d=0.1, lr_g=0.01, steps=100, record=range(101))
    sparse = simulate(Framework(), "nsgda", lr_d=0.1, lr_g=0.01, steps=100, record=[0, 7, 100])
    assert np.array_equal(dense.norm_v[:, [0, 7, 100]], sparse.norm_v)
    assert np.array_equal(dense.W, sparse.W)
    assert log_steps(1000)[[0, -1]].tolist() == [0, 1000]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lr_d": 0.0}, "lr_d"),
        ({"lr_g": [0.1, float("nan")]}, "lr_g"),
        ({"lr_d": []}, "at least one run"),
        ({"steps": -1}, "steps"),
        ({"seeds": -1}, "seeds"),
        ({"seeds": 0.5}, "seeds"),
        ({"seeds": [1, 2, 3], "lr_d": [0.1, 0.2]}, "broadcast"),
        ({"method": "adam"}, "method"),
        ({"updates": "both"}, "updates"),
        ({"momentum": 1.0}, "momentum"),
        ({"batch": -1}, "batch"),
        ({"threads": 0}, "threads"),
        ({"pace": 1.0}, "leave out lr_g"),
        ({"lr_g": None}, "lr_g is missing"),
        ({"lr_g": None, "pace": -1.0}, "a pace must be"),
        ({"lr_g": None, "pace": 1.0, "trainable": True}, "leave out trainable"),
        ({"method": "shares", "trainable": True}, "leave out trainable"),
        ({"record": [3, 2]}, "increasing"),
        ({"record": [0, 99]}, "within"),
        ({"steps": 10.5}, "steps must be a whole number, got 10.5"),
        ({"batch": 2.5}, "batch must be a whole number, got 2.5"),
        ({"threads": 1.5}, "threads must be a whole number, got 1.5"),
        ({"momentum": "0.5"}, "momentum must be a number, got the text '0.5'"),
        ({"start": (np.zeros((2, 10, 1000)), np.zeros((1, 8, 1000)))}, "of the same R"),
        ({"start": (0.0, 0.0)}, "of the same R"),
        ({"start": (np.zeros((1, 10, 3)), np.zeros((1, 8, 3)))}, "shapes"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    settings = {"method": "sgda", "lr_d": 0.1, "lr_g": 0.1, "steps": 10} | wrong
    with pytest.raises(ValueError, match=message):
        simulate(Framework(), settings.pop("method"), **settings)


def test_lanes_compute_the_exponential_to_its_last_digits():
    x = -np.concatenate([np.linspace(0, 300, 4096), np.geomspace(1e-300, 1, 4096)])
    ours = np.empty((1024, WIDTH))
    _exponentials(x.reshape(-1, WIDTH), ours)
    assert ours.ravel() == pytest.approx(np.exp(x), rel=4.5e-16)
    edges = np.array([-1e4, -math.inf, math.nan, -301, 0.0, -0.0, -1e-320, -709])[None]
    out = np.empty((1, WIDTH))
    _exponentials(edges, out)
    assert math.isnan(out[0, 2])
    assert out[0, [0, 1, 3, 7]].tolist() == [0.0] * 4
    assert out[0, 4:7].tolist() == [1.0] * 3


@njit
def _exponentials(x, out):
    for n in range(len(x)):
        store(out, n, exp_negative(load(x, n)))


def test_a_run_that_stops_at_recovery_begins_as_the_whole_one():
    settings = {"lr_d": 0.1, "lr_g": 0.01, "steps": 3000, "seeds": range(3)}
    whole = simulate(Framework(d=100), "nsgda", **settings)
    stopped = simulate(Framework(d=100), "nsgda", until_recovered=True, **settings)
    assert np.isfinite(whole.first_recovery).all()
    assert np.array_equal(stopped.first_recovery, whole.first_recovery)
    for r, first in enumerate(whole.first_recovery):
        seen = whole.steps <= first
        assert np.array_equal(stopped.norm_v[r, seen], whole.norm_v[r, seen])
        assert np.isnan(stopped.norm_v[r, ~seen]).all()
    assert (stopped.diverged_at == math.inf).all()


def test_a_run_that_stops_between_two_players_has_the_weights_of_its_last_record():
    settings = {"lr_d": 0.1, "lr_g": 0.01, "steps": 3000, "seeds": range(3), "updates": "alternating"}
    stopped = simulate(Framework(d=100), "nsgda", until_recovered=True, **settings)
    last = np.isfinite(stopped.norm_w).sum(axis=1) - 1
    assert (stopped.steps[last] < 3000).any()
    ends = np.linalg.norm(stopped.W, axis=(1, 2))
    assert ends == pytest.approx(stopped.norm_w[range(3), last], rel=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads):
    settings = {"lr_d": 0.1, "lr_g": 0.01, "steps": 40, "seeds": range(19), "momentum": 0.5}
    plain = simulate(Framework(), "nsgda", **settings, batch=3)
    assert np.array_equal(simulate(Framework(), "nsgda", **settings, batch=3, threads=threads).W, plain.W)


def test_a_result_says_what_was_found_in_one_line():
    two = {"steps": 400, "lr_d": 1.0, "lr_g": 0.01, "seeds": [0, 1]}
    assert repr(simulate(Framework(d=10**5), "sgda", **two)).endswith("every mode found in 0 of 2 runs")
    found = repr(simulate(Framework(d=10**5), "nsgda", until_recovered=True, **(two | {"steps": 5000})))
    assert found.startswith("nsgda, d = 100,000: every mode found in 2 of 2 runs, after ")
    assert found.endswith("there at the end in 2")
