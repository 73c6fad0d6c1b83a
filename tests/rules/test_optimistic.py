"""Optimistic updates against the closed form of a game in which gradient descent ascent diverges."""

import numpy as np
import pytest
import torch

from paripassu.rules import SGD, Adam, Optimistic

pytest.importorskip("numba", reason="the theory needs numba")

from paripassu.theory import Bilinear, play


def _norms(paths) -> np.ndarray:
    return np.sqrt(paths.norms["x"] ** 2 + paths.norms["y"] ** 2)[0]


@pytest.mark.parametrize("lr", [0.05, 0.3, 0.45])
def test_on_a_bilinear_game_steps_have_the_closed_form(lr):
    """As a complex number z' = (1 + 2i lr) z - i lr z₋₁, from z₋₁ = z: powers of two roots."""
    steps = 60
    paths = play(Bilinear(), Optimistic(), lr, steps, [0], record=range(steps + 1))
    roots = np.roots([1, -(1 + 2j * lr), 1j * lr])
    weights = np.linalg.solve([1 / roots, [1, 1]], [1, 1])
    expected = abs((weights * roots ** np.arange(steps + 1)[:, None]).sum(1))
    np.testing.assert_allclose(_norms(paths) / _norms(paths)[0], expected, rtol=1e-10)


def test_it_converges_where_descent_ascent_diverges():
    optimistic, plain = (_norms(play(Bilinear(), rule, 0.3, 300, [0])) for rule in (Optimistic(), SGD()))
    assert optimistic[-1] < 1e-3 * optimistic[0]
    assert plain[-1] > 1e3 * plain[0]


def test_an_update_is_twice_the_rules_minus_its_last():
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(4, generator=generator, dtype=torch.float64) for _ in range(5)]
    adam, rule, last = Adam(), Optimistic(Adam()), None
    own, state = adam.init(gradients[0]), rule.init(gradients[0])
    for gradient in gradients:
        update, own = adam.update_tensor(gradient, own, gradient)
        (ours,), (state,) = rule.update([gradient], [state], [gradient])
        torch.testing.assert_close(ours, update if last is None else 2 * update - last, rtol=1e-12, atol=0)
        last = update
