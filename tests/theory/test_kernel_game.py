"""The kernel game: a finite basis is the kernel, and play is SGDA with a growing list of centres."""

import math

import numpy as np
import pytest
import torch
from tests.oracles.kernel_game import play_centres

from paripassu.rules import SGD, Adam, Normalize
from paripassu.theory import KernelGame, play

ONE = KernelGame(offset=0.5, width=0.7)
GAMES = {
    "one point": ONE,
    "unbalanced": KernelGame(masses=(1.0,), generated=(0.6,), offset=0.8),
    "several generated": KernelGame(generated=(0.5, 0.3, 0.2), offset=0.5),
    "a plane": KernelGame(points=((0.0, 1.0),), degree=20, offset=0.7, width=0.5),
    "far apart": KernelGame(
        points=((-6.0,), (6.0,)), masses=(0.7, 0.3), generated=(0.6, 0.4), offset=0.6
    ),
    "overlapping": KernelGame(
        points=((-0.5,), (0.8,)), masses=(0.5, 0.5), generated=(0.5, 0.5), offset=0.4, isolated=False
    ),
    "overlapping in a plane": KernelGame(
        points=((-0.3, 0.2), (0.4, 0.0)), masses=(0.5, 0.5), generated=(0.5, 0.5), offset=0.4,
        isolated=False, degree=20,
    ),
}  # fmt: skip
EVERY = pytest.mark.parametrize("game", GAMES.values(), ids=GAMES.keys())


def _kernel(game, x, y):
    return np.exp(-np.square(x[:, None] - y).sum(axis=2) / (2 * game.width**2))


@EVERY
def test_features_have_the_kernel_as_their_products(game):
    """Within two widths of the true points."""
    rng = np.random.default_rng(0)
    x = np.array(game.points)[0] + game.width * rng.uniform(-2, 2, (9, game.d)) / math.sqrt(game.d)
    values = game._features(torch.from_numpy(x[:, None] - game._centres)).values.flatten(1).numpy()
    assert values @ values.T == pytest.approx(_kernel(game, x, x), abs=1e-7)


@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0, 5.0, 8.0])
@pytest.mark.parametrize("degree", [4, 32])
def test_what_the_basis_leaves_out_is_known(distance, degree):
    """1 - |features|^2 is the chance that a Poisson number of mean u^2 reaches the degree."""
    game = KernelGame(degree=degree, width=0.5)
    values = game._features(torch.tensor([[[0.5 * distance]]], dtype=torch.float64)).values
    assert 1 - float(values.square().sum()) == pytest.approx(game.left_out(distance), abs=1e-9)


def test_a_gradient_is_of_the_kernel_machine():
    """f of one gradient step from zero is the kernel of the true point less that of the generated one."""
    game = KernelGame(offset=0.9, generated=(0.8,))
    paths = play(game, SGD(), 1.0, 1, [3], record=[0])
    fake = paths.observed["offset"][0, 0]
    x = np.linspace(-2, 2, 9)[:, None]
    expected = _kernel(game, x, np.zeros((1, 1)))[:, 0] - 0.8 * _kernel(game, x, fake)[:, 0]
    assert game.discriminator(paths.weights["discriminator"][0][0], x) == pytest.approx(expected, abs=1e-12)
    # |sum of c_i K(x_i, .)|^2 = sum of c_i c_j K(x_i, x_j), by which a normalised step divides.
    points, c = np.concatenate([np.zeros((1, 1)), fake]), np.array([1.0, -0.8])
    square = c @ _kernel(game, points, points) @ c
    assert paths.gradients["discriminator"][0, 0] == pytest.approx(math.sqrt(square), rel=1e-12)


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
@EVERY
def test_play_is_a_growing_list_of_centres(game, updates):
    """Forty steps of SGDA, without any basis."""
    lr = {"discriminator": 0.3, "generator": 0.4}
    paths = play(game, SGD(), lr, 40, [1], updates=updates, record=range(41))
    near = np.array(game.points)[list(game.near)]
    ours = near + game.width * paths.observed["offset"][0]
    theirs, f = play_centres(game, 0.3, 0.4, 40, ours[0], updates)
    assert ours == pytest.approx(theirs, abs=1e-8)
    assert np.abs(theirs - theirs[0]).max() > 0.1
    mine = game.discriminator(paths.weights["discriminator"][0][0], np.array(game.points))
    assert mine == pytest.approx(f(game.points), abs=1e-8)


def test_far_starts_feel_no_gradient():
    paths = play(KernelGame(offset=9.0), SGD(), 0.1, 50, [0], record=[0, 50])
    assert abs(paths.observed["offset"][0, 1] - paths.observed["offset"][0, 0]).max() < 1e-6


@pytest.mark.parametrize("rule", [SGD(), Normalize(), Adam((0.0, 0.9))], ids=repr)
def test_a_start_at_the_equilibrium_stays_there(rule):
    paths = play(KernelGame(offset=0.0), rule, 0.1, 50, [0], record=[50])
    assert paths.observed["offset"].item() == 0.0


def test_points_far_away_do_not_overflow():
    """A huge step takes the point where the kernel is zero; nothing there moves it back."""
    paths = play(ONE, SGD(), {"discriminator": 1.0, "generator": 1e300}, 50, [0], record=[50])
    assert paths.diverged_at[0] == math.inf
    assert abs(paths.observed["offset"].item()) > 1e200


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
def test_width_is_a_unit_of_length(updates):
    """Doubling width and points, and the generator's rate fourfold, doubles the path."""
    one, two = KernelGame(offset=0.5), KernelGame(offset=0.5, width=2.0)
    paths = [
        play(game, SGD(), {"discriminator": 0.2, "generator": lr}, 30, [0], updates=updates)
        for game, lr in ((one, 0.3), (two, 1.2))
    ]
    assert paths[0].observed["offset"] == pytest.approx(paths[1].observed["offset"], rel=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"points": ()}, "points must have one or more coordinates"),
        ({"points": ((0.0,), (20.0, 1.0))}, "points must have one or more coordinates"),
        ({"points": (1.0, 20.0)}, "points must have one or more coordinates"),
        ({"points": ((math.nan,),)}, "points must be finite"),
        ({"masses": (0.5, 0.5)}, "masses must be one a point, got 2 for 1"),
        ({"masses": (0.0,)}, "masses must be finite and > 0"),
        ({"generated": ()}, "generated must have a mass near each"),
        ({"width": 0.0}, "width must be finite and > 0, got 0.0"),
        ({"regularization": -1.0}, "regularization must be finite and >= 0, got -1.0"),
        ({"offset": math.inf}, "offset must be finite and >= 0, got inf"),
        ({"degree": 1}, "degree must be >= 2, got 1"),
        ({"degree": 8.5}, "degree must be a whole number, got 8.5"),
        ({"points": ((0.0,), (5.0,))}, "only 5 widths apart.*isolated=False"),
        ({"points": ((0.0,), (12.0,)), "isolated": False}, "does not reach a point 6 widths"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    settings = dict(wrong)
    if len(settings.get("points", ())) == 2:
        settings = {"masses": (1.0, 1.0), "generated": (1.0, 1.0)} | settings
    with pytest.raises(ValueError, match=message):
        KernelGame(**settings)
