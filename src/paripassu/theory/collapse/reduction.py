r"""The exact reduction: a game in d dimensions, played in k = modes + m_D + m_G.

**Paths stay in a small space.** The gradient of the value by w_i is a combination of data points and of
generator outputs, so of the modes u and the v_j. The gradient by v_j is a combination of the w_i. Therefore
every weight stays in the span of the modes and of the *initial* weights, which has k dimensions at any d.

**Any basis of it will do.** SGDA and nSGDA, with or without momentum, use inner products alone. So they
commute with rotations, and a run may be simulated in any orthonormal basis of the span. Adam works coordinate
by coordinate and does not commute with rotations, so it needs all d dimensions (`full`).

**The start is drawn in that basis.** Take one that begins with the span of the K modes. An initial weight has
K independent normal coordinates there. Of the remaining parts, in d - K dimensions, only the inner products
matter: a Wishart matrix of m_D + m_G vectors with d - K degrees of freedom. Its lower triangular factor has
independent entries (Bartlett 1933): standard normals below a diagonal of χ(d - K), χ(d - K - 1), ... So the
start is drawn from its exact law at any d, and nothing is approximated.
"""

import numpy as np

from paripassu.theory.collapse.framework import Array, Framework


def draw_start(framework: Framework, seed: int) -> tuple[Array, Array]:
    """Initial weights w_i ~ N(0, I/d), v_j ~ N(0, I/d^2), drawn in the reduced coordinates.

    Args:
        framework: the game.
        seed: decides them alone.

    Returns:
        ``[m_D, k]`` and ``[m_G, k]``.

    Example:
        >>> from paripassu.theory import Framework
        >>> from paripassu.theory.collapse.reduction import draw_start
        >>> W, V = draw_start(Framework(d=10**9), seed=0)
        >>> W.shape, V.shape
        ((10, 20), (8, 20))
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
    """Reduced coordinates of weights in full dimension, where the modes span the first ``modes`` axes.

    Mode l is row l of `Framework.mode_coordinates` followed by zeros.

    Args:
        framework: the game.
        W: ``[m_D, d]``.
        V: ``[m_G, d]``.

    Returns:
        ``[m_D, k]`` and ``[m_G, k]`` with the same inner products among themselves and with the modes.

    Raises:
        ValueError: shapes that are not the framework's.

    Example:
        >>> import numpy as np
        >>> from paripassu.theory import Framework
        >>> from paripassu.theory.collapse.reduction import reduce_start
        >>> rng = np.random.default_rng(0)
        >>> W, V = rng.standard_normal((10, 100)), rng.standard_normal((8, 100))
        >>> reduced, _ = reduce_start(Framework(d=100), W, V)
        >>> np.allclose(reduced @ reduced.T, W @ W.T)
        True
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
