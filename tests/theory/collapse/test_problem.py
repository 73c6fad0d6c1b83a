"""The reduced simulator plays what `play` plays on the framework as its text reads."""

import math

import numpy as np
import pytest
import torch
from tests.oracles.theory import full_modes, value

from paripassu.records import rate_factor
from paripassu.rules import SGD, FixedPace, Graft, Normalize, Weight
from paripassu.theory import CollapseGame, Framework, play, simulate

SMALL = {"d": 60, "n_discriminator": 4, "n_generator": 3}
FRAMEWORKS = {
    "modes": Framework(**SMALL, p_pair=0.2),
    "coefficients": Framework(**SMALL, law="coefficients", gamma=0.3),
    "three uneven modes": Framework(**SMALL, modes=3, weights=(0.5, 0.3, 0.2), a=0.7, b=-0.2),
}

SHARES = Graft(Weight(1e-30), SGD(), "global")  # steps of the rate times the length of the weights


def assert_same_weights(fast, paths):
    """Norms at every recorded step, and at the end all products of weights, which rotations keep."""
    assert fast.norm_w == pytest.approx(paths.norms["discriminator"], rel=1e-8)
    assert fast.norm_v == pytest.approx(paths.norms["generator"], rel=1e-8)
    full = np.vstack([paths.weights["discriminator"][0][0], paths.weights["generator"][0][0]])
    ours = np.vstack([fast.W[0], fast.V[0]])
    assert ours @ ours.T == pytest.approx(full @ full.T, rel=1e-8, abs=1e-10)


