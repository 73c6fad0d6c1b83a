"""Scale-invariant losses: equilibrium, angle, invariances and decay have their known values."""

import math

import numpy as np
import pytest
import torch

from paripassu.rules import SGD, Adam, Clip, Normalize
from paripassu.theory import (
    Problem,
    Rayleigh,
    angular_step,
    angular_steps,
    decay_steps,
    equilibrium_norm,
    exploding_rate,
    normalized_equilibrium_norm,
    play,
)

PAPER = {"lr": 8e-4, "weight_decay": 1e-2}  # of arXiv:2202.00980
FEW = tuple(np.linspace(-0.5, 1.0, 6).tolist())
NOISE = (0.0,) * 10


def _gradient(problem, x, noise=None):
    data = {} if noise is None else {"noise": torch.as_tensor(noise)}
    return problem.gradients({"x": (torch.as_tensor(x),)}, data, ("x",))["x"][0].numpy()


@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_gradients_are_orthogonal_and_inverse_to_the_length(noise):
    """Euler: <grad, x> = 0, and grad(3x) = grad(x) / 3."""
    rng = np.random.default_rng(0)
    x, drawn = rng.standard_normal(6), rng.standard_normal(6)
    problem = Rayleigh(FEW, scale=2.0, noise=noise)
    drawn = drawn if noise else None
    gradient = _gradient(problem, x, drawn)
    assert np.linalg.norm(gradient) > 0.1
    assert gradient @ x == pytest.approx(0, abs=1e-14)
    assert _gradient(problem, 3 * x, drawn) == pytest.approx(gradient / 3, rel=1e-12)


def test_noise_has_its_length_and_no_loss():
    rng = np.random.default_rng(1)
    x, drawn = rng.standard_normal(10), rng.standard_normal(10)
    problem = Rayleigh(NOISE, scale=3.0, noise=0.2)
    expected = 3.0 * 0.2 / np.linalg.norm(x)
    assert np.linalg.norm(_gradient(problem, x, drawn)) == pytest.approx(expected, rel=1e-12)
    loss = problem.losses({"x": (torch.as_tensor(x),)}, {"noise": torch.as_tensor(drawn)})["x"]
    assert float(loss) == pytest.approx(0, abs=1e-15)


def test_gradient_descent_ends_at_the_smallest_eigenvalue():
    paths = play(Rayleigh(FEW), SGD(), 0.5, 200, range(3), record=[0, 200])
    assert (paths.observed["loss"][:, 0] > 0.1).all()
    assert paths.observed["loss"][:, 1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("rates", "noise"), [(PAPER, 1.0), ({"lr": 0.1, "weight_decay": 0.5}, 2.0)], ids=["paper", "fast"]
)
def test_the_equilibrium_is_where_decay_undoes_a_step(rates, noise):
    """A start there stays there: |x|^2 = sigma sqrt(lr / (wd (2 - lr wd))); .2000004 at the paper's rates."""
    norm = equilibrium_norm(**rates, noise=noise)
    paths = play(Rayleigh(NOISE, norm=norm, noise=noise), SGD(), **rates, steps=50, seeds=[0, 1])
    assert paths.norms["x"] == pytest.approx(np.full_like(paths.norms["x"], norm), rel=1e-12)
    if rates is PAPER:
        assert norm**2 == pytest.approx(0.2000004, abs=5e-8)


@pytest.mark.parametrize("norm", [0.05, 20.0])
def test_every_length_settles_at_the_equilibrium(norm):
    problem = Rayleigh(NOISE, norm=norm, noise=1.0)
    paths = play(problem, SGD(), 0.2, 99, [0], weight_decay=0.5, record=[99])
    assert paths.norms["x"][0, 0] == pytest.approx(equilibrium_norm(0.2, 0.5), rel=1e-3)


