"""How the time to recover every mode grows with the dimension."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import polars as pl

from paripassu.protocol.study import fresh_seeds
from paripassu.protocol.sweeps.chunk import Chunk
from paripassu.protocol.sweeps.sweep import (
    METHODS,
    PlainSettings,
    Rates,
    Stage,
    best_rates,
    check_counts,
    check_methods,
    check_once,
    check_rates,
    groups_of,
)
from paripassu.theory import Framework


@dataclass(frozen=True)
class ScalingSweep(PlainSettings):
    """The first recovery against the dimension, at each method's best rates for each dimension.

    Args:
        framework: the game; its d is replaced.
        dimensions: of the data; each has its search for learning rates.
        lr_d: discriminator's learning rates to choose from.
        lr_g: generator's learning rates to choose from.
        methods: ``nsgda``, ``sgda`` or both.
        seeds: number of seeds per pair, counted from 0.
        fresh_seeds: number of seeds at the chosen pair.
        steps: largest number of steps of a run.
    """

    framework: Framework
    dimensions: tuple[int, ...] = (100, 316, 1000, 3162, 10_000, 100_000, 1_000_000, 10_000_000)
    lr_d: Rates = (0.03, 0.1, 0.3, 1.0)
    lr_g: Rates = (0.003, 0.01, 0.03, 0.1)
    methods: tuple[str, ...] = METHODS
    seeds: int = 8
    fresh_seeds: int = 16
    steps: int = 200_000

    kind: ClassVar[str] = "scaling"

    def __post_init__(self) -> None:
        check_methods(self.methods, METHODS)
        check_counts(seeds=self.seeds, fresh_seeds=self.fresh_seeds, steps=self.steps)
        check_rates("lr_d", self.lr_d)
        check_rates("lr_g", self.lr_g)
        if not self.dimensions:
            raise ValueError("there must be at least one dimension")
        for d in self.dimensions:
            replace(self.framework, d=d)
        check_once("dimensions", self.dimensions)

    @property
    def run_steps(self) -> int:
        """Steps of all runs if none recovers early."""
        runs = len(self.lr_d) * len(self.lr_g) * self.seeds + self.fresh_seeds
        return len(self.methods) * len(self.dimensions) * runs * self.steps

    def stages(self) -> Sequence[Stage]:
        """Two stages: every pair of rates, then the best pairs on fresh seeds."""
        return [lambda _: self._choose(), self._confirm]

    def _choose(self) -> list[Chunk]:
        pairs = [(d, g) for d in self.lr_d for g in self.lr_g]
        return [
            Chunk(
                "grid", replace(self.framework, d=d), method, (pair,), tuple(range(self.seeds)), self.steps,
                until_recovered=True,
            )
            for method in self.methods
            for d in self.dimensions
            for pair in pairs
        ]  # fmt: skip

    def _confirm(self, outcomes: pl.DataFrame) -> list[Chunk]:
        fresh = fresh_seeds(self.fresh_seeds)
        return [
            Chunk(
                "fresh", replace(self.framework, d=d), method,
                (best_rates(outcomes.filter(pl.col("d") == d), method, "grid"),), seeds, self.steps,
                until_recovered=True,
            )
            for method in self.methods
            for d in self.dimensions
            for seeds in groups_of(fresh)
        ]  # fmt: skip