def given_start(framework, seed=0, runs=1):
    """Larger than the framework's own, so that 40 steps go far: ``[R, m_D, d]`` and ``[R, m_G, d]``."""
    rng = np.random.default_rng(seed)
    shapes = ((runs, framework.n_discriminator, framework.d), (runs, framework.n_generator, framework.d))
    return tuple(0.3 * rng.standard_normal(shape) for shape in shapes)


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
@pytest.mark.parametrize(
    ("method", "momentum", "rule"),
    [
        ("sgda", 0.0, SGD()),
        ("sgda", 0.8, SGD(0.8)),
        ("nsgda", 0.0, Normalize(SGD())),
        ("nsgda", 0.5, Normalize(SGD(0.5))),
    ],
    ids=lambda value: repr(value) if isinstance(value, SGD | Normalize) else None,
)
@pytest.mark.parametrize("law", ["modes", "coefficients"])
def test_the_fast_path_plays_what_any_rule_plays(law, method, momentum, rule, updates):
    """From one start, 40 steps in float64, to 1e-8 of the numbers."""
    framework = FRAMEWORKS[law]
    W, V = given_start(framework)
    record = [0, 7, 20, 40]
    fast = simulate(
        framework, method, momentum=momentum, lr_d=0.05, lr_g=0.02, steps=40, updates=updates,
        start=(W, V), record=record,
    )  # fmt: skip
    paths = play(
        CollapseGame(framework, along_axes=True), rule, {"discriminator": 0.05, "generator": 0.02}, 40, 0,
        updates=updates, start={"discriminator": [W], "generator": [V]}, record=record,
    )  # fmt: skip
    for name, values in paths.observed.items():
        assert values == pytest.approx(getattr(fast, name), rel=1e-8, abs=1e-10), name
    assert fast.norm_w == pytest.approx(paths.norms["discriminator"], rel=1e-8)
    assert fast.norm_v == pytest.approx(paths.norms["generator"], rel=1e-8)
    for player, gradient, pace in (
        ("discriminator", fast.gradient_w, fast.pace_d),
        ("generator", fast.gradient_v, fast.pace_g),
    ):
        assert gradient == pytest.approx(paths.gradients[player], rel=1e-8)
        lengths = paths.lengths[player] / paths.norms[player]
        assert pace == pytest.approx(lengths, rel=1e-8)
    full = np.vstack([paths.weights["discriminator"][0][0], paths.weights["generator"][0][0]])
    ours = np.vstack([fast.W[0], fast.V[0]])
    assert ours @ ours.T == pytest.approx(full @ full.T, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize(
    ("method", "rule", "pace", "updates", "decay"),
    [
        ("sgda", SGD(), 0.2, "simultaneous", "linear"),
        ("sgda", SGD(0.8), 5.0, "alternating", "constant"),
        ("nsgda", Normalize(SGD()), 1.0, "alternating", "constant"),
        ("shares", SHARES, None, "alternating", "cosine"),
        ("shares", SHARES, 0.5, "simultaneous", "constant"),
    ],
)
def test_the_fast_path_follows_a_pace_as_play_does(method, rule, pace, updates, decay):
    framework, steps = FRAMEWORKS["modes"], 30
    W, V = given_start(framework)
    momentum, rates = getattr(rule, "momentum", 0.0), {"lr_d": 0.05} | ({} if pace else {"lr_g": 0.02})
    fast = simulate(
        framework, method, **rates, pace=pace, momentum=momentum, decay=decay, steps=steps, updates=updates,
        start=(W, V), record=range(steps + 1),
    )  # fmt: skip
    players = {"discriminator": 0.05} | ({} if pace else {"generator": 0.02})
    paths = play(
        CollapseGame(framework, along_axes=True), rule, players, steps, 0, updates=updates,
        schedule=lambda n: float(rate_factor(decay, (n - 1) / steps)),
        pace=FixedPace(pace) if pace else None, start={"discriminator": [W], "generator": [V]},
        record=range(steps + 1),
    )  # fmt: skip
    assert_same_weights(fast, paths)
    if decay == "constant":
        # Rates that fall end at zero, where no player moves.
        expected = pace or 0.05 / 0.02
        assert fast.pace_d / fast.pace_g == pytest.approx(np.full((1, steps + 1), expected), rel=1e-12)


@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
@pytest.mark.parametrize(("method", "rule"), [("sgda", SGD()), ("nsgda", Normalize())])
def test_rates_fall_as_a_schedule_lets_them(method, rule, decay):
    framework = FRAMEWORKS["modes"]
    W, V = given_start(framework)
    fast = simulate(
        framework, method, decay=decay, lr_d=0.05, lr_g=0.02, steps=40, start=(W, V), record=[0, 40]
    )
    paths = play(
        CollapseGame(framework, along_axes=True), rule, {"discriminator": 0.05, "generator": 0.02}, 40, 0,
        schedule=lambda n: float(rate_factor(decay, (n - 1) / 40)),
        start={"discriminator": [W], "generator": [V]}, record=[0, 40],
    )  # fmt: skip
    assert_same_weights(fast, paths)


@pytest.mark.parametrize(
    ("framework", "method", "momentum", "rule", "updates"),
    [
        ("modes", "sgda", 0.5, SGD(0.5), "simultaneous"),
        ("modes", "nsgda", 0.5, Normalize(SGD(0.5)), "simultaneous"),
        ("three uneven modes", "sgda", 0.0, SGD(), "alternating"),
        ("three uneven modes", "nsgda", 0.0, Normalize(), "alternating"),
    ],
)
def test_trained_output_weights_are_a_second_tensor(framework, method, momentum, rule, updates):
    """The norm of nSGDA is then over W, a and b together."""
    framework = FRAMEWORKS[framework]
    W, V = given_start(framework)
    fast = simulate(
        framework, method, lr_d=0.05, lr_g=0.02, steps=40, momentum=momentum, updates=updates,
        trainable=True, start=(W, V), record=[40],
    )  # fmt: skip
    paths = play(
        CollapseGame(framework, trainable=True, along_axes=True), rule,
        {"discriminator": 0.05, "generator": 0.02}, 40, 0, updates=updates,
        start={"discriminator": [W, [[framework.a, framework.b]]], "generator": [V]},
    )  # fmt: skip
    assert fast.ab == pytest.approx(paths.weights["discriminator"][1], rel=1e-8)
    full = np.vstack([paths.weights["discriminator"][0][0], paths.weights["generator"][0][0]])
    ours = np.vstack([fast.W[0], fast.V[0]])
    assert ours @ ours.T == pytest.approx(full @ full.T, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("scale", [0.3, 3.0])  # within the cubic, and beyond its bend
@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=FRAMEWORKS.keys())
def test_losses_are_the_value_with_every_expectation_enumerated(framework, scale):
    W, V = (torch.from_numpy(scale / 0.3 * x[0]) for x in given_start(framework))
    ab = torch.tensor([0.8, -0.3], dtype=torch.float64)
    span = torch.eye(framework.modes, framework.d, dtype=torch.float64)
    game = CollapseGame(framework, trainable=True)
    losses = game.losses({"discriminator": (W, ab), "generator": (V,)}, {"span": span})
    expected = value(framework, W, V, ab).item()
    assert losses["generator"].item() == pytest.approx(expected, rel=1e-12)
    assert losses["discriminator"].item() == pytest.approx(-expected, rel=1e-12)


def test_starts_have_the_scale_of_the_framework():
    weights, data = CollapseGame(Framework(d=400)).starts(range(40))
    W, V = weights["discriminator"][0], weights["generator"][0]
    assert W.square().sum(dim=2).mean().item() == pytest.approx(1.0, rel=0.02)
    assert V.square().sum(dim=2).mean().item() == pytest.approx(1 / 400, rel=0.02)
    span = data["span"]
    assert torch.allclose(span @ span.mT, torch.eye(2, dtype=torch.float64).expand(40, 2, 2))


def test_modes_lie_in_general_position_or_along_the_first_axes():
    framework = Framework(d=30)
    drawn = CollapseGame(framework).starts([0, 1])[1]["span"]
    assert (drawn[0] - drawn[1]).abs().max() > 0.1
    along = CollapseGame(framework, along_axes=True).starts([0])[1]["span"][0]
    modes = torch.from_numpy(framework.mode_coordinates()) @ along
    assert torch.equal(modes, full_modes(framework))


def _observed(framework, V):
    game = CollapseGame(framework, along_axes=True)
    W = torch.full((framework.n_discriminator, framework.d), 0.01, dtype=torch.float64)
    weights = {"discriminator": (W,), "generator": (torch.as_tensor(V),)}
    span = torch.eye(framework.modes, framework.d, dtype=torch.float64)
    return game.observe(weights, {"span": span})


def test_recovery_depends_on_direction_alone():
    framework = Framework(d=60, n_discriminator=1, n_generator=2, p_pair=0.1)
    modes = full_modes(framework)
    both = _observed(framework, 0.2 * modes)
    assert both["recovered"].tolist() == [True, True]
    assert both["mass"].tolist() == pytest.approx([0.45, 0.45])
    assert both["average_mass"].item() == pytest.approx(0.1)
    average = _observed(framework, modes.sum(dim=0).expand(2, -1))
    assert average["recovered"].tolist() == [False, False]
    assert average["average_mass"].item() == pytest.approx(1.0)
    assert average["cosines"][0].tolist() == pytest.approx([math.sqrt((1 + 0.1) / 2)] * 2)


def test_a_generator_of_zeros_recovers_nothing():
    seen = _observed(Framework(d=60), np.zeros((8, 60)))
    assert not seen["recovered"].any()
    assert seen["cosines"].abs().max() == 0
    assert seen["average_mass"] == 0
