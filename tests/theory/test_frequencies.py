"""Irrelevant frequencies: who enters them, how far, and what it costs. Closed forms in float64."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.cases.rules import FAST, SLOW, ShareOfWeights

from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Sign
from paripassu.theory import Frequencies, dct, play, sign_phases

SIGN = Adam((0.0, 0.0), 1e-150)
PAPER = Frequencies()
SEVERAL = Frequencies(
    scales=(0.0, 1.0, 0.3, 0.0, 0.6),
    target=(1.0, -1.0, 2.0, 0.5, -3.0),
    initial=(0.3, 0.2, 0.1, -0.2, 0.1),
    samples=7,
)


@pytest.mark.parametrize("d", [2, 3, 8, 31])
def test_the_basis_is_orthonormal(d):
    assert dct(d) @ dct(d).T == pytest.approx(np.eye(d), abs=1e-14)
    assert dct(d)[0] == pytest.approx(np.full(d, d**-0.5))


def test_the_basis_of_three_pixels_is_the_papers():
    rows = [[1 / math.sqrt(3)] * 3, [math.sqrt(0.5), 0.0, -math.sqrt(0.5)], [1.0, -2.0, 1.0]]
    rows[2] = [x / math.sqrt(6) for x in rows[2]]
    assert dct(3) == pytest.approx(np.array(rows), abs=1e-15)
    assert dct(3)[1, 1] == 0  # exactly, for rules that see only signs


def test_samples_have_the_exact_gradient_in_the_mean():
    """And its spread: E (x̃_i x̃_j)² / samples, as drawn from the inputs themselves."""
    problem = replace(SEVERAL, samples=20)
    root = problem.draws(range(40), 0)["root"].reshape(-1, 5, 5)
    moments = (root @ root.mT).numpy()
    scales = np.array(problem.scales)
    assert moments.mean(axis=0) == pytest.approx(np.diag(scales**2), abs=0.006)
    variances = np.outer(scales, scales) ** 2 * (1 + np.eye(5)) / 20
    assert moments.var(axis=0) == pytest.approx(variances, rel=0.06)


def test_adversarial_risk_is_of_the_worst_perturbation():
    """Each input is pushed by epsilon along ±w, so that its error grows."""
    w, rng = np.array([4.0, 8.0, -3.0]), np.random.default_rng(0)
    x = rng.standard_normal((400_000, 3)) * PAPER.scales
    error = x @ (w - PAPER.target)
    pushed = error + np.sign(error) * math.sqrt(2) * np.linalg.norm(w)
    risks = [PAPER.standard_risk(torch.from_numpy(w)), PAPER.adversarial_risk(torch.from_numpy(w))]
    assert risks[0].item() == pytest.approx((error**2).mean() / 2, rel=0.01)
    assert risks[1].item() == pytest.approx((pushed**2).mean() / 2, rel=1e-3)


def test_descent_has_its_closed_form():
    steps = [0, 1, 7, 60]
    paths = play(PAPER, SGD(), 10.0, 60, [0], record=steps)
    assert paths.observed["coefficients"][0] == pytest.approx(PAPER.descent(10.0, steps), rel=1e-13)


def test_descent_ends_at_the_papers_risk():
    """200,001 steps at rate 0.01 leave 0.7 % of ẽ₁; the paper's axis says 123."""
    end = torch.from_numpy(PAPER.descent(0.01, 200_001))
    assert end.numpy() == pytest.approx([5.0, 9.9326, 0.02], abs=1e-4)
    assert PAPER.adversarial_risk(end).item() == pytest.approx(123.70, abs=0.005)
    best = torch.tensor(PAPER.target, dtype=torch.float64)  # the shortest of all that err nowhere
    assert PAPER.adversarial_risk(best).item() == pytest.approx(125.0)


