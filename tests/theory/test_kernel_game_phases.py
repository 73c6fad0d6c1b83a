"""Small matrices say what the kernel game does near its equilibrium, and play does it."""

import math

import numpy as np
import pytest
from tests.cases.remembering import Remembering

from paripassu.rules import SGD, Adam, Graft, Normalize, Optimistic
from paripassu.theory import (
    KernelGame,
    critical_width,
    cycle_radius,
    jacobian,
    narrowest_width,
    phase_diagram,
    play,
    predicted_phases,
    spectral_radius,
)

UPDATES = ["simultaneous", "alternating"]
BOTH = pytest.mark.parametrize("updates", UPDATES)
ONE = KernelGame()
TWO_PLUS = KernelGame(
    points=((-9.0,), (9.0,)), masses=(0.8, 0.5), generated=(0.6, 0.4), width=1.2, regularization=1.5
)


METHODS = {
    "gradient": (SGD(), {}),
    "momentum": (SGD(0.6), {"method": "momentum", "momentum": 0.6}),
    "negative momentum": (Remembering(1, -0.5, -0.5), {"method": "momentum", "momentum": -0.5}),
    "optimistic": (Remembering(2, -1, 0), {"method": "optimistic"}),
}


def _state(paths, point=0):
    """``(delta, w)`` over time of the first coordinate, ``[steps, J + 1]``."""
    game_offsets, slopes = paths.observed["offset"][0, ..., 0], paths.observed["slope"][0, :, point, 0]
    return np.column_stack([game_offsets, slopes])


@BOTH
@pytest.mark.parametrize("name", METHODS)
def test_play_multiplies_by_the_jacobian(name, updates):
    """From the same offset, ten steps, to the order of the offset."""
    rule, settings = METHODS[name]
    game = KernelGame(width=1.3, regularization=0.8, masses=(0.7,), generated=(0.7,), offset=1e-5)
    paths = play(
        game, rule, {"discriminator": 0.3, "generator": 0.5}, 10, [0], updates=updates, record=range(11)
    )
    state = _state(paths) * [1.3, 1 / 1.3]  # from units of the width
    matrix = jacobian(game, 0.3, 0.5, updates=updates, **settings)
    z = np.zeros(len(matrix))
    z[:2] = state[0]
    for step in range(11):
        assert state[step] == pytest.approx(z[:2], rel=1e-6, abs=1e-13)
        z = matrix @ z


@BOTH
@pytest.mark.parametrize("point", [0, 1])
def test_unbalanced_points_multiply_by_their_own_jacobian(point, updates):
    """Started at f* = (excess / lambda) K(x0, .), where missing mass pulls and excess repels."""
    lr = {"discriminator": 0.2, "generator": 0.4}
    excess = np.array(TWO_PLUS.masses) - np.array(TWO_PLUS.generated)
    f = np.zeros((2, TWO_PLUS.degree))
    f[:, 0] = excess / TWO_PLUS.regularization
    start = {"discriminator": [f[None]], "generator": [np.full((1, 2, 1), 1e-5)]}
    paths = play(TWO_PLUS, SGD(), lr, 10, [0], updates=updates, start=start, record=range(11))
    own = np.column_stack(
        [paths.observed["offset"][0, :, point, 0] * 1.2, paths.observed["slope"][0, :, point, 0] / 1.2]
    )
    matrix = jacobian(TWO_PLUS, 0.2, 0.4, point=point, updates=updates)
    z = own[0]
    for step in range(11):
        assert own[step] == pytest.approx(z, rel=1e-4, abs=1e-12)
        z = matrix @ z


@pytest.mark.parametrize("mass", [0.7, 1.3])
def test_missing_mass_attracts_and_too_much_repels(mass):
    """A discriminator that does not move: 1 - lr m (p - m) / (lambda sigma^2)."""
    game = KernelGame(generated=(mass,), width=1.5, regularization=2.0)
    expected = 1 - 0.4 * mass * (1 - mass) / (2.0 * 1.5**2)
    assert jacobian(game, 0.0, 0.4)[0, 0] == pytest.approx(expected, rel=1e-12)


