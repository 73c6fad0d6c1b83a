"""The kernel game at a grid of learning rates: what its eigenvalues say, and what it does in play.

A game converges to its equilibrium, oscillates around it on the way there, or leaves it. Rules whose steps
have a constant length leave it at every rate, for a cycle in proportion to the rate.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paripassu.rules import SGD, Rule
from paripassu.sizes import check_sizes
from paripassu.theory.kernel_game import KernelGame
from paripassu.theory.kernel_game_linear import jacobian
from paripassu.theory.play import play
from paripassu.theory.problem import Array
from paripassu.theory.recording import Trajectories, Updates

PHASES = ("converges", "oscillates", "leaves")
"""To the equilibrium without turning; to it, turning around it; not to it."""

_TOLERANCE = 1e-3  # of the spectral radius: closer to 1, a thousand steps do not decide
_ROUNDING = 1e-11  # of the spectral radius: a circle of constant size has 1, more or less by rounding
_GROWTH = 10.0  # over the start; a cycle may wander, and a game that converges never grows so much


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

    Example:
        >>> from paripassu.theory import KernelGame, phase_diagram
        >>> diagram = phase_diagram(KernelGame(), [0.1], [0.5, 2.0], steps=200)
        >>> diagram.predicted.tolist(), diagram.agreement
        ([['oscillates', 'leaves']], 1.0)
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
    check_sizes(100, steps=steps)
    rules = SGD() if rules is None else rules
    grid_d, grid_g = np.meshgrid(np.asarray(lr_d, np.float64), np.asarray(lr_g, np.float64), indexing="ij")
    lr = {"discriminator": grid_d.ravel(), "generator": grid_g.ravel()}
    paths = play(game, rules, lr, steps, [seed], updates=updates, record=range(steps // 3, steps + 1))
    predicted, clear = None, np.zeros(grid_d.shape, np.bool_)
    if isinstance(rules, SGD):
        predicted, clear = predicted_phases(game, grid_d, grid_g, rules, updates=updates, steps=steps)
    shape = grid_d.shape
    return PhaseDiagram(
        grid_d[:, 0], grid_g[0], predicted, clear,
        played_phases(paths, game.offset).reshape(shape),
        cycle_radius(paths, after=2 * steps // 3).reshape(shape),
    )  # fmt: skip


def predicted_phases(
    game: KernelGame,
    lr_d: Array,
    lr_g: Array,
    rule: SGD,
    *,
    updates: Updates = "simultaneous",
    steps: int = 1000,
) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Phases by the largest eigenvalues of each true point, and which of the phases show in play.

    Args:
        game: with isolated points.
        lr_d: the discriminator's learning rates ``[...]``.
        lr_g: the generator's, ``[...]``.
        rule: of both players.
        updates: as `play` takes them.
        steps: of a run.

    Returns:
        `PHASES`, and whether ``steps`` are enough to see them, both ``[...]``.

    Example:
        >>> import numpy as np
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import KernelGame, predicted_phases
        >>> predicted_phases(KernelGame(), np.array([0.1, 0.1]), np.array([0.5, 2.0]), SGD())[0].tolist()
        ['oscillates', 'leaves']
    """
    leaves, turns, clear = (np.full(lr_d.shape, value) for value in (False, False, True))
    for point in range(len(game.points)):
        matrices = jacobian(
            game, lr_d, lr_g, point=point, updates=updates, method="momentum", momentum=rule.momentum
        )
        eigenvalues = np.linalg.eigvals(matrices)
        moduli, angles = np.abs(eigenvalues), np.abs(np.angle(eigenvalues))
        radius = moduli.max(axis=-1)
        lasts = (moduli / np.maximum(radius, 1e-300)[..., None]) ** (steps / 3) > _TOLERANCE
        straight = angles < 1e-6  # rounding splits the double eigenvalue 1 - a/2
        # Half a turn is one change of sign, and two are looked for in two thirds of the steps.
        seen = angles * steps > 5 * math.pi
        leaves |= radius > 1 - _ROUNDING  # a constant circle never comes to rest
        turns |= (lasts & ~straight).any(axis=-1)
        clear &= np.abs(radius - 1) > _TOLERANCE
        clear &= (~lasts | straight).all(axis=-1) | (~lasts | seen).all(axis=-1)
    return np.select([leaves, turns], ["leaves", "oscillates"], "converges"), clear


def played_phases(paths: Trajectories, start: float) -> NDArray[np.str_]:
    """`PHASES` of runs ``[R]``, by the rule of `phase_diagram`.

    Args:
        paths: of a `KernelGame`, recorded at every step of their last two thirds.
        start: the first offset.

    Example:
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import KernelGame, play, played_phases
        >>> lr = {"discriminator": 0.1, "generator": [0.5, 2.0]}
        >>> paths = play(KernelGame(), SGD(), lr, steps=300, seeds=[0], record=range(100, 301))
        >>> played_phases(paths, start=1e-3).tolist()
        ['oscillates', 'leaves']
    """
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
