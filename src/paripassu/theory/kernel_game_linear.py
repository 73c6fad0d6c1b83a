r"""Near its equilibrium the kernel game is a small matrix, whose eigenvalues say what it does.

Around one true point x₀ of mass p are generated points of masses :math:`\tilde p_j` at
:math:`x_0 + δ_j`. Let w = ∇f(x₀) and Δ = p - Σ p̃_j. The equilibrium is δ = 0, f = (Δ/λ) K(x₀, ·), and to
first order, in every coordinate alone,

.. math:: \dot δ_j = η_g \tilde p_j \Bigl(w - \frac{Δ}{λσ^2} δ_j\Bigr), \qquad
   \dot w = -η_d \Bigl(λ w + \frac{1}{σ^2} \sum_j \tilde p_j δ_j\Bigr).

For balanced masses, Δ = 0, all is in a = η_d λ and b = η_g η_d P/σ² with P = Σ p̃_j². Both players at once
have the eigenvalues 1 + u with u² + a u + b = 0. Their game

- converges if b < a and 4 - 2a + b > 0, that is if η_g P/σ² < λ for small rates, whatever η_d;
- oscillates if 4b > a², with the modulus √(1 - a + b).

One after the other, discriminator first, the matrix has the determinant 1 - a. That game converges if
0 < a and b < 4 - 2a, a far larger region, and where it oscillates its modulus √(1 - a) does not depend on b.

For one generated point of another mass p̃, missing mass (Δ > 0) attracts. Too much of it (Δ < 0) repels, but
the discriminator follows: for small rates points leave only if η_g p̃ |Δ|/σ² > η_d λ².

Other steps than the gradient's, for an eigenvalue μ of what one simultaneous gradient step adds:

- momentum β, which may be negative: x² - (1 + β + μ) x + β = 0;
- optimistic steps 2gₜ - gₜ₋₁: x² - (1 + 2μ) x + μ = 0;
- extragradient steps: x = 1 + μ + μ².

Derived here and checked against play; the claim is Becker, Pandit, Rangan & Fletcher's, arXiv:2305.08277.
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from paripassu.theory.kernel_game import KernelGame
from paripassu.theory.problem import Array
from paripassu.theory.recording import Updates, check_updates

Method = Literal["gradient", "momentum", "optimistic", "extragradient"]


def jacobian(
    game: KernelGame,
    lr_d: ArrayLike,
    lr_g: ArrayLike,
    *,
    point: int = 0,
    updates: Updates = "simultaneous",
    method: Method = "gradient",
    momentum: float = 0.0,
) -> Array:
    """One step of ``(δ_1, ..., δ_J, w)`` near the equilibrium of one true point, in one coordinate.

    Args:
        game: with isolated points.
        lr_d: the discriminator's learning rates >= 0, which broadcast with
        lr_g: the generator's, to the shape ``[...]``.
        point: number of the true point; J counts the generated points that start near it.
        updates: both players at once, or the discriminator first.
        method: what a player does with its gradient.
        momentum: β in (-1, 1) of both players, for the method ``"momentum"``.

    Returns:
        ``[..., J + 1, J + 1]``. Momentum and optimistic steps also remember: ``[..., 2J + 2, 2J + 2]`` with
        as many numbers of memory after the others.

    Raises:
        ValueError: a setting out of its range; several points that are not isolated; unbalanced masses
            without regularization, which have no equilibrium; alternating extragradient steps.

    Example:
        >>> from paripassu.theory import KernelGame, jacobian
        >>> jacobian(KernelGame(), lr_d=0.1, lr_g=0.2)
        array([[ 1. ,  0.2],
               [-0.1,  0.9]])
    """
    check_updates(updates)
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not -1.0 < momentum < 1.0 or (momentum and method != "momentum"):
        raise ValueError(f"momentum must be in (-1, 1), and 0 unless it is the method, got {momentum}")
    if method == "extragradient" and updates == "alternating":
        raise ValueError("extragradient steps are of both players at once: take updates='simultaneous'")
    added, of_discriminator = _added(game, lr_d, lr_g, point)
    size = added.shape[-1]
    if method == "extragradient":
        return np.eye(size) + added + added @ added
    # z' = z + scale A z + old h,  h' = A z + kept h,  for the players who move.
    scale, old, kept = {"gradient": (1, 0, 0), "momentum": (1, momentum, momentum), "optimistic": (2, -1, 0)}[
        method
    ]
    everyone = np.ones(size)
    movers = [everyone] if updates == "simultaneous" else [of_discriminator, everyone - of_discriminator]
    whole = np.eye(2 * size)
    for moves in movers:
        own, memory = moves[:, None] * added, np.diag(moves)
        step = np.zeros((*added.shape[:-2], 2 * size, 2 * size))
        step[..., :size, :size] = np.eye(size) + scale * own
        step[..., :size, size:] = old * memory
        step[..., size:, :size] = own
        step[..., size:, size:] = np.eye(size) - (1 - kept) * memory
        whole = step @ whole
    return whole[..., :size, :size] if method == "gradient" else whole


def _added(game: KernelGame, lr_d: ArrayLike, lr_g: ArrayLike, point: int) -> tuple[Array, Array]:
    """What one gradient step of both adds ``[..., J + 1, J + 1]``, and which entry is the discriminator's."""
    if not game.isolated and len(game.points) > 1:
        raise ValueError(
            "the small matrices are of isolated points, which do not feel each other: take isolated=True if "
            "the points are far apart, else play the game"
        )
    own = np.array(_own_masses(game, point))
    excess = game.masses[point] - own.sum()
    if abs(excess) < 1e-12 * own.sum():
        pull = 0.0
    elif game.regularization == 0:
        raise ValueError("unbalanced masses have no equilibrium without regularization: take it > 0")
    else:
        pull = excess / (game.regularization * game.width**2)
    field = np.zeros((len(own) + 1, len(own) + 1))
    field[:-1, :-1] = np.diag(-own * pull)
    field[:-1, -1] = own
    field[-1, :-1] = -own / game.width**2
    field[-1, -1] = -game.regularization
    of_discriminator = np.eye(len(own) + 1)[-1]
    d, g = (np.asarray(lr, np.float64)[..., None] for lr in (lr_d, lr_g))
    if not all(((rates >= 0) & np.isfinite(rates)).all() for rates in (d, g)):
        raise ValueError("learning rates must be >= 0 and finite")
    rates = d * of_discriminator + g * (1 - of_discriminator)
    return rates[..., None] * field, of_discriminator


