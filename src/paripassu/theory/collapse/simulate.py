"""Many runs of the framework at once, exactly, at any dimension."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paripassu.records import usable_cores
from paripassu.theory.collapse.framework import Array, Framework
from paripassu.theory.collapse.kernel import simulate_group
from paripassu.theory.collapse.lanes import WIDTH
from paripassu.theory.collapse.reduction import draw_start, reduce_start

Method = Literal["sgda", "nsgda"]
Updates = Literal["simultaneous", "alternating"]

RECOVERED_COSINE = 0.95  # a mode is recovered by an output at least this close in direction


@dataclass(frozen=True)
class Result:
    """What R runs did, at C recorded steps; entries after a run diverged or was let stop are NaN, or False.

    Attributes:
        framework: the game.
        method: ``"sgda"``, ``"nsgda"`` or, from `full.simulate_full`, one of its methods.
        lr_d: ``[R]`` discriminator's learning rates.
        lr_g: ``[R]`` generator's learning rates.
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


def log_steps(steps: int, count: int = 60) -> NDArray[np.int64]:
    """0, ``steps`` and at most ``count`` steps between them, evenly spaced in the logarithm."""
    between = np.unique(np.round(np.geomspace(1, max(steps, 1), count)).astype(np.int64))
    return np.unique(np.concatenate([[0], between[between <= steps], [steps]]))


def record_steps(steps: int, record: ArrayLike | None) -> NDArray[np.int64]:
    """The steps to record: ``record`` if it is increasing and within 0..``steps``, `log_steps` without it.

    Raises:
        ValueError: it is not, or ``steps`` < 0.
    """
    if steps < 0:
        raise ValueError(f"steps must be >= 0, got {steps}")
    recorded = log_steps(steps) if record is None else np.asarray(record, dtype=np.int64)
    if recorded.ndim != 1 or not len(recorded) or (np.diff(recorded) <= 0).any():
        raise ValueError("record must be a list of increasing steps")
    if recorded[0] < 0 or recorded[-1] > steps:
        raise ValueError(f"record must lie within 0..{steps}, got {recorded[0]}..{recorded[-1]}")
    return recorded