def test_nsgd_has_an_equilibrium_of_its_own():
    """lr^2 / (1 - (1 - lr wd)^2): 5.0025 at .1 and .01, where SGD's is 2.2366."""
    norm = normalized_equilibrium_norm(0.1, 0.01)
    assert norm**2 == pytest.approx(5.0025, abs=5e-5)
    problem = Rayleigh(NOISE, norm=norm, noise=3.0)
    paths = play(problem, Normalize(), 0.1, 50, [0], weight_decay=0.01)
    assert paths.norms["x"] == pytest.approx(np.full_like(paths.norms["x"], norm), rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "norm"),
    [(SGD(), equilibrium_norm(0.1, 0.01)), (Normalize(), normalized_equilibrium_norm(0.1, 0.01))],
    ids=["SGD", "NSGD"],
)
def test_both_turn_by_the_same_angle_at_equilibrium(rule, norm):
    """arccos(1 - lr wd), about sqrt(2 lr wd) = .0447."""
    paths = play(
        Rayleigh(NOISE, norm=norm, noise=1.0), rule, 0.1, 20, [0], weight_decay=0.01, record=range(21)
    )
    angles = angular_steps(paths)
    assert angles == pytest.approx(np.full_like(angles, angular_step(0.1, 0.01)), rel=1e-9)
    assert angular_step(0.1, 0.01) == pytest.approx(0.0447, abs=5e-5)
    assert angular_step(**PAPER) == pytest.approx(0.004, abs=1e-7)


@pytest.mark.parametrize("c", [0.01, 100.0])
@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_the_angle_does_not_depend_on_the_losss_scale(c, scale):
    """After the lengths have settled: the same pace, without normalising gradients."""
    problem = Rayleigh(NOISE, norm=c, scale=scale, noise=1.0)
    paths = play(problem, SGD(), 0.2, 99, [0], weight_decay=0.5, record=[97, 98, 99])
    assert angular_steps(paths) == pytest.approx(np.full((1, 2), angular_step(0.2, 0.5)), rel=1e-3)


@pytest.mark.parametrize("c", [0.25, 8.0])
def test_scaling_loss_rate_and_decay_together_changes_nothing(c):
    """(L, lr, wd) to (cL, lr/c, c wd): the same iterates."""
    one = play(Rayleigh(FEW, noise=0.3), SGD(), 0.4, 60, [2], weight_decay=0.1)
    other = play(Rayleigh(FEW, noise=0.3, scale=c), SGD(), 0.4 / c, 60, [2], weight_decay=0.1 * c)
    assert other.observed["x"] == pytest.approx(one.observed["x"], rel=1e-10)


@pytest.mark.parametrize("c", [0.25, 8.0])
def test_scaling_weights_rate_and_decay_together_keeps_directions(c):
    """(x, lr, wd) to (cx, c^2 lr, wd / c^2)."""
    one = play(Rayleigh(FEW, noise=0.3), SGD(), 0.4, 60, [2], weight_decay=0.1)
    lr, decay = 0.4 * c**2, 0.1 / c**2
    other = play(Rayleigh(FEW, noise=0.3, norm=c), SGD(), lr, 60, [2], weight_decay=decay)
    assert other.observed["x"] / c == pytest.approx(one.observed["x"], rel=1e-10)