@BOTH
def test_a_fast_discriminator_keeps_too_many_points(updates):
    """At small rates they leave iff lr_g m |p - m| / sigma^2 > lr_d lambda^2."""
    game, lr_d = KernelGame(generated=(1.3,), width=1.5, regularization=2.0), 1e-4
    edge = lr_d * 2.0**2 * 1.5**2 / (1.3 * 0.3)
    radii = [spectral_radius(jacobian(game, lr_d, edge * by, updates=updates)) for by in (0.98, 1.02)]
    assert radii[0] < 1 < radii[1]


A, B = (grid.ravel() for grid in np.meshgrid(np.linspace(0.05, 2.4, 40), np.geomspace(0.001, 5, 40)))


def test_both_at_once_have_the_eigenvalues_of_a_quadratic():
    """1 + u with u^2 + a u + b = 0; stable iff b < a and 4 - 2a + b > 0."""
    eigenvalues = np.linalg.eigvals(jacobian(ONE, A, B / A))
    u = eigenvalues - 1
    assert u**2 + A[:, None] * u + B[:, None] == pytest.approx(0, abs=1e-6)
    radius = spectral_radius(jacobian(ONE, A, B / A))
    assert ((radius < 1) == ((B < A) & (4 - 2 * A + B > 0))).all()
    turns = 4 * B > A**2 * (1 + 1e-9)
    assert radius[turns] == pytest.approx(np.sqrt((1 - A + B)[turns]), rel=1e-12)
    assert (np.abs(eigenvalues.imag).max(axis=1)[4 * B < A**2 * (1 - 1e-9)] == 0).all()


def test_one_after_the_other_is_stable_far_beyond():
    """Determinant 1 - a; stable iff b < 4 - 2a; where it oscillates the modulus is sqrt(1 - a)."""
    matrices = jacobian(ONE, A, B / A, updates="alternating")
    assert np.linalg.det(matrices) == pytest.approx(1 - A, abs=1e-12)
    radius = spectral_radius(matrices)
    assert ((radius < 1) == ((B < 4 - 2 * A) & (A < 2))).all()
    turns = np.abs(np.linalg.eigvals(matrices).imag).max(axis=1) > 1e-9
    assert turns.any()
    assert radius[turns] == pytest.approx(np.sqrt(1 - A[turns]), rel=1e-9)


def test_without_regularization_only_alternating_games_circle():
    game = KernelGame(regularization=0.0)
    assert spectral_radius(jacobian(game, 0.3, 0.2, updates="alternating")) == pytest.approx(1, rel=1e-12)
    assert spectral_radius(jacobian(game, 0.3, 0.2)) == pytest.approx(math.sqrt(1.06), rel=1e-12)


def test_a_circle_of_constant_size_never_comes_to_rest():
    """Its spectral radius is 1, and rounding decides nothing: alternating without λ, and at b = a."""
    rates = np.linspace(0.01, 0.4, 40)
    free = KernelGame(regularization=0.0)
    words, clear = predicted_phases(free, *np.meshgrid(rates, rates), SGD(), updates="alternating")
    assert set(words.ravel()) == {"leaves"}
    assert not clear.any()
    assert set(predicted_phases(ONE, rates, np.ones(40), SGD())[0]) == {"leaves"}


MU = np.linalg.eigvals(jacobian(ONE, 0.3, 0.4)) - 1


@pytest.mark.parametrize("beta", [0.9, 0.5, -0.5])
def test_momentum_has_the_eigenvalues_of_a_quadratic(beta):
    """x^2 - (1 + beta + mu) x + beta = 0 for each mu that a gradient step adds."""
    x = np.linalg.eigvals(jacobian(ONE, 0.3, 0.4, method="momentum", momentum=beta))
    wanted = np.concatenate([np.roots([1, -(1 + beta + mu), beta]) for mu in MU])
    assert _sorted(x) == pytest.approx(_sorted(wanted), abs=1e-9)


def test_optimistic_steps_have_the_eigenvalues_of_a_quadratic():
    x = np.linalg.eigvals(jacobian(ONE, 0.3, 0.4, method="optimistic"))
    wanted = np.concatenate([np.roots([1, -(1 + 2 * mu), mu]) for mu in MU])
    assert _sorted(x) == pytest.approx(_sorted(wanted), abs=1e-9)