def simulate(
    framework: Framework,
    method: Method,
    *,
    lr_d: ArrayLike,
    lr_g: ArrayLike,
    steps: int,
    seeds: ArrayLike = 0,
    momentum: float = 0.0,
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
    threads. A run that overflows stops and is recorded as diverged.

    Args:
        framework: the game.
        method: ``"sgda"``: steps of lr times the gradient; ``"nsgda"``: of length lr, each player's gradient
            divided by its norm over all of the player's weights.
        lr_d: discriminator's learning rates, > 0; broadcasts with ``lr_g`` and ``seeds`` to R runs.
        lr_g: generator's learning rates, > 0.
        steps: updates of each player, >= 0.
        seeds: of the starts (and minibatches), >= 0.
        momentum: in [0, 1), of a heavy-ball buffer; nSGDA normalises the buffer.
        updates: ``"simultaneous"``, or ``"alternating"``: the generator answers the new discriminator.
        batch: samples per step of data and of latents; 0 takes exact expectations.
        trainable: whether the discriminator learns a and b too.
        record: increasing steps to record, within 0..``steps``; `log_steps` without it.
        start: ``W [R, m_D, d]`` and ``V [R, m_G, d]`` to begin from, see `reduction.reduce_start`.
        until_recovered: whether a run may stop at the first recorded step that has every mode.
        threads: cores to use, >= 1; all without it.

    Raises:
        ValueError: a setting out of its range, or shapes that do not broadcast.
    """
    check_settings(method, momentum, updates, batch)
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be >= 1, got {threads}")
    rates_d, rates_g, run_seeds = _broadcast(lr_d, lr_g, seeds, start)
    recorded = record_steps(steps, record)

    if start is None:
        starts = [draw_start(framework, int(seed)) for seed in run_seeds]
    else:
        full = (np.asarray(weights, dtype=np.float64) for weights in start)
        starts = [reduce_start(framework, W, V) for W, V in zip(*full, strict=True)]
    W0, V0 = (np.ascontiguousarray(np.stack(side)) for side in zip(*starts, strict=True))

    runs, count = len(run_seeds), len(recorded)
    modes, m_d, m_g = framework.modes, framework.n_discriminator, framework.n_generator
    points, point_rates = framework.data()
    latents, latent_rates = framework.latents()
    mass = np.full((runs, count, modes + 1), np.nan)
    cosines = np.full((runs, count, m_g, modes), np.nan)
    correlations = np.full((runs, count, m_d, modes), np.nan)
    norms, gradients, outputs, pace = (np.full((runs, count, 2), np.nan) for _ in range(4))
    diverged_at = np.full(runs, math.inf)
    W, V, ab = np.empty_like(W0), np.empty_like(V0), np.empty((runs, 2))
    batch_seeds = np.array([np.random.SeedSequence([int(s), 1]).generate_state(1)[0] for s in run_seeds])
    arguments = (
        W0, V0, np.array([framework.a, framework.b]), framework.mode_coordinates(), points, point_rates,
        latents, latent_rates, framework.bend, RECOVERED_COSINE, rates_d, rates_g, float(momentum),
        method == "nsgda", updates == "alternating", trainable, batch, batch_seeds, steps, recorded,
        until_recovered, mass, cosines, correlations, norms, gradients, outputs, pace, diverged_at, W, V, ab,
    )  # fmt: skip
    # The kernel lets go of Python's lock, and threads take groups as they come: some diverge early.
    with ThreadPoolExecutor(threads or usable_cores()) as pool:
        list(pool.map(lambda first: simulate_group(first, *arguments), range(0, runs, WIDTH)))

    recovered = mass[:, :, :modes] > 0
    first = first_recovery(recovered, recorded)
    return Result(
        framework, method, rates_d, rates_g, run_seeds, recorded,
        recovered, mass[:, :, :modes], mass[:, :, modes], cosines, correlations,
        norms[..., 0], norms[..., 1], gradients[..., 0], gradients[..., 1],
        outputs[..., 0], outputs[..., 1], pace[..., 0], pace[..., 1],
        first, diverged_at, W, V, ab,
    )  # fmt: skip


def first_recovery(recovered: NDArray[np.bool_], steps: NDArray[np.int64]) -> Array:
    """``[R]`` first of the recorded ``steps [C]`` with all of ``recovered [R, C, modes]``, inf if none."""
    every = np.all(recovered, axis=2)
    return np.where(np.any(every, axis=1), steps[every.argmax(axis=1)], math.inf)


def check_settings(
    method: str = "sgda", momentum: float = 0.0, updates: str = "simultaneous", batch: int = 0
) -> None:
    """Raise ``ValueError`` for what `simulate` would refuse."""
    for name, value, known in (("method", method, Method), ("updates", updates, Updates)):
        if value not in get_args(known):
            raise ValueError(f"{name} must be one of {', '.join(get_args(known))}, got {value!r}")
    if not 0.0 <= momentum < 1.0:
        raise ValueError(f"momentum must be in [0, 1), got {momentum}")
    if batch < 0:
        raise ValueError(f"batch must be >= 1, or 0 for exact expectations, got {batch}")


def _broadcast(
    lr_d: ArrayLike, lr_g: ArrayLike, seeds: ArrayLike, start: tuple[ArrayLike, ArrayLike] | None
) -> tuple[Array, Array, NDArray[np.int64]]:
    """One value per run, in C order of the broadcast shape."""
    of_start = () if start is None else (np.zeros(len(np.asarray(start[0]))),)
    parts = (np.asarray(lr_d, np.float64), np.asarray(lr_g, np.float64), np.asarray(seeds))
    try:
        rates_d, rates_g, chosen = (x.ravel() for x in np.broadcast_arrays(*parts, *of_start)[:3])
    except ValueError as error:
        shapes = ", ".join(str(part.shape) for part in (*parts, *of_start))
        raise ValueError(f"lr_d, lr_g, seeds (and start) must broadcast, got shapes {shapes}") from error
    if not len(chosen):
        raise ValueError("there must be at least one run: give learning rates and seeds")
    for name, rates in (("lr_d", rates_d), ("lr_g", rates_g)):
        if not (np.isfinite(rates) & (rates > 0)).all():
            raise ValueError(
                f"{name} must be finite and > 0, got {rates[~(np.isfinite(rates) & (rates > 0))][0]}"
            )
    if not np.issubdtype(chosen.dtype, np.integer) or chosen.min() < 0:
        raise ValueError("seeds must be whole numbers >= 0")
    return rates_d.copy(), rates_g.copy(), chosen.astype(np.int64)