def test_a_hundredfold_length_decays_in_its_known_time():
    """ln(100) / (lr wd) steps, 575,646 at the paper's rates; here at lr wd = .01."""
    assert decay_steps(100.0, **PAPER) == pytest.approx(575_646, abs=0.5)
    steps = round(decay_steps(100.0, 0.1, 0.1))
    assert steps == 461
    norm = equilibrium_norm(0.1, 0.1)
    problem = Rayleigh(NOISE, norm=100 * norm, noise=1.0)
    paths = play(problem, SGD(), 0.1, steps, [0], weight_decay=0.1, record=[0, steps // 2, steps])
    # Halfway the length has fallen by the root; at the end noise has made the equilibrium soft.
    assert paths.norms["x"][0, 1] == pytest.approx(10 * norm, rel=0.02)
    assert norm < paths.norms["x"][0, 2] < 1.3 * norm


def test_a_clipped_step_turns_by_twice_the_equilibriums_angle():
    """At most arctan of .008 over 1 - lr wd at the paper's rates, where the equilibrium turns by .004."""
    rule = Clip.at_equilibrium(SGD(), **PAPER)
    norm = equilibrium_norm(**PAPER)
    for noise, expected in ((100.0, 0.008), (1.0, 0.004)):
        problem = Rayleigh(NOISE, norm=norm, noise=noise)
        paths = play(problem, rule, **PAPER, steps=1, seeds=[0], record=[0, 1])
        assert angular_steps(paths).item() == pytest.approx(expected, abs=1e-6)


def test_clipping_keeps_both_invariances():
    """Of rates and scales: the limit is relative to the weights, and the gradient scales as they do."""
    norm, rates = 0.1, {"lr": 0.4, "weight_decay": 0.1}
    one = play(Rayleigh(FEW, norm=norm, noise=0.3), Clip.at_equilibrium(SGD(), **rates), **rates, steps=60,
               seeds=[2])  # fmt: skip
    scaled = {"lr": 0.4 / 8, "weight_decay": 0.8}
    longer = {"lr": 0.4 * 64, "weight_decay": 0.1 / 64}
    for problem, other, c in (
        (Rayleigh(FEW, norm=norm, noise=0.3, scale=8.0), scaled, 1.0),
        (Rayleigh(FEW, norm=8 * norm, noise=0.3), longer, 8.0),
    ):
        paths = play(problem, Clip.at_equilibrium(SGD(), **other), **other, steps=60, seeds=[2])
        assert paths.observed["x"] / c == pytest.approx(one.observed["x"], rel=1e-9)
    plain = play(Rayleigh(FEW, norm=norm, noise=0.3), SGD(), **rates, steps=60, seeds=[2])
    assert not np.allclose(plain.observed["x"], one.observed["x"])


def test_only_clipped_weights_have_no_spikes():
    """With little noise x shrinks until a step overshoots. A clipped step makes it 6 % longer at most.

    Its square by (1 - lr wd)^2 + 8 lr wd at most, because a clipped step is 2 sqrt(2 lr wd) |x| long.
    """
    rates = {"lr": 0.1, "weight_decay": 0.2}
    growth = {}
    for name, rule in {"SGD": SGD(), "clipped": Clip.at_equilibrium(SGD(), **rates)}.items():
        paths = play(Rayleigh(FEW, noise=1e-3), rule, **rates, steps=160, seeds=[0, 1], record=range(161))
        growth[name] = (paths.norms["x"][:, 1:] / paths.norms["x"][:, :-1]).max(axis=1)
    bound = math.sqrt(0.98**2 + 8 * 0.02)
    assert growth["clipped"] == pytest.approx(np.full(2, bound), rel=1e-3)
    assert (growth["SGD"] > 1.15).all()


@pytest.mark.parametrize("c", [0.02, 50.0])
def test_a_factor_costs_at_most_its_logarithm_in_steps(c):
    """To come within a tenth of the equilibrium: |ln c| / (lr wd) more for c times the length or the loss."""
    rates = {"lr": 0.1, "weight_decay": 0.5}
    costs = decay_steps(max(c, 1 / c), **rates)
    for problem in (Rayleigh(NOISE, norm=c, noise=1.0), Rayleigh(NOISE, scale=c, noise=1.0)):
        settled = equilibrium_norm(**rates, noise=problem.scale)
        norms = play(problem, SGD(), **rates, steps=99, seeds=[0], record=range(100)).norms["x"][0]
        away = abs(np.log(norms / settled)) > math.log(1.1)
        assert 0 < np.flatnonzero(away)[-1] <= decay_steps(10.0, **rates) + costs


class _Several(Problem):
    """Two players of two tensors each, all scale-invariant by themselves, with noise of four lengths."""

    players = ("one", "other")
    noise = (0.1, 10.0, 1.0, 100.0)

    def start(self, rng):
        norms = [equilibrium_norm(0.1, 0.2, noise) for noise in self.noise]
        tensors = [
            norm * x / np.linalg.norm(x) for norm, x in zip(norms, rng.normal(size=(4, 10)), strict=True)
        ]
        return {"one": tensors[:2], "other": tensors[2:]}

    def step_data(self, rng, steps):
        return {"drawn": rng.normal(size=(steps, 4, 10))}

    def losses(self, weights, data):
        terms = []
        for x, drawn, noise in zip(
            [*weights["one"], *weights["other"]], data["drawn"], self.noise, strict=True
        ):
            direction = x / x.norm()
            fixed = direction.detach()
            across = drawn - (drawn @ fixed) * fixed
            terms.append(noise * (across / across.norm()) @ direction)
        return {"one": terms[0] + terms[1], "other": terms[2] + terms[3]}


def test_each_layer_and_player_has_its_own_length_and_the_same_pace():
    """Gradients differ a thousandfold; sqrt(sigma) sets the length, and lr wd alone the angle."""
    paths = play(_Several(), SGD(), 0.1, 10, [0], weight_decay=0.2, record=[0, 10])
    ended = [np.linalg.norm(x) for player in ("one", "other") for x in paths.weights[player]]
    assert ended == pytest.approx([equilibrium_norm(0.1, 0.2, noise) for noise in _Several.noise], rel=1e-9)
    relative = [paths.lengths[player][0, 0] / paths.norms[player][0, 0] for player in ("one", "other")]
    assert relative[0] == pytest.approx(relative[1], rel=1e-9)


class _Product(Problem):
    """``(X - 1)² / 2`` of the product X of equal factors."""

    players = ("x",)

    def __init__(self, factors, product):
        self.first = np.full(factors, product ** (1 / factors))

    def start(self, rng):
        return {"x": [self.first]}

    def losses(self, weights, data):
        return {"x": (weights["x"][0].prod() - 1).square() / 2}

    def observe(self, weights, data):
        return {"product": weights["x"][0].prod()}


@pytest.mark.parametrize("factors", [2, 4, 6])
@pytest.mark.parametrize("product", [2.0, 30.0])
def test_products_explode_from_their_known_rate_on(factors, product):
    """A deep net without invariance, under SGD alone. Just below the rate the product falls."""
    problem = _Product(factors, product)
    edge = exploding_rate(product - 1, product, factors)
    paths = play(problem, SGD(), [0.99 * edge, 1.01 * edge], 15, [0], record=[0, 1, 2])
    below, above = paths.observed["product"]
    assert below[1] < product < above[1] < above[2]
    assert paths.diverged_at[1] < 15
    normalized = play(problem, Normalize(), edge, 15, [0], record=[15])
    assert abs(normalized.observed["product"].item()) < 1e6


def test_zero_has_no_gradient():
    start = {"x": [[np.zeros(6), np.ones(6)]]}
    paths = play(Rayleigh(FEW), SGD(), 0.1, 3, [0], start=start, record=[0, 3])
    assert paths.diverged_at.tolist() == [0, math.inf]


def test_without_decay_lengths_only_grow():
    """|x|^2 grows by the square of each step, because steps are orthogonal to x."""
    for rule in (SGD(), Normalize()):
        paths = play(Rayleigh(FEW, noise=0.5), rule, 0.3, 30, [0], record=range(31))
        squares = np.square(paths.norms["x"][0])
        assert np.diff(squares) == pytest.approx(np.square(paths.lengths["x"][0, :-1]), rel=1e-9)


def test_adams_steps_are_not_orthogonal():
    """Elementwise division turns the gradient: Euler's law does not hold for the update."""
    paths = play(Rayleigh(FEW, noise=0.5), Adam((0.0, 0.9)), 0.05, 5, [0], record=range(6))
    growth = np.diff(np.square(paths.norms["x"][0]))
    assert (np.abs(growth - np.square(paths.lengths["x"][0, :-1])) > 1e-4).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rayleigh((1.0,)), "eigenvalues must be two or more"),
        (lambda: Rayleigh((1.0, math.nan)), "eigenvalues must be two or more finite"),
        (lambda: Rayleigh(norm=0.0), "norm must be finite and > 0, got 0.0"),
        (lambda: Rayleigh(scale=math.inf), "scale must be finite and > 0, got inf"),
        (lambda: Rayleigh(noise=-1.0), "noise must be finite and >= 0, got -1.0"),
        (lambda: equilibrium_norm(0.0, 0.1), "lr must be finite and > 0, got 0.0"),
        (lambda: equilibrium_norm(0.1, 0.1, noise=0.0), "noise must be finite and > 0, got 0.0"),
        (lambda: angular_step(0.1, -0.1), "weight_decay must be finite and > 0, got -0.1"),
        (lambda: normalized_equilibrium_norm(2.0, 1.0), "must be below 2"),
        (lambda: decay_steps(0.0, 0.1, 0.1), "ratio must be finite and > 0, got 0.0"),
        (lambda: exploding_rate(0.0, 1.0, 4), "slope must be finite and > 0, got 0.0"),
        (lambda: exploding_rate(-1.0, 1.0, 4), "X is beyond the minimum"),
        (lambda: exploding_rate(1.0, -1.0, 4), "product must be finite and > 0, got -1.0"),
        (lambda: exploding_rate(1.0, 1.0, 3), "factors must be even and >= 2, got 3"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