def test_extragradient_steps_look_ahead():
    """1 + mu + mu^2, and a step by hand: the gradient at where a gradient step would lead."""
    matrix = jacobian(ONE, 0.3, 0.4, method="extragradient")
    assert _sorted(np.linalg.eigvals(matrix)) == pytest.approx(_sorted(1 + MU + MU**2), abs=1e-12)
    game = KernelGame(offset=1e-6)
    (f,), (x,) = (game.starts([0])[0][player] for player in game.players)
    lr = {"discriminator": 0.3, "generator": 0.4}

    def moved(at):
        gradients = game.gradients({p: (w[0],) for p, w in at.items()}, {}, game.players)
        return {p: w - lr[p] * gradients[p][0] for p, w in {"discriminator": f, "generator": x}.items()}

    for _ in range(3):
        f, x = moved(moved({"discriminator": f, "generator": x})).values()
    z = np.linalg.matrix_power(matrix, 3) @ [float(game.starts([0])[0]["generator"][0]), 0.0]
    assert [float(x), float(f[0, 0, 1])] == pytest.approx(z, rel=1e-6)


def test_the_rule_optimistic_multiplies_by_its_jacobian():
    """Its first update is the gradient's, as if that had been the one before."""
    game, lr = KernelGame(offset=1e-5), {"discriminator": 0.3, "generator": 0.4}
    paths = play(game, Optimistic(), lr, 10, [0], record=range(11))
    z = np.zeros(4)
    z[:2] = _state(paths)[0]
    z[2:] = (jacobian(game, 0.3, 0.4) - np.eye(2)) @ z[:2]
    matrix = jacobian(game, 0.3, 0.4, method="optimistic")
    for state in _state(paths):
        assert state == pytest.approx(z[:2], rel=1e-6, abs=1e-13)
        z = matrix @ z


def test_optimistic_and_extragradient_steps_tame_circles():
    """Without regularization both at once leave by gradient steps."""
    game = KernelGame(regularization=0.0)
    assert spectral_radius(jacobian(game, 0.1, 0.1)) > 1
    for method in ("optimistic", "extragradient"):
        assert spectral_radius(jacobian(game, 0.1, 0.1, method=method)) < 1


def _sorted(values):
    return np.array(sorted(values, key=lambda x: (round(x.real, 6), x.imag)))


KNOWN = {0.05: 0.9513, 0.2: 0.9592, 0.9: 0.99499, 1.5: 1.0247}  # both at once, lr_d = .1, by lr_g


def _measured_radius(paths):
    """Of the two-dimensional linear part, from its determinant over steps with both still small."""
    state = _state(paths)[5:45]
    matrix = np.linalg.lstsq(state[:-1], state[1:], rcond=None)[0]
    return np.abs(np.linalg.eigvals(matrix)).max()


@pytest.mark.parametrize(("lr_g", "radius"), KNOWN.items())
def test_known_spectral_radii(lr_g, radius):
    """Both at once as listed; one after the other sqrt(.9) at all four."""
    for updates, expected in (("simultaneous", radius), ("alternating", math.sqrt(0.9))):
        assert spectral_radius(jacobian(ONE, 0.1, lr_g, updates=updates)) == pytest.approx(expected, abs=5e-5)
        lr = {"discriminator": 0.1, "generator": lr_g}
        paths = play(ONE, SGD(), lr, 45, [0], updates=updates, record=range(46))
        assert _measured_radius(paths) == pytest.approx(expected, abs=1e-4)


def test_a_game_that_leaves_ends_in_a_cycle():
    lr = {"discriminator": 0.1, "generator": 1.5}
    paths = play(KernelGame(offset=0.2), SGD(), lr, 99, [0], record=range(30, 100))
    early, late = (np.abs(paths.observed["offset"][0, part]).max() for part in (slice(35), slice(35, None)))
    assert 0.1 < early < 1
    assert late == pytest.approx(early, rel=0.2)


@pytest.mark.parametrize("lr", [(0.4, 0.1), (0.1, 0.05)])
def test_the_critical_width_converges_fastest(lr):
    """There 4b = a^2, the radius is 1 - a/2, and every other width is slower."""
    game = KernelGame(masses=(0.8,), generated=(0.8,), regularization=0.9)
    best = critical_width(game, *lr)

    def radius(width):
        return spectral_radius(jacobian(KernelGame(
            masses=(0.8,), generated=(0.8,), regularization=0.9, width=width), *lr))  # fmt: skip

    assert radius(best) == pytest.approx(1 - 0.9 * lr[0] / 2, abs=1e-6)
    assert all(radius(best * factor) > radius(best) for factor in (0.5, 0.9, 1.1, 2.0))


