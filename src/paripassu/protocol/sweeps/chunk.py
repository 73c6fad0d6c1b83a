"""A chunk of a sweep over the synthetic framework: some runs that the simulator plays together."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paripassu.protocol.sweeps.batch import Batch, without_no_pace
from paripassu.records import Decay
from paripassu.theory import Framework, Result, log_steps, simulate
from paripassu.theory.collapse.full import FULL_METHODS, simulate_full
from paripassu.theory.collapse.simulate import Updates

_RECORDS = 100  # per run, evenly over the logarithm of the steps


@dataclass(frozen=True)
class Chunk(Batch):
    """Every pair of rates with every seed, in one framework by one method.

    Attributes:
        part: name of the sweep's part that the runs belong to.
        framework: the game.
        method: of `simulate` or of `FULL_METHODS`.
        rates: ``(lr_d, lr_g)`` pairs.
        seeds: of the initial weights.
        steps: the budget.
        updates: simultaneous or alternating.
        momentum: of both players.
        batch: samples per step, 0 for exact expectations.
        trainable: whether the discriminator learns a and b.
        decay: how both rates fall.
        until_recovered: whether runs may stop once every mode is recovered.
        paths: whether to write tables of every run over time.
        pace: that the generator follows; its rate has no effect then.
    """

    part: str
    framework: Framework
    method: str
    rates: tuple[tuple[float, float], ...]
    seeds: tuple[int, ...]
    steps: int
    updates: Updates = "simultaneous"
    momentum: float = 0.0
    batch: int = 0
    trainable: bool = False
    decay: Decay = "constant"
    until_recovered: bool = False
    paths: bool = False
    pace: float | None = None

    @property
    def run_steps(self) -> int:
        """Steps of all its runs together."""
        return len(self.rates) * len(self.seeds) * self.steps

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the chunk's tables."""
        return ("outcomes", "paths", "neurons") if self.paths else ("outcomes",)

    @property
    def words(self) -> str:
        """Its part, method, dimension, and how many runs of how many steps."""
        return (
            f"{self.part}: {self.method}, d = {self.framework.d:,}, {len(self.rates)} pairs of rates, "
            f"{len(self.seeds)} seeds, {self.steps:,} steps"
        )

    def settings(self) -> dict[str, Any]:
        """Its fields."""
        return without_no_pace(asdict(self))

    def compute(self) -> Mapping[str, pl.DataFrame]:
        """Outcomes, and paths and neurons if they are wanted."""
        result = _result(self)
        make = {"outcomes": _outcomes, "paths": _paths, "neurons": _neurons}
        return {name: make[name](self, result) for name in self.tables}


def _result(chunk: Chunk) -> Result:
    record = log_steps(chunk.steps, _RECORDS)
    rates = np.array(chunk.rates)
    lr_d, lr_g = rates[:, :1], rates[:, 1:] if chunk.pace is None else None
    if chunk.method in FULL_METHODS:
        return simulate_full(
            chunk.framework,
            FULL_METHODS[chunk.method],
            method=chunk.method,
            lr_d=lr_d,
            lr_g=lr_g,
            steps=chunk.steps,
            seeds=chunk.seeds,
            pace=chunk.pace,
            updates=chunk.updates,
            record=record,
        )
    return simulate(
        chunk.framework,
        chunk.method,  # pyright: ignore[reportArgumentType] - simulate says what it takes
        lr_d=lr_d,
        lr_g=lr_g,
        seeds=chunk.seeds,
        steps=chunk.steps,
        pace=chunk.pace,
        updates=chunk.updates,
        momentum=chunk.momentum,
        decay=chunk.decay,
        batch=chunk.batch,
        trainable=chunk.trainable,
        record=record,
        until_recovered=chunk.until_recovered,
        threads=1,
    )


def _outcomes(chunk: Chunk, result: Result) -> pl.DataFrame:
    """One row per run: its settings, how it ended, and the best it reached."""
    framework = chunk.framework
    seen = result.recovered.sum(axis=2)  # [R, C] modes output at once
    averages = result.average_mass > 0
    diverged = np.isfinite(result.diverged_at)
    # A run that stopped early has NaN after its last record.
    lived = np.isfinite(result.norm_w)
    last = lived.shape[1] - 1 - lived[:, ::-1].argmax(axis=1)
    rows = np.arange(len(last))
    ever = _classes(seen.max(axis=1), np.any(averages, axis=1), diverged, framework.modes)
    end = _classes(seen[rows, last], averages[rows, last], diverged, framework.modes)
    return pl.DataFrame(
        {
            "part": [chunk.part] * len(last),
            "method": [chunk.method] * len(last),
            "d": [framework.d] * len(last),
            "gamma": [framework.gamma] * len(last),
            "modes": [framework.modes] * len(last),
            "rarest": [float(framework.data()[1].min())] * len(last),
            "n_discriminator": [framework.n_discriminator] * len(last),
            "n_generator": [framework.n_generator] * len(last),
            "steps": [chunk.steps] * len(last),
            "lr_d": result.lr_d,
            "lr_g": result.lr_g,
            "seed": result.seeds,
            "ever": ever,
            "end": np.where(diverged, "diverged", end),
            "first_recovery": result.first_recovery,
            "diverged_at": result.diverged_at,
        }
    )


def _classes(
    modes: NDArray[np.int64], average: NDArray[np.bool_], diverged: NDArray[np.bool_], count: int
) -> NDArray[np.str_]:
    """The best class that each run reached; a run that reached none and is finite has stalled."""
    conditions = [modes == count, modes > 0, average, diverged]
    return np.select(conditions, ["all", "some", "average", "diverged"], "stalled")


def _paths(_: Chunk, result: Result) -> pl.DataFrame:
    """One row per run and recorded step."""
    runs, count = result.norm_w.shape
    columns = {
        "seed": np.repeat(result.seeds, count),
        "lr_d": np.repeat(result.lr_d, count),
        "lr_g": np.repeat(result.lr_g, count),
        "step": np.tile(result.steps, runs),
        "modes": result.recovered.sum(axis=2).ravel(),
        "mass": result.mass.sum(axis=2).ravel(),
        "average_mass": result.average_mass.ravel(),
        **{
            name: getattr(result, name).ravel()
            for name in (
                "norm_w", "norm_v", "gradient_w", "gradient_v", "real", "fake", "pace_d", "pace_g",
            )
        },
    }  # fmt: skip
    frame = pl.DataFrame(columns).with_columns(method=pl.lit(result.method))
    return frame.filter(pl.col("norm_w").is_not_nan())


def _neurons(_: Chunk, result: Result) -> pl.DataFrame:
    """One row per run, recorded step and neuron: cosines with the first two modes."""
    parts: list[pl.DataFrame] = []
    for player, cosines in (("generator", result.cosines), ("discriminator", result.correlations)):
        runs, count, neurons, modes = cosines.shape
        parts.append(
            pl.DataFrame(
                {
                    "player": [player] * (runs * count * neurons),
                    "seed": np.repeat(result.seeds, count * neurons),
                    "step": np.tile(np.repeat(result.steps, neurons), runs),
                    "neuron": np.tile(np.arange(neurons), runs * count),
                    "mode_1": cosines[..., 0].ravel(),
                    "mode_2": cosines[..., min(1, modes - 1)].ravel(),
                }
            )
        )
    frame = pl.concat(parts).with_columns(method=pl.lit(result.method))
    return frame.filter(pl.col("mode_1").is_not_nan())
