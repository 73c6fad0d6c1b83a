"""Many runs of the framework at once, exactly, at any dimension, by steps along the gradients.

This is a fast special path of `play`: compiled loops over eight runs abreast, in the coordinates of
`reduction`. Tests compare it with `play` on `CollapseGame`, the framework as its text reads.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paripassu.records import Decay, check_decay, rate_factor, usable_cores
from paripassu.rules import FixedPace
from paripassu.rules.settings import check_fraction
from paripassu.sizes import check_sizes
from paripassu.theory.collapse.framework import RECOVERED_COSINE, Array, Framework
from paripassu.theory.collapse.kernel import simulate_group
from paripassu.theory.collapse.lanes import WIDTH
from paripassu.theory.collapse.reduction import draw_start, reduce_start
from paripassu.theory.recording import Updates, broadcast_runs, check_updates, record_steps

Method = Literal["sgda", "nsgda", "shares"]


@dataclass(frozen=True)
class Result:
    """What R runs did, at C recorded steps; entries after a run's end are NaN, or False.

    A run ends early if it diverges, or recovers every mode and may stop then.

    Attributes:
        framework: the game.
        method: one of `Method` or of `full.FULL_METHODS`.
        lr_d: ``[R]`` discriminator's learning rates.
        lr_g: ``[R]`` generator's learning rates; NaN where it follows the discriminator's pace.
        seeds: ``[R]``.
        steps: ``[C]`` recorded steps; at step t, t updates have been done.
        recovered: ``[R, C, modes]`` whether some latent of positive probability outputs each mode.
        mass: ``[R, C, modes]`` probability of the latents that output each mode.
        average_mass: ``[R, C]`` probability of those that output the modes' average and no mode.
        cosines: ``[R, C, m_G, modes]`` of each generator neuron with each mode.
        correlations: ``[R, C, m_D, modes]`` cosines of each discriminator neuron with each mode.
        norm_w: ``[R, C]`` of all discriminator weights.
        norm_v: ``[R, C]`` of all generator weights.
        gradient_w: ``[R, C]`` norm of the value's gradient.
        gradient_v: ``[R, C]``.
        real: ``[R, C]`` mean output of the discriminator on data.
        fake: ``[R, C]`` mean output on generated samples.
        pace_d: ``[R, C]`` length of the coming discriminator step over ``norm_w``.
        pace_g: ``[R, C]`` length of the coming generator step over ``norm_v``.
        first_recovery: ``[R]`` first recorded step with every mode recovered, inf if never.
        diverged_at: ``[R]`` step at which a run stopped being finite, inf if never.
        W: ``[R, m_D, k]`` final discriminator weights, in reduced coordinates.
        V: ``[R, m_G, k]`` final generator weights.
        ab: ``[R, 2]`` final output weight and bias of the discriminator.

    Example:
        >>> from paripassu.theory import Framework, simulate
        >>> result = simulate(Framework(), "sgda", lr_d=0.1, lr_g=0.01, steps=10, seeds=[0, 1])
        >>> result.recovered.shape, result.W.shape
        ((2, 11, 2), (2, 10, 20))
    """

    framework: Framework
    method: str
    lr_d: Array
    lr_g: Array
    seeds: NDArray[np.int64]
    steps: NDArray[np.int64]
    recovered: NDArray[np.bool_]
    mass: Array
    average_mass: Array
    cosines: Array
    correlations: Array
    norm_w: Array
    norm_v: Array
    gradient_w: Array
    gradient_v: Array
    real: Array
    fake: Array
    pace_d: Array
    pace_g: Array
    first_recovery: Array
    diverged_at: Array
    W: Array
    V: Array
    ab: Array

    def __repr__(self) -> str:
        """How many runs ever had every mode, after how many steps, and how many had them at their end."""
        runs = np.arange(len(self.seeds))
        found = np.isfinite(self.first_recovery)
        last = np.isfinite(self.norm_w).sum(axis=1) - 1
        game = f"{self.method}, d = {self.framework.d:,}"
        words = f"{game}: every mode found in {found.sum():,} of {len(runs):,} runs"
        if found.any():
            median = np.median(self.first_recovery[found])
            at_end = self.recovered[runs, last].all(axis=1).sum()
            words += f", after {median:,.0f} steps (median), and there at the end in {at_end:,}"
        return words


def simulate(
    framework: Framework,
    method: Method,
    *,
    lr_d: ArrayLike,
    lr_g: ArrayLike | None = None,
    steps: int,
    seeds: ArrayLike = 0,
    pace: float | None = None,
    momentum: float = 0.0,
    decay: Decay = "constant",
    updates: Updates = "simultaneous",
    batch: int = 0,
    trainable: bool = False,
    record: ArrayLike | None = None,
    start: tuple[ArrayLike, ArrayLike] | None = None,
    until_recovered: bool = False,
    threads: int | None = None,
) -> Result:
    """Play the game from every start with every pair of learning rates.

    A run's path depends on its own settings and seed alone, not on the runs beside it or the number of
    threads. A run that overflows stops, and the result says when.

    Args:
        framework: the game.
        method: ``"sgda"``: steps of lr times the gradient; ``"nsgda"``: of length lr, each player's gradient
            divided by its norm over all of the player's weights; ``"shares"``: of lr times the length of the
            player's weights, along the gradient.
        lr_d: discriminator's learning rates, > 0; broadcasts with ``lr_g`` and ``seeds`` to R runs.
        lr_g: generator's learning rates, > 0; None with a ``pace``.
        steps: updates of each player, >= 0.
        seeds: of the starts (and minibatches), >= 0.
        pace: discriminator's relative step over the generator's, > 0: the generator's step is rescaled to it,
            as `paripassu.rules.FixedPace` says.
        momentum: in [0, 1), of a heavy-ball buffer; nSGDA normalises the buffer.
        decay: how both rates fall over ``steps``: ``"linear"`` and ``"cosine"`` end at zero.
        updates: ``"simultaneous"``, or ``"alternating"``: the generator answers the new discriminator.
        batch: samples per step of data and of latents; 0 takes exact expectations.
        trainable: whether the discriminator learns a and b too.
        record: increasing steps to record, within 0..``steps``; `log_steps` without it.
        start: ``W [R, m_D, d]`` and ``V [R, m_G, d]`` to begin from, see `reduction.reduce_start`.
        until_recovered: whether a run may stop at the first recorded step that has every mode.
        threads: cores to use, >= 1; all without it.

    Returns:
        Records and final weights, see `Result`.

    Raises:
        ValueError: a setting out of its range, or shapes that do not broadcast.

    Example:
        >>> from paripassu.theory import Framework, simulate
        >>> rates = dict(lr_d=0.1, lr_g=0.01, steps=3000, seeds=[0])
        >>> simulate(Framework(d=10**4), "nsgda", **rates).recovered[0, -1].tolist()  # both modes
        [True, True]
        >>> simulate(Framework(d=10**4), "sgda", **rates).recovered[0, -1].tolist()
        [False, False]
    """
    check_settings(method, momentum, updates, batch, decay, pace, trainable=trainable)
    check_rate_of_generator(lr_g, pace)
    if threads is not None:
        check_sizes(1, threads=threads)
    full = None if start is None else _full_start(*start)
    given = None if full is None else len(full[0])
    named = {"lr_d": lr_d} if lr_g is None else {"lr_d": lr_d, "lr_g": lr_g}
    rates, run_seeds, which = broadcast_runs(named, seeds, given)
    rates_d = rates["lr_d"]
    rates_g = rates.get("lr_g", np.full(len(rates_d), math.nan))
    recorded = record_steps(steps, record)

    if full is None:
        starts = [draw_start(framework, int(seed)) for seed in run_seeds]
    else:
        reduced = [reduce_start(framework, W, V) for W, V in zip(*full, strict=True)]
        starts = [reduced[n] for n in which]
    W0, V0 = (np.ascontiguousarray(np.stack(side)) for side in zip(*starts, strict=True))

    runs, count = len(run_seeds), len(recorded)
    modes, m_d, m_g = framework.modes, framework.n_discriminator, framework.n_generator
    points, point_rates = framework.data()
    latents, latent_rates = framework.latents()
    mass = np.full((runs, count, modes + 1), np.nan)
    cosines = np.full((runs, count, m_g, modes), np.nan)
    correlations = np.full((runs, count, m_d, modes), np.nan)
    norms, gradients, outputs, relative = (np.full((runs, count, 2), np.nan) for _ in range(4))
    diverged_at = np.full(runs, math.inf)
    W, V, ab = np.empty_like(W0), np.empty_like(V0), np.empty((runs, 2))
    batch_seeds = np.array([np.random.SeedSequence([int(s), 1]).generate_state(1)[0] for s in run_seeds])
    arguments = (
        W0, V0, np.array([framework.a, framework.b]), framework.mode_coordinates(), points, point_rates,
        latents, latent_rates, framework.bend, RECOVERED_COSINE, rates_d, rates_g, _factors(decay, steps),
        float(momentum), method != "sgda", method == "shares", float(pace or 0.0), updates == "alternating",
        trainable, batch, batch_seeds, steps, recorded, until_recovered, mass, cosines, correlations, norms,
        gradients, outputs, relative, diverged_at, W, V, ab,
    )  # fmt: skip
    # The kernel releases Python's lock. Threads take one group after another, because some diverge early.
    with ThreadPoolExecutor(threads or usable_cores()) as pool:
        list(pool.map(lambda first: simulate_group(first, *arguments), range(0, runs, WIDTH)))

    recovered = mass[:, :, :modes] > 0
    first = first_recovery(recovered, recorded)
    return Result(
        framework, method, rates_d, rates_g, run_seeds, recorded,
        recovered, mass[:, :, :modes], mass[:, :, modes], cosines, correlations,
        norms[..., 0], norms[..., 1], gradients[..., 0], gradients[..., 1],
        outputs[..., 0], outputs[..., 1], relative[..., 0], relative[..., 1],
        first, diverged_at, W, V, ab,
    )  # fmt: skip


def _full_start(W: ArrayLike, V: ArrayLike) -> tuple[Array, Array]:
    full = np.asarray(W, np.float64), np.asarray(V, np.float64)
    if full[0].ndim != 3 or full[1].ndim != 3 or len(full[0]) != len(full[1]):
        raise ValueError(
            "start must be W [R, m_D, d] and V [R, m_G, d] of the same R, got the shapes "
            f"{full[0].shape} and {full[1].shape}"
        )
    return full


def first_recovery(recovered: NDArray[np.bool_], steps: NDArray[np.int64]) -> Array:
    """``[R]`` first of the recorded ``steps [C]`` with all of ``recovered [R, C, modes]``, inf if none."""
    every = np.all(recovered, axis=2)
    return np.where(np.any(every, axis=1), steps[every.argmax(axis=1)], math.inf)


def _factors(decay: Decay, steps: int) -> Array:
    """What rates are multiplied by at each step; a single 1 where they stay the same."""
    if decay == "constant":
        return np.ones(1)
    return rate_factor(decay, np.arange(steps + 1) / max(steps, 1))


def check_settings(
    method: str = "sgda",
    momentum: float = 0.0,
    updates: str = "simultaneous",
    batch: int = 0,
    decay: str = "constant",
    pace: float | None = None,
    *,
    trainable: bool = False,
) -> None:
    """Raise ``ValueError`` for what `simulate` would refuse."""
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    check_updates(updates)
    check_decay(decay)
    check_fraction("momentum", momentum)
    check_sizes(batch=batch)
    if not 0 <= batch < 2**31:
        raise ValueError(f"batch must be in 1 to 2**31 - 1, or 0 for exact expectations, got {batch}")
    if pace is not None:
        FixedPace(pace)
    if trainable and (pace is not None or method == "shares"):
        what = "the method shares" if pace is None else "a pace"
        raise ValueError(f"{what} is of W's and V's lengths, without a and b: leave out trainable")


def check_rate_of_generator(lr_g: object, pace: float | None) -> None:
    """Raise ``ValueError`` unless the generator has a learning rate or follows a pace, not both."""
    if lr_g is None and pace is None:
        raise ValueError("lr_g is missing: give the generator's learning rates, or a pace")
    if lr_g is not None and pace is not None:
        raise ValueError(f"a pace sets the length of the generator's steps: leave out lr_g, got {lr_g}")