def test_below_the_narrowest_width_points_leave():
    game = KernelGame(regularization=0.9)
    width = narrowest_width(game, lr_g=0.4)
    radii = [
        spectral_radius(jacobian(KernelGame(regularization=0.9, width=width * factor), 0.05, 0.4))
        for factor in (0.99, 1.01)
    ]
    assert radii[0] > 1 > radii[1]


def test_several_points_on_one_have_a_neutral_direction():
    """An eigenvalue of exactly 1: generated points that part and keep their mean."""
    game = KernelGame(generated=(0.5, 0.3, 0.2))
    eigenvalues = np.linalg.eigvals(jacobian(game, 0.1, 0.2))
    assert (np.abs(eigenvalues - 1) < 1e-12).sum() == 2
    one = np.linalg.eigvals(jacobian(ONE, 0.1, 0.2 * (0.25 + 0.09 + 0.04)))
    assert np.abs(eigenvalues[:, None] - one).min(axis=0) == pytest.approx(0, abs=1e-9)


def _coupled(points, mass, lr_d, lr_g):
    """One step of (delta, w) for points that feel each other, of one mass, at width and lambda 1."""
    r = np.subtract.outer(points, points)
    curvature = (1 - r**2) * np.exp(-(r**2) / 2)  # of K, by both of its points
    none = np.zeros_like(r)
    return np.eye(2 * len(points)) + np.block(
        [[none, lr_g * mass * np.eye(len(points))], [-lr_d * mass * curvature, -lr_d * np.eye(len(points))]]
    )


@pytest.mark.parametrize(("apart", "at_isolated"), [(1.0, 1.0), (2.0, 1.406), (6.0, 1.0)])
def test_points_that_overlap_leave_at_other_rates(apart, at_isolated):
    """P of the boundary is times the largest eigenvalue of the kernel's curvatures, which is 1 far apart."""
    points, lr_d = [-apart / 2, apart / 2], 0.01
    edge = 4.0 / at_isolated  # lr_g P = lambda, with P = 1/4
    radii = [spectral_radius(_coupled(points, 0.5, lr_d, edge * by)) for by in (0.98, 1.02)]
    assert radii[0] < 1 < radii[1]
    game = KernelGame(
        points=tuple((x,) for x in points), masses=(0.5, 0.5), generated=(0.5, 0.5), offset=1e-5,
        isolated=False, degree=40,
    )  # fmt: skip
    paths = play(game, SGD(), {"discriminator": 0.1, "generator": 2.0}, 20, [3], record=range(21))
    state = np.column_stack([paths.observed[name][0, ..., 0] for name in ("offset", "slope")])
    z = np.linalg.matrix_power(_coupled(points, 0.5, 0.1, 2.0), 20) @ state[0]
    assert state[20] == pytest.approx(z, rel=1e-3, abs=1e-9)


RATES_D, RATES_G = np.geomspace(0.03, 1.95, 8), np.geomspace(0.01, 4, 9)


@pytest.mark.parametrize(
    ("updates", "rule"),
    [("simultaneous", SGD()), ("alternating", SGD()), ("simultaneous", SGD(0.5))],
    ids=str,
)
def test_play_has_the_predicted_phases(updates, rule):
    diagram = phase_diagram(ONE, RATES_D, RATES_G, rule, updates=updates, steps=300)
    assert diagram.clear.mean() > 0.8
    assert set(diagram.predicted.ravel()) == {"converges", "oscillates", "leaves"}
    assert diagram.agreement == 1.0


def test_points_of_unequal_masses_have_the_predicted_phases():
    game = KernelGame(
        points=((-12.0,), (0.0,), (12.0,)), masses=(0.5, 0.3, 0.2), generated=(0.5, 0.3, 0.2), width=1.1
    )
    diagram = phase_diagram(game, RATES_D[::2], 20 * RATES_G[::2], steps=300)
    assert set(diagram.predicted[diagram.clear]) == {"converges", "oscillates", "leaves"}
    assert diagram.agreement == 1.0


