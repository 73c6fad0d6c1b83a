r"""Near its equilibrium the kernel game is a small matrix: it converges, oscillates or leaves.

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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paripassu.rules import SGD, Rule
from paripassu.theory.kernel_game import KernelGame
from paripassu.theory.play import play
from paripassu.theory.problem import Array
from paripassu.theory.recording import Trajectories, Updates, check_updates

Method = Literal["gradient", "momentum", "optimistic", "extragradient"]

PHASES = ("converges", "oscillates", "leaves")
"""To the equilibrium without turning; to it, turning around it; not to it."""

_TOLERANCE = 1e-3  # of the spectral radius: closer to 1, a thousand steps do not decide
_GROWTH = 10.0  # over the start; a cycle may wander, and a game that converges never grows so much


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
        ValueError: a setting out of its range; unbalanced masses without regularization, which have no
            equilibrium; alternating extragradient steps.

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
    if not 0 <= point < len(game.points):
        raise ValueError(f"point must be in 0..{len(game.points) - 1}, got {point}")
    own = np.array([mass for mass, near in zip(game.generated, game.near, strict=True) if near == point])
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
    if (d < 0).any() or (g < 0).any():
        raise ValueError("learning rates must be >= 0")
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

    Example:
        >>> from paripassu.theory import KernelGame, critical_width
        >>> round(critical_width(KernelGame(), lr_d=0.4, lr_g=0.1), 9)
        1.0
    """
    return math.sqrt(4 * lr_g * _square_mass(game, point) / lr_d) / game.regularization


def narrowest_width(game: KernelGame, lr_g: float, point: int = 0) -> float:
    """The width below which balanced masses leave, both players at once at small rates: σ² = η_g P / λ.

    Example:
        >>> from paripassu.theory import KernelGame, narrowest_width
        >>> narrowest_width(KernelGame(regularization=4.0), lr_g=1.0)
        0.5
    """
    return math.sqrt(lr_g * _square_mass(game, point) / game.regularization)


def _square_mass(game: KernelGame, point: int) -> float:
    own = (mass for mass, near in zip(game.generated, game.near, strict=True) if near == point)
    return sum(mass**2 for mass in own)


@dataclass(frozen=True)
class PhaseDiagram:
    """What a game does at A x B pairs of learning rates.

    Attributes:
        lr_d: ``[A]``.
        lr_g: ``[B]``.
        predicted: ``[A, B]`` of `PHASES`, from the eigenvalues; None for a rule without a small matrix.
        clear: ``[A, B]`` whether the steps played are enough to see the predicted phase.
        simulated: ``[A, B]`` of `PHASES`, from play.
        distance: ``[A, B]`` of the generated points in the last third, see `cycle_radius`; NaN where the run
            diverged.
    """

    lr_d: Array
    lr_g: Array
    predicted: NDArray[np.str_] | None
    clear: NDArray[np.bool_]
    simulated: NDArray[np.str_]
    distance: Array

    @property
    def agreement(self) -> float:
        """Share of the clear pairs at which play does what the eigenvalues say; NaN without a prediction."""
        if self.predicted is None or not self.clear.any():
            return math.nan
        return float((self.predicted == self.simulated)[self.clear].mean())