def spectral_radius(matrices: Array) -> Array:
    """The largest modulus of an eigenvalue, ``[...]``, by which a step multiplies in the long run.

    Example:
        >>> from paripassu.theory import KernelGame, jacobian, spectral_radius
        >>> float(spectral_radius(jacobian(KernelGame(), lr_d=0.1, lr_g=0.2)).round(4))  # sqrt(1 - a + b)
        0.9592
    """
    return np.abs(np.linalg.eigvals(matrices)).max(axis=-1)


def critical_width(game: KernelGame, lr_d: float, lr_g: float, point: int = 0) -> float:
    """The kernel's width with which balanced masses converge fastest, both players at once.

    σ*² = 4 η_g P / (η_d λ²), where 4b = a². A wider kernel is slower, a narrower one oscillates.

    Raises:
        ValueError: rates that are not > 0, no such point, masses that are not balanced, or no regularization:
            then no width converges.

    Example:
        >>> from paripassu.theory import KernelGame, critical_width
        >>> round(critical_width(KernelGame(), lr_d=0.4, lr_g=0.1), 9)
        1.0
    """
    _check_rates(game, lr_d=lr_d, lr_g=lr_g)
    return math.sqrt(4 * lr_g * _square_mass(game, point) / lr_d) / game.regularization


def narrowest_width(game: KernelGame, lr_g: float, point: int = 0) -> float:
    """The width below which balanced masses leave, both players at once at small rates: σ² = η_g P / λ.

    Raises:
        ValueError: a rate that is not > 0, no such point, masses that are not balanced, or no regularization:
            then every width leaves.

    Example:
        >>> from paripassu.theory import KernelGame, narrowest_width
        >>> narrowest_width(KernelGame(regularization=4.0), lr_g=1.0)
        0.5
    """
    _check_rates(game, lr_g=lr_g)
    return math.sqrt(lr_g * _square_mass(game, point) / game.regularization)


def _check_rates(game: KernelGame, **rates: float) -> None:
    for name, rate in rates.items():
        if not 0.0 < rate < math.inf:
            raise ValueError(f"{name} must be finite and > 0, got {rate}")
    if game.regularization == 0:
        raise ValueError("without regularization no width converges, both players at once: take it > 0")


def _square_mass(game: KernelGame, point: int) -> float:
    own = _own_masses(game, point)
    if not math.isclose(sum(own), game.masses[point], rel_tol=1e-12):
        raise ValueError(
            f"these widths are of balanced masses, got {sum(own)} near a point of {game.masses[point]}: take "
            "the spectral_radius of a jacobian"
        )
    return sum(mass**2 for mass in own)


def _own_masses(game: KernelGame, point: int) -> list[float]:
    """Of the generated points that start near a true point."""
    if not 0 <= point < len(game.points):
        raise ValueError(f"point must be in 0..{len(game.points) - 1}, got {point}")
    return [mass for mass, near in zip(game.generated, game.near, strict=True) if near == point]
