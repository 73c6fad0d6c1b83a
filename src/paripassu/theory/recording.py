"""Which runs are played, which of their steps are recorded, and the arrays that hold the records."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.func import vmap

from paripassu.sizes import check_sizes
from paripassu.theory.problem import Array, Data, Problem, Weights

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
        lengths: ``[R, C]`` length of each player's coming step, learning rate and weight decay included.
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
        ValueError: ``record`` is not increasing, not whole or leaves 0..``steps``, or ``steps`` is not whole
            or < 0.
    """
    check_sizes(0, steps=steps)
    recorded = log_steps(steps) if record is None else np.asarray(record)
    if recorded.size and not np.issubdtype(recorded.dtype, np.integer):
        raise ValueError(f"record must be whole numbers of steps, got {recorded.tolist()}")
    recorded = recorded.astype(np.int64)
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
    """Settings of R runs: rates by name, seeds, and which of the given starts, each ``[R]``."""

    rates: dict[str, Array]
    seeds: NDArray[np.int64]
    starts: NDArray[np.int64]


def broadcast_runs(
    rates: Mapping[str, ArrayLike],
    seeds: ArrayLike,
    starts: int | None = None,
    *,
    decays: Mapping[str, ArrayLike] | None = None,
) -> Runs:
    """One value per run, in C order of the broadcast shape.

    Args:
        rates: learning rates > 0, by the name of their argument.
        seeds: whole numbers >= 0.
        starts: how many starts were given, if any. Their numbers broadcast too.
        decays: rates that may be 0, by the name of their argument.

    Raises:
        ValueError: shapes that do not broadcast, no runs, or a number out of its range.
    """
    numbers = {**rates, **(decays or {})}
    parts: dict[str, NDArray[Any]] = {
        name: np.asarray(values, np.float64) for name, values in numbers.items()
    }
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
    for name in numbers:
        low, bound = (flat[name] > 0, "> 0") if name in rates else (flat[name] >= 0, ">= 0")
        wrong = flat[name][~(np.isfinite(flat[name]) & low)]
        if len(wrong):
            raise ValueError(f"{name} must be finite and {bound}, got {wrong[0]}")
    if not np.issubdtype(chosen.dtype, np.integer) or chosen.min() < 0:
        raise ValueError("seeds must be whole numbers >= 0")
    return Runs(
        {name: flat[name].copy() for name in numbers},
        chosen.astype(np.int64),
        flat["start"].copy() if starts is not None else np.zeros(len(chosen), np.int64),
    )


class Records:
    """Fills the arrays of `Trajectories`, and leaves out runs from their divergence on.

    Args:
        problem: what is played.
        steps: ``[C]`` to record.
        weights: first ones, ``[R, ...]``.
        data: of the runs, ``[R, ...]``.
    """

    def __init__(self, problem: Problem, steps: NDArray[np.int64], weights: Weights, data: Data) -> None:
        self._players, self._data, self._steps = problem.players, data, steps
        self._observe = vmap(problem.observe)
        first = self._observe(weights, data)
        self._observed = {name: _blank(values.numpy(), len(steps)) for name, values in first.items()}
        runs = len(weights[problem.players[0]][0])
        self._sizes = np.full((len(problem.players), 3, runs, len(steps)), np.nan)
        self._diverged_at = np.full(runs, math.inf)
        self._last = {player: tuple(tensor.clone() for tensor in own) for player, own in weights.items()}
        self._at = 0

    @property
    def all_diverged(self) -> bool:
        """Whether no run is left."""
        return bool(np.isfinite(self._diverged_at).all())

    def see(self, step: int, weights: Weights, sizes: Tensor) -> None:
        """Notice which runs have diverged, and record the others if ``step`` is one to record.

        Args:
            step: updates done so far.
            weights: after them, ``[R, ...]``.
            sizes: ``[R, players, 3]`` norms of weights, gradients and coming steps.
        """
        alive = np.isinf(self._diverged_at)
        if not bool(sizes.isfinite().all()):
            finite = sizes.isfinite().all(dim=2).all(dim=1).numpy()
            for run in np.flatnonzero(alive & ~finite):
                self._diverged_at[run] = step
                for player, own in weights.items():
                    for last, tensor in zip(self._last[player], own, strict=True):
                        last[run] = tensor[run]
            alive &= finite
        if self._at == len(self._steps) or self._steps[self._at] != step:
            return
        self._sizes[:, :, alive, self._at] = sizes.permute(1, 2, 0).numpy()[:, :, alive]
        for name, values in self._observe(weights, self._data).items():
            self._observed[name][alive, self._at] = values.numpy()[alive]
        self._at += 1

    def result(self, seeds: NDArray[np.int64], lr: Mapping[str, Array], weights: Weights) -> Trajectories:
        """The records, with ``weights`` as the final ones of every run that has not diverged."""
        alive = torch.from_numpy(np.isinf(self._diverged_at))
        final = {
            player: tuple(
                np.where(alive.reshape(-1, *[1] * (last.dim() - 1)), tensor, last)
                for last, tensor in zip(self._last[player], own, strict=True)
            )
            for player, own in weights.items()
        }
        norms, gradients, lengths = (
            dict(zip(self._players, self._sizes[:, n], strict=True)) for n in range(3)
        )
        return Trajectories(
            seeds, lr, self._steps, self._observed, norms, gradients, lengths, self._diverged_at, final,
            {name: values.numpy() for name, values in self._data.items()},
        )  # fmt: skip


def _blank(one: NDArray[Any], records: int) -> NDArray[Any]:
    """``[R, records, ...]`` of NaN, or of False, for values like ``one [R, ...]``."""
    shape = (len(one), records, *one.shape[1:])
    return np.zeros(shape, np.bool_) if one.dtype == np.bool_ else np.full(shape, np.nan)