def test_sign_descent_goes_through_its_three_phases():
    phases = sign_phases(PAPER, 0.01)
    assert phases == pytest.approx((111.1, 642.0, 818.9, 4.3345), abs=0.06)
    ends = [round(end) for end in phases[:3]]
    paths = play(PAPER, SIGN, 0.01, 830, [0], record=[0, ends[0], 300, 400, *ends[1:], 830])
    start, first, at_300, at_400, second, third, last = paths.observed["coefficients"][0]
    each = 0.01 * np.array([1 / math.sqrt(3), math.sqrt(2), 2 / math.sqrt(6)])
    assert abs(at_400 - at_300) == pytest.approx(100 * each, rel=1e-9)
    assert abs(start - first) == pytest.approx([math.sqrt(3) * 1.11, 0.0, 0.0], abs=1e-9)
    assert second[0] == pytest.approx(5.0, abs=0.02)
    assert abs(second[2] - first[2]) == pytest.approx(phases.moved, rel=0.01)
    assert third[1] == pytest.approx(10.0, abs=0.03)
    assert last[2] == pytest.approx(second[2], abs=0.01)
    # 143.6 by the formula for rates towards 0; the paper's axis says 141, from samples.
    assert paths.observed["adversarial_risk"][0, -1] == pytest.approx(143.1, abs=0.05)
    assert paths.observed["standard_risk"][0, -1] < 1e-5
    limit = torch.tensor([5.0, 10.0, 0.02 - phases.moved], dtype=torch.float64)
    assert PAPER.adversarial_risk(limit).item() == pytest.approx(143.6, abs=0.05)


def test_three_pixels_have_two_numbers_in_their_gradient():
    """(A + B, A, A - B) with A = s0^2 e0 / sqrt(3) and B = s1^2 e1 / sqrt(2)."""
    w = torch.tensor([4.0, -8.0, 3.0], dtype=torch.float64)
    error = PAPER._basis @ w - PAPER._target
    a, b = (0.1**2 * error[0] / math.sqrt(3)).item(), (0.05**2 * error[1] / math.sqrt(2)).item()
    (gradient,) = PAPER.gradients({"w": (w,)}, {}, ("w",))["w"]
    assert gradient.tolist() == pytest.approx([a + b, a, a - b], rel=1e-12)


@pytest.mark.parametrize("rule", [SGD(), Normalize(), Graft(Adam(), SGD())], ids=repr)
def test_decay_alone_takes_raw_directions_out_of_it(rule):
    """By 1 - lr times decay a step, whatever the length of their updates."""
    paths = play(PAPER, rule, 0.1, 8, [0], weight_decay=0.5, record=range(9))
    left = 0.02 * 0.95 ** np.arange(9)
    assert paths.observed["coefficients"][0, :, 2] == pytest.approx(left, rel=1e-9)


@pytest.mark.parametrize("ratio", [0.3, 0.45])
def test_sign_descent_moves_in_proportion_to_the_energy(ratio):
    problem = Frequencies(scales=(1.0, ratio, 0.0), target=(-6.0, 7.0, 0.0), initial=(0.0, 0.0, 0.0))
    phases = sign_phases(problem, 0.05)
    paths = play(problem, SIGN, 0.05, round(phases.third_ends) + 5, [0], record=[round(phases.third_ends)])
    assert abs(paths.observed["coefficients"][0, 0, 2]) == pytest.approx(phases.moved, abs=3 * 0.05)
    assert phases.moved == pytest.approx(math.sqrt(3) * ratio**2 * 7)


def _has_raw_direction(rule):
    """Whether its updates are combinations of raw gradients."""
    if isinstance(rule, SGD | ShareOfWeights):
        return True
    if isinstance(rule, Sign):
        return False
    inner = getattr(rule, "direction", getattr(rule, "rule", None))
    return inner is not None and _has_raw_direction(inner)


# Each of these problems has one tensor, so that both scopes are the same rule.
RULES = {repr(rule): rule for rule in [*FAST, *SLOW] if getattr(rule, "scope", "global") == "global"}
RULES["Ada-nSGDA"] = Graft(Adam(), SGD())


