"""The exact reduction: a game in d dimensions, played in k = modes + m_D + m_G.

Every gradient lies in the span of the modes and of the initial weights, and SGDA and nSGDA commute with
rotations. Written in an orthonormal basis that begins with the modes' span, the initial weights have
independent normal coordinates there, and in the rest of the space the lower triangular factor of their
Gram matrix, which for normal weights is Bartlett's: standard normals below a diagonal of
χ(d − K), χ(d − K − 1), … (Bartlett 1933).
"""

import numpy as np

from paripassu.theory.collapse.framework import Array, Framework


def draw_start(framework: Framework, seed: int) -> tuple[Array, Array]:
    """Initial weights w_i ~ N(0, I/d), v_j ~ N(0, I/d^2), drawn in the reduced coordinates.

    Args:
        framework: the game.
        seed: decides them, whatever else is simulated beside.

    Returns:
        ``[m_D, k]`` and ``[m_G, k]``.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    neurons = framework.n_discriminator + framework.n_generator
    within = rng.standard_normal((neurons, framework.modes))
    below = np.tril(rng.standard_normal((neurons, neurons)), -1)
    # float: a chi-square of up to 1e9 degrees of freedom.
    freedom = np.float64(framework.d - framework.modes) - np.arange(neurons)
    beyond = below + np.diag(np.sqrt(rng.chisquare(freedom)))
    return _scaled(framework, np.hstack([within, beyond]))


def reduce_start(framework: Framework, W: Array, V: Array) -> tuple[Array, Array]:
    """Given weights in full dimension, where the modes span the first ``modes`` coordinates.

    Mode l is row l of `Framework.mode_coordinates` followed by zeros.

    Args:
        framework: the game.
        W: ``[m_D, d]``.
        V: ``[m_G, d]``.

    Returns:
        ``[m_D, k]`` and ``[m_G, k]`` with the same inner products among themselves and with the modes.

    Raises:
        ValueError: shapes that are not the framework's.
    """
    shapes = ((framework.n_discriminator, framework.d), (framework.n_generator, framework.d))
    if (W.shape, V.shape) != shapes:
        raise ValueError(f"start must be of shapes {shapes[0]} and {shapes[1]}, got {W.shape} and {V.shape}")
    weights = np.vstack([W, V])
    # Rows Q R transposed: the lower triangular factor keeps every inner product.
    factor: Array = np.linalg.qr(weights[:, framework.modes :].T)[1]
    reduced = np.hstack([weights[:, : framework.modes], factor.T])
    return reduced[: framework.n_discriminator], reduced[framework.n_discriminator :]


def _scaled(framework: Framework, standard: Array) -> tuple[Array, Array]:
    split = framework.n_discriminator
    return standard[:split] / np.sqrt(framework.d), standard[split:] / framework.d
