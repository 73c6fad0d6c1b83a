"""Which runs are played, which of their steps are recorded, and the arrays that hold the records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paripassu.theory.problem import Array

Updates = Literal["simultaneous", "alternating"]


@dataclass(frozen=True)
class Trajectories:
    """What R runs did, at C recorded steps. Entries from a run's divergence on are NaN, or False.

    Attributes:
        seeds: ``[R]``.
        lr: ``[R]`` learning rates of each player.
        steps: ``[C]`` recorded steps. At step t, t updates have been done.
        observed: what the problem observes, by name, ``[R, C, ...]``.
        norms: ``[R, C]`` Euclidean norm of all weights of each player.
        gradients: ``[R, C]`` norm of each player's gradient in the coming step.
        lengths: ``[R, C]`` length of each player's coming step, learning rate included.
        diverged_at: ``[R]`` step at which weights or gradients stopped being finite, inf if never.
        weights: each player's final tensors, ``[R, ...]``; of a diverged run, those at its divergence.
        data: ``[R, ...]`` what chance fixed for each run, see `Problem.run_data`.

    Example:
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import Bilinear, play
        >>> paths = play(Bilinear(), SGD(), lr=0.1, steps=100, seeds=range(3), record=[0, 100])
        >>> paths.observed["x"].shape, paths.lengths["x"].shape
        ((3, 2, 1), (3, 2))
    """

    seeds: NDArray[np.int64]
    lr: Mapping[str, Array]
    steps: NDArray[np.int64]
    observed: Mapping[str, NDArray[Any]]
    norms: Mapping[str, Array]
    gradients: Mapping[str, Array]
    lengths: Mapping[str, Array]
    diverged_at: Array
    weights: Mapping[str, tuple[Array, ...]]
    data: Mapping[str, NDArray[Any]]


def log_steps(steps: int, count: int = 60) -> NDArray[np.int64]:
    """0, ``steps`` and at most ``count`` steps between them, evenly spaced in the logarithm.

    Example:
        >>> from paripassu.theory import log_steps
        >>> log_steps(1000, 4).tolist()
        [0, 1, 10, 100, 1000]
    """
    between = np.unique(np.round(np.geomspace(1, max(steps, 1), count)).astype(np.int64))
    return np.unique(np.concatenate([[0], between[between <= steps], [steps]]))


def record_steps(steps: int, record: ArrayLike | None) -> NDArray[np.int64]:
    """The steps to record: ``record``, or `log_steps` without it.

    Raises:
        ValueError: ``record`` is not increasing or leaves 0..``steps``, or ``steps`` < 0.
    """
    if steps < 0:
        raise ValueError(f"steps must be >= 0, got {steps}")
    recorded = log_steps(steps) if record is None else np.asarray(record, dtype=np.int64)
    if recorded.ndim != 1 or not len(recorded) or (np.diff(recorded) <= 0).any():
        raise ValueError("record must be a list of increasing steps")
    if recorded[0] < 0 or recorded[-1] > steps:
        raise ValueError(f"record must lie within 0..{steps}, got {recorded[0]}..{recorded[-1]}")
    return recorded


def check_updates(updates: str) -> None:
    """Raise ``ValueError`` unless ``updates`` is one of `Updates`."""
    if updates not in get_args(Updates):
        raise ValueError(f"updates must be one of {', '.join(get_args(Updates))}, got {updates!r}")


class Runs(NamedTuple):
    """Settings of R runs: learning rates by name, seeds, and which of the given starts, each ``[R]``."""

    rates: dict[str, Array]
    seeds: NDArray[np.int64]
    starts: NDArray[np.int64]


def broadcast_runs(rates: Mapping[str, ArrayLike], seeds: ArrayLike, starts: int | None = None) -> Runs:
    """One value per run, in C order of the broadcast shape.

    Args:
        rates: learning rates > 0, by the name of their argument.
        seeds: whole numbers >= 0.
        starts: how many starts were given, if any. Their numbers broadcast too.

    Raises:
        ValueError: shapes that do not broadcast, no runs, or a number out of its range.
    """
    parts: dict[str, NDArray[Any]] = {name: np.asarray(values, np.float64) for name, values in rates.items()}
    parts["seeds"] = np.asarray(seeds)
    if starts is not None:
        parts["start"] = np.arange(starts)
    try:
        flat = {
            name: values.ravel()
            for name, values in zip(parts, np.broadcast_arrays(*parts.values()), strict=True)
        }
    except ValueError as error:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in parts.items())
        raise ValueError(f"shapes must broadcast, got {shapes}") from error
    chosen = flat["seeds"]
    if not len(chosen):
        raise ValueError("there must be at least one run: give learning rates and seeds")
    for name in rates:
        wrong = flat[name][~(np.isfinite(flat[name]) & (flat[name] > 0))]
        if len(wrong):
            raise ValueError(f"{name} must be finite and > 0, got {wrong[0]}")
    if not np.issubdtype(chosen.dtype, np.integer) or chosen.min() < 0:
        raise ValueError("seeds must be whole numbers >= 0")
    return Runs(
        {name: flat[name].copy() for name in rates},
        chosen.astype(np.int64),
        flat["start"].copy() if starts is not None else np.zeros(len(chosen), np.int64),
    )


def blank(one: NDArray[Any], records: int) -> NDArray[Any]:
    """``[R, records, ...]`` of NaN, or of False, for values like ``one [R, ...]``."""
    shape = (len(one), records, *one.shape[1:])
    return np.zeros(shape, np.bool_) if one.dtype == np.bool_ else np.full(shape, np.nan)