@pytest.mark.parametrize(
    "problem", [replace(PAPER, initial=(3.0, -1.0, 0.5)), SEVERAL], ids=["exact", "samples"]
)
def test_raw_directions_never_enter_an_irrelevant_frequency(problem):
    """Whatever their length. Every other direction of the package does enter it."""
    irrelevant = np.array(problem.scales) == 0
    entered = {}
    for name, rule in RULES.items():
        paths = play(problem, rule, 0.1, 8, [0], record=range(9))
        moved = abs(paths.observed["coefficients"][0] - problem.initial)
        assert moved[:, ~irrelevant].max() > 1e-3, name
        entered[name] = moved[:, irrelevant].max()
    raw = {name for name, rule in RULES.items() if _has_raw_direction(rule)}
    assert len(raw) > 8
    assert {name: moved for name, moved in entered.items() if name in raw and moved > 1e-13} == {}
    assert {name: moved for name, moved in entered.items() if name not in raw and moved < 1e-6} == {}


@pytest.mark.parametrize("rule", [Adam(), SIGN, RMSprop()], ids=["Adam", "sign", "RMSprop"])
def test_adaptive_rules_keep_the_mirror_symmetry_of_inputs(rule):
    """Without odd frequencies the first pixel is the last one's equal, so nobody enters them."""
    even = np.arange(6) % 2 == 0
    problem = Frequencies(tuple(0.3 * even), tuple(5.0 * even), tuple(0.1 * even))
    seen = play(problem, rule, 0.1, 20, [0], record=range(21)).observed["coefficients"][0]
    assert abs(seen[:, ~even]).max() < 1e-14
    assert abs(seen[-1, even] - 0.1).min() > 0.1
    broken = replace(problem, scales=(0.3, 0.3, 0.3, 0.0, 0.0, 0.0), target=(5.0, 3.0, 1.0, 0.0, 0.0, 0.0))
    assert abs(play(broken, rule, 0.1, 20, [0], record=[20]).observed["coefficients"][0, 0, 3:]).max() > 0.01


@pytest.mark.parametrize("rule", [Graft(Adam(), SGD()), Normalize(SGD(0.9))], ids=repr)
def test_long_runs_stay_out_of_it_too(rule):
    """Steps of constant length go on for ever around the optimum, where the gradient is all rounding."""
    paths = play(PAPER, rule, 0.1, 300, [0], record=[0, 150, 300])
    assert paths.observed["coefficients"][0, :, 2] == pytest.approx(np.full(3, 0.02), abs=1e-12)


def test_adaptive_rules_pay_for_it_in_adversarial_risk():
    """All err equally little on inputs that are not perturbed."""
    risks = {}
    for name, rule in {"NSGD": Normalize(), "RMSprop": RMSprop(), "Adam": Adam()}.items():
        paths = play(PAPER, rule, 0.2, 99, [0], record=[99])
        assert paths.observed["standard_risk"][0, 0] < 1e-3
        risks[name] = paths.observed["adversarial_risk"][0, 0]
    assert risks["NSGD"] < 126 < 140 < min(risks["Adam"], risks["RMSprop"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dct(1), "d must be >= 2, got 1"),
        (lambda: Frequencies((1.0,), (1.0,), (1.0,)), "scales must be 2 numbers"),
        (lambda: Frequencies(target=(1.0, 2.0)), "target must be 3 numbers"),
        (lambda: Frequencies(scales=(-0.1, 0.1, 0.1)), "scales must be >= 0"),
        (lambda: Frequencies(initial=(0.0, math.nan, 0.0)), "initial must be finite"),
        (lambda: Frequencies(samples=9.5), "samples must be a whole number, got 9.5"),
        (lambda: Frequencies(samples=2), "samples must be None or >= d = 3, got 2"),
        (lambda: Frequencies(radius=-1.0), "radius must be finite and >= 0"),
        (lambda: sign_phases(PAPER, 0.0), "lr must be finite and > 0"),
        (lambda: sign_phases(SEVERAL, 0.1), "need three frequencies"),
        (lambda: sign_phases(Frequencies(samples=10), 0.1), "need three frequencies"),
        (lambda: sign_phases(Frequencies(scales=(0.1, 0.09, 0.0)), 0.1), "kappa"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