def test_a_diagram_has_its_rates_in_order():
    diagram = phase_diagram(ONE, [0.1, 0.2], [0.01, 0.5, 3.0], Normalize(), steps=100)
    assert diagram.simulated.shape == diagram.distance.shape == (2, 3)
    assert (diagram.lr_d.tolist(), diagram.lr_g.tolist()) == ([0.1, 0.2], [0.01, 0.5, 3.0])
    assert diagram.predicted is None
    assert math.isnan(diagram.agreement)


ADA = Adam((0.0, 0.9), 1e-150)


@pytest.mark.parametrize("rule", [Normalize(), ADA, Graft(ADA, SGD())], ids=["NSGD", "Adam", "AdaNSGD"])
def test_steps_of_constant_length_cycle_in_proportion_to_the_rate(rule):
    """For a rule blind to the gradient's scale, small rates and starts have no other unit of length."""
    rates = np.array([1e-5, 4e-5, 4e-4])
    start = {"discriminator": [np.zeros((3, 1, 4))], "generator": [5.3 * rates[:, None, None]]}
    paths = play(KernelGame(degree=4), rule, rates, 99, 0, start=start, record=range(50, 100))
    radius = cycle_radius(paths, after=50) / rates
    assert radius == pytest.approx(np.full(3, radius[0]), rel=0.1)
    assert ((radius > 0.3) & (radius < 1.5)).all()


def test_a_graft_with_the_gradients_length_comes_to_rest():
    """AdaDir: Adam's direction does not keep it from the equilibrium."""
    paths = play(ONE, Graft(SGD(), ADA), 0.3, 99, [0], record=[0, 99])
    assert cycle_radius(paths, after=99) < 0.3 * cycle_radius(paths, after=0)


def _overlapping():
    return KernelGame(points=((-1.0,), (1.0,)), masses=(1.0, 1.0), generated=(1.0, 1.0), isolated=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jacobian(ONE, 0.1, -0.1), "learning rates must be >= 0"),
        (lambda: jacobian(ONE, [0.1, math.nan], 0.1), "learning rates must be >= 0 and finite"),
        (lambda: critical_width(ONE, 0.0, 0.1), "lr_d must be finite and > 0, got 0.0"),
        (lambda: critical_width(ONE, 0.1, -0.1), "lr_g must be finite and > 0, got -0.1"),
        (lambda: critical_width(KernelGame(regularization=0.0), 0.1, 0.1), "no width converges"),
        (lambda: narrowest_width(KernelGame(regularization=0.0), 0.1), "no width converges"),
        (lambda: narrowest_width(ONE, 0.1, point=1), r"point must be in 0..0, got 1"),
        (lambda: narrowest_width(KernelGame(generated=(0.5,)), 0.1), "of balanced masses, got 0.5 near"),
        (lambda: jacobian(ONE, 0.1, 0.1, point=1), r"point must be in 0..0, got 1"),
        (lambda: jacobian(ONE, 0.1, 0.1, updates="both"), "updates must be one of"),
        (lambda: jacobian(ONE, 0.1, 0.1, method="adam"), "method must be one of"),
        (lambda: jacobian(ONE, 0.1, 0.1, momentum=0.5), "0 unless it is the method"),
        (lambda: jacobian(ONE, 0.1, 0.1, method="extragradient", updates="alternating"), "of both players"),
        (lambda: jacobian(_overlapping(), 0.1, 0.1), "of isolated points.*else play the game"),
        (lambda: jacobian(KernelGame(generated=(0.5,), regularization=0.0), 0.1, 0.1), "no equilibrium"),
        (lambda: phase_diagram(KernelGame(generated=(0.5, 0.5)), [0.1], [0.1]), "neutral direction"),
        (lambda: phase_diagram(KernelGame(offset=0.0), [0.1], [0.1]), "take an offset > 0"),
        (lambda: phase_diagram(ONE, [0.1], [0.1], steps=50), "steps must be >= 100, got 50"),
        (lambda: phase_diagram(ONE, [0.1], [0.1], steps=200.0), "steps must be a whole number, got 200.0"),
        (lambda: cycle_radius(play(ONE, SGD(), 0.1, 2, [0], record=[0]), after=1), "from step 1 on"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
