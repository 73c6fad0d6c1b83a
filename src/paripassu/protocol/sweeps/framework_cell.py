"""Cells of a sweep that the fast simulator of the synthetic framework plays.

`Cell` plays the framework in all its dimensions. This one plays it by the methods of `simulate`, at the same
cost for every dimension.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from paripassu.protocol.sweeps.batch import ArmBatch
from paripassu.theory import Framework, log_steps, simulate
from paripassu.theory.collapse.simulate import Method, check_settings

EVER, AT_END, MISSED = "all modes ever", "all modes at the end", "missed"

_RECORDS = 100  # per run, evenly over the logarithm of the steps


@dataclass(frozen=True)
class FrameworkCell(ArmBatch):
    """One framework by one method, at some rates, over seeds.

    Its outcomes have, for each run, `EVER` and `AT_END`: 1 if all modes were recovered at some recorded step,
    and at the last one, else 0. `MISSED` is 2 minus both. A run that diverged has no modes at the end.

    Attributes:
        condition: what the arms are compared on, in a word or two.
        arm: the method's name on pages.
        framework: the game.
        method: of `simulate`.
        rates: pairs of the discriminator's and the generator's rate; with a pace the discriminator's alone.
            Each is played with every seed.
        steps: updates of each player.
        seeds: of the runs.
        pace: that the generator follows, as `simulate` takes it.
        part: of the sweep, as a `Cell` has it.

    Raises:
        ValueError: a setting that `simulate` refuses, or no rate or seed.
    """

    condition: str
    arm: str
    framework: Framework
    method: Method
    rates: Sequence[float] | Sequence[tuple[float, float]]
    steps: int
    seeds: Sequence[int]
    pace: float | None = None
    part: str = "runs"

    def __post_init__(self) -> None:
        check_settings(self.method, pace=self.pace)
        if not (self.rates and self.seeds):
            raise ValueError(f"{self.arm} on {self.condition} needs a rate and a seed")
        for rate in self.rates:
            if isinstance(rate, tuple) is not (self.pace is None):
                what = "pairs" if self.pace is None else "the discriminator's alone"
                raise ValueError(f"rates of {self.arm} must be {what}, got {rate}")

    @property
    def run_steps(self) -> int:
        """Steps of all its runs."""
        return len(self.rates) * len(self.seeds) * self.steps

    @property
    def runs_what(self) -> str:
        """The framework, the method and its pace."""
        at = "" if self.pace is None else f" at pace {self.pace:g}"
        return f"{self.framework!r} by {self.method}{at}"

    @property
    def amount(self) -> str:
        """How many runs of how many steps."""
        return f"{len(self.rates):,} rates, {len(self.seeds):,} seeds, {self.steps:,} steps"

    def settings(self) -> dict[str, Any]:
        """Its fields."""
        return {
            "condition": self.condition,
            "arm": self.arm,
            "part": self.part,
            "framework": asdict(self.framework),
            "method": self.method,
            "pace": self.pace,
            "rates": list(self.rates),
            "steps": self.steps,
            "seeds": list(self.seeds),
        }

    def compute(self) -> Mapping[str, pl.DataFrame]:
        """One row a run."""
        rates = np.array([rate if isinstance(rate, tuple) else (rate,) for rate in self.rates])
        result = simulate(
            self.framework,
            self.method,
            lr_d=rates[:, :1],
            lr_g=rates[:, 1:] if self.pace is None else None,
            seeds=list(self.seeds),
            steps=self.steps,
            pace=self.pace,
            record=log_steps(self.steps, _RECORDS),
            threads=1,
        )
        runs = len(result.seeds)
        every = np.all(result.recovered, axis=2)
        ever, at_end = np.isfinite(result.first_recovery).astype(float), every[:, -1].astype(float)
        lr_g = result.lr_g.tolist() if self.pace is None else [None] * runs
        columns = {
            "condition": [self.condition] * runs,
            "arm": [self.arm] * runs,
            "part": [self.part] * runs,
            "lr_discriminator": result.lr_d,
            "lr_generator": pl.Series(lr_g, dtype=pl.Float64),
            "seed": result.seeds,
            "diverged_at": result.diverged_at,
            EVER: ever,
            AT_END: at_end,
            MISSED: 2 - ever - at_end,
        }
        return {"outcomes": pl.DataFrame(columns)}
