"""Any rule in the framework, in all d dimensions: what Adam and the grafts do there.

Adam does not commute with rotations, so the exact reduction does not apply to it: a step costs time and
memory in proportion to d. Adam's path also depends on where the modes lie; a drawn start has them in general
position, not along axes. Each player is one tensor, so the scopes ``"layer"`` and ``"global"`` agree. The
paper does not ask this question.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from paripassu.rules import SGD, Adam, FixedPace, Graft, Rule
from paripassu.theory.collapse.framework import Array, Framework
from paripassu.theory.collapse.problem import DISCRIMINATOR, GENERATOR, CollapseGame
from paripassu.theory.collapse.reduction import reduce_start
from paripassu.theory.collapse.simulate import Result, check_rate_of_generator, first_recovery
from paripassu.theory.play import play
from paripassu.theory.recording import Updates

_ADAM = Adam(betas=(0.0, 0.9))  # as GANs use it
FULL_METHODS: Mapping[str, Rule] = {
    "adam": _ADAM,
    "ada-nsgda": Graft(magnitude=_ADAM, direction=SGD()),
    "adadir": Graft(magnitude=SGD(), direction=_ADAM),
}


def simulate_full(
    framework: Framework,
    rule: Rule,
    *,
    method: str,
    lr_d: ArrayLike,
    lr_g: ArrayLike | None = None,
    steps: int,
    seeds: ArrayLike = 0,
    pace: float | None = None,
    updates: Updates = "simultaneous",
    record: ArrayLike | None = None,
    start: tuple[ArrayLike, ArrayLike] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Result:
    """Play `CollapseGame` with both players following ``rule``, and return what `simulate` returns.

    Args:
        framework: the game; a step costs time and memory in proportion to its ``d``.
        rule: both players' update.
        method: what the result calls it.
        lr_d: discriminator's learning rates, > 0; broadcasts with ``lr_g`` and ``seeds`` to R runs.
        lr_g: generator's learning rates, > 0; None with a ``pace``.
        steps: updates of each player, >= 1.
        seeds: of the starts and of the modes' directions, >= 0; not the starts that `simulate` draws.
        pace: as in `simulate`.
        updates: ``"simultaneous"``, or ``"alternating"``: the generator answers the new discriminator.
        record: increasing steps to record, within 0..``steps``; `log_steps` without it.
        start: ``W [R, m_D, d]`` and ``V [R, m_G, d]`` to begin from; the modes then lie where
            `reduction.reduce_start` expects them, along the first axes.
        progress: called with the number of steps done, after each.

    Returns:
        What `simulate` returns, with final weights in reduced coordinates. ``gradient_v`` is the gradient of
        the coming step, so with alternating updates it is taken against the new discriminator.

    Raises:
        ValueError: a setting out of its range, or shapes that do not broadcast.

    Example:
        >>> from paripassu.theory import Framework
        >>> from paripassu.theory.collapse.full import FULL_METHODS, simulate_full
        >>> adam = FULL_METHODS["adam"]
        >>> simulate_full(Framework(d=50), adam, method="adam", lr_d=0.1, lr_g=0.1, steps=2).norm_w.shape
        (1, 3)
    """
    check_rate_of_generator(lr_g, pace)
    paths = play(
        CollapseGame(framework, along_axes=start is not None),
        rule,
        {DISCRIMINATOR: lr_d} if lr_g is None else {DISCRIMINATOR: lr_d, GENERATOR: lr_g},
        steps,
        seeds,
        updates=updates,
        pace=None if pace is None else FixedPace(pace, DISCRIMINATOR, GENERATOR),
        record=record,
        start=None if start is None else {DISCRIMINATOR: [start[0]], GENERATOR: [start[1]]},
        progress=progress,
    )
    runs, observed = len(paths.seeds), paths.observed
    final = [
        _reduced(framework, paths.weights[DISCRIMINATOR][0][r], paths.weights[GENERATOR][0][r], span)
        for r, span in enumerate(paths.data["span"])
    ]
    pace_d, pace_g = (paths.lengths[player] / paths.norms[player] for player in (DISCRIMINATOR, GENERATOR))
    return Result(
        framework=framework,
        method=method,
        lr_d=paths.lr[DISCRIMINATOR],
        lr_g=paths.lr[GENERATOR],
        seeds=paths.seeds,
        steps=paths.steps,
        recovered=observed["recovered"],
        mass=observed["mass"],
        average_mass=observed["average_mass"],
        cosines=observed["cosines"],
        correlations=observed["correlations"],
        norm_w=paths.norms[DISCRIMINATOR],
        norm_v=paths.norms[GENERATOR],
        gradient_w=paths.gradients[DISCRIMINATOR],
        gradient_v=paths.gradients[GENERATOR],
        real=observed["real"],
        fake=observed["fake"],
        pace_d=pace_d,
        pace_g=pace_g,
        first_recovery=first_recovery(observed["recovered"], paths.steps),
        diverged_at=paths.diverged_at,
        W=np.stack([W for W, _ in final]),
        V=np.stack([V for _, V in final]),
        ab=np.tile([framework.a, framework.b], (runs, 1)),
    )


def _reduced(framework: Framework, W: Array, V: Array, span: Array) -> tuple[Array, Array]:
    """Weights of one run in reduced coordinates, from those in which the modes lie in ``span``."""
    weights = np.vstack([W, V])
    inside = weights @ span.T
    # Any rotation will do: the triangular factor keeps every inner product of the rest.
    beyond = np.linalg.qr((weights - inside @ span).T)[1].T
    rotated = np.zeros_like(weights)
    rotated[:, : framework.modes] = inside
    rotated[:, framework.modes : framework.k] = beyond
    return reduce_start(framework, rotated[: len(W)], rotated[len(W) :])