def phase_diagram(
    game: KernelGame,
    lr_d: ArrayLike,
    lr_g: ArrayLike,
    rules: Rule | Mapping[str, Rule] | None = None,
    *,
    updates: Updates = "simultaneous",
    steps: int = 1000,
    seed: int = 0,
) -> PhaseDiagram:
    """Predict and play a game at every pair of learning rates.

    The first third of the steps does not count. A game *leaves* if its offsets in the last third are not
    clearly below those in the second, as root mean squares, or are ten times those at the start. Else it
    *oscillates* if an offset changes its sign more than once.

    Args:
        game: with isolated points and one generated point near each, a small offset.
        lr_d: A learning rates > 0 of the discriminator.
        lr_g: B of the generator.
        rules: as `play` takes them; SGD without it. The prediction is for one `SGD` for both players.
        updates: as `play` takes them.
        steps: of each run, >= 100.
        seed: of the offsets.

    Raises:
        ValueError: several generated points near one true point, which have a neutral direction; a start at
            the equilibrium; too few steps.

    Example:
        >>> from paripassu.theory import KernelGame, phase_diagram
        >>> phase_diagram(KernelGame(), [0.1], [0.001, 0.5, 2.0], steps=200).simulated.tolist()
        [['converges', 'oscillates', 'leaves']]
    """
    if len(game.generated) != len(game.points):
        raise ValueError(
            "several generated points near one true point have a neutral direction: take one each"
        )
    if not game.offset:
        raise ValueError("a game that starts at its equilibrium stays there: take an offset > 0")
    if steps < 100:
        raise ValueError(f"steps must be >= 100, got {steps}")
    rules = SGD() if rules is None else rules
    grid_d, grid_g = np.meshgrid(np.asarray(lr_d, np.float64), np.asarray(lr_g, np.float64), indexing="ij")
    lr = {"discriminator": grid_d.ravel(), "generator": grid_g.ravel()}
    paths = play(game, rules, lr, steps, [seed], updates=updates, record=range(steps // 3, steps + 1))
    predicted, clear = _predicted(game, rules, grid_d, grid_g, updates, steps)
    shape = grid_d.shape
    return PhaseDiagram(
        grid_d[:, 0], grid_g[0], predicted, clear,
        _simulated(paths, game.offset).reshape(shape),
        cycle_radius(paths, after=2 * steps // 3).reshape(shape),
    )  # fmt: skip


def _predicted(
    game: KernelGame,
    rules: Rule | Mapping[str, Rule],
    lr_d: Array,
    lr_g: Array,
    updates: Updates,
    steps: int,
) -> tuple[NDArray[np.str_] | None, NDArray[np.bool_]]:
    """Phases by the largest eigenvalues of each true point, and which of the phases show in play."""
    if not isinstance(rules, SGD):
        return None, np.zeros(lr_d.shape, np.bool_)
    leaves, turns, clear = (np.full(lr_d.shape, value) for value in (False, False, True))
    for point in range(len(game.points)):
        matrices = jacobian(
            game, lr_d, lr_g, point=point, updates=updates, method="momentum", momentum=rules.momentum
        )
        eigenvalues = np.linalg.eigvals(matrices)
        moduli, angles = np.abs(eigenvalues), np.abs(np.angle(eigenvalues))
        radius = moduli.max(axis=-1)
        lasts = (moduli / np.maximum(radius, 1e-300)[..., None]) ** (steps / 3) > _TOLERANCE
        straight = angles < 1e-6  # rounding splits the double eigenvalue 1 - a/2
        # Half a turn is one change of sign, and two are looked for in two thirds of the steps.
        seen = angles * steps > 5 * math.pi
        leaves |= radius > 1
        turns |= (lasts & ~straight).any(axis=-1)
        clear &= np.abs(radius - 1) > _TOLERANCE
        clear &= (~lasts | straight).all(axis=-1) | (~lasts | seen).all(axis=-1)
    return np.select([leaves, turns], ["leaves", "oscillates"], "converges"), clear


def _simulated(paths: Trajectories, start: float) -> NDArray[np.str_]:
    """Phases ``[R]`` of paths from offsets ``start``, recorded at every step of their last two thirds."""
    offsets = paths.observed["offset"].reshape(len(paths.seeds), len(paths.steps), -1)
    half = len(paths.steps) // 2
    size = np.square(offsets).mean(axis=2)
    early, late = size[:, :half].mean(axis=1), size[:, half:].mean(axis=1)
    # At the radius 1 - tolerance/2 an amplitude falls by this factor from one third to the next.
    fall = (1 - _TOLERANCE / 2) ** half
    comes = (late <= fall**2 * early) & (late <= (_GROWTH * start) ** 2)  # False for NaN
    signs = np.sign(offsets)
    changes = (signs[:, 1:] * signs[:, :-1] < 0).sum(axis=1).max(axis=1)
    return np.select([~comes, changes > 1], ["leaves", "oscillates"], "converges")


def cycle_radius(paths: Trajectories, after: int) -> Array:
    """How far from their true points the generated points stay, ``[R]``, in widths.

    It is the root mean square of their distances over the records from step ``after`` on. Steps of constant
    length never come to rest, so for small rates it grows in proportion to them.

    Args:
        paths: of a `KernelGame`.
        after: first step that counts.

    Raises:
        ValueError: nothing is recorded from step ``after`` on.

    Example:
        >>> from paripassu.rules import Normalize
        >>> from paripassu.theory import KernelGame, cycle_radius, play
        >>> settings = dict(lr=[0.003, 0.006], steps=400, seeds=[0], record=range(200, 401))
        >>> one, two = cycle_radius(play(KernelGame(), Normalize(), **settings), after=200)
        >>> bool(1.9 < two / one < 2.1)
        True
    """
    counts = paths.steps >= after
    if not counts.any():
        raise ValueError(f"nothing is recorded from step {after} on, got {paths.steps.tolist()}")
    squares = np.square(paths.observed["offset"][:, counts]).sum(axis=-1)
    return np.sqrt(squares.mean(axis=(1, 2)))
