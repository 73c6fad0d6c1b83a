"""The kernel game by SGDA without any basis: f is a growing list of centres with coefficients."""

import numpy as np


def play_centres(game, lr_d, lr_g, steps, start, updates="simultaneous"):
    """Generated points ``[steps + 1, J, d]``, and a function that evaluates the last f.

    Old coefficients decay by ``1 - lr_d * lambda`` at each step; none is dropped.
    """
    true, fake = np.array(game.points), np.array(start, dtype=float)
    masses, generated = np.array(game.masses), np.array(game.generated)
    centres, coefficients = np.zeros((0, true.shape[1])), np.zeros(0)
    path = [fake]

    def kernel(x, y):
        return np.exp(-np.square(x[:, None] - y).sum(axis=2) / (2 * game.width**2))

    def slope(x):
        differences = (centres - x[:, None]) / game.width**2
        return np.einsum("pc,pcd,c->pd", kernel(x, centres), differences, coefficients)

    for _ in range(steps):
        pull = slope(fake)
        centres = np.concatenate([centres, true, fake])
        new = lr_d * np.concatenate([masses, -generated])
        coefficients = np.concatenate([(1 - lr_d * game.regularization) * coefficients, new])
        if updates == "alternating":
            pull = slope(fake)
        fake = fake + lr_g * generated[:, None] * pull
        path.append(fake)
    return np.array(path), lambda x: kernel(np.asarray(x, float), centres) @ coefficients
