"""Which learning rates recover every mode: a grid of pairs, then the best pair on fresh seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    check_rates,
    groups_of,
    half_decades,
)
from paripassu.records import Decay
from paripassu.theory import Framework
from paripassu.theory.collapse.simulate import check_settings

# From rates at which nothing happens to rates at which everything diverges.
_WIDE_D, _WIDE_G = half_decades(1e-3, 1e2), half_decades(1e-3, 1e6)


@dataclass(frozen=True)
class PhaseSweep(PlainSettings):
    """Every pair of learning rates of a grid, for each method; then the best pair on fresh seeds.

    SGDA has a third part: the rates up to 1 again, with ``patience`` times the steps.

    Args:
        framework: the game.
        lr_d: discriminator's learning rates.
        lr_g: generator's learning rates.
        methods: ``nsgda``, ``sgda`` or both.
        seeds: number of seeds per pair, counted from 0.
        fresh_seeds: number of seeds at each method's best pair.
        steps: largest number of steps of a run.
        patience: factor of the steps in SGDA's third part; 1 leaves it out.
        momentum: of both players, in [0, 1); nSGDA normalises the buffer.
        decay: how both rates fall over a run.
    """

    framework: Framework
    lr_d: Rates = _WIDE_D
    lr_g: Rates = _WIDE_G
    methods: tuple[str, ...] = METHODS
    seeds: int = 8
    fresh_seeds: int = 32
    steps: int = 10_000
    patience: int = 6
    momentum: float = 0.0
    decay: Decay = "constant"

    kind: ClassVar[str] = "phase"

    def __post_init__(self) -> None:
        check_methods(self.methods, METHODS)
        check_counts(seeds=self.seeds, fresh_seeds=self.fresh_seeds, steps=self.steps, patience=self.patience)
        check_rates("lr_d", self.lr_d)
        check_rates("lr_g", self.lr_g)
        check_settings(momentum=self.momentum, decay=self.decay)

    @property
    def run_steps(self) -> int:
        """Steps of all runs of all parts."""
        patient = sum(chunk.run_steps for chunk in self._patient())
        cells = len(self.lr_d) * len(self.lr_g) * self.seeds + self.fresh_seeds
        # The patient part ends with a confirmation of its own.
        confirmed = self.fresh_seeds * self.steps * self.patience if patient else 0
        return len(self.methods) * cells * self.steps + patient + confirmed

    def stages(self) -> Sequence[Stage]:
        """The grids, then the best pairs."""
        return [lambda _: [*self._grid(), *self._patient()], self._confirm]

    def _grid(self) -> list[Chunk]:
        return [
            self._chunk("grid", method, rates, tuple(range(self.seeds)), self.steps)
            for method in self.methods
            for rates in self._rows(self.lr_d, self.lr_g)
        ]

    def _patient(self) -> list[Chunk]:
        if "sgda" not in self.methods or self.patience == 1:
            return []
        small = [tuple(rate for rate in rates if rate <= 1) for rates in (self.lr_d, self.lr_g)]
        return [
            self._chunk("patient", "sgda", rates, tuple(range(self.seeds)), self.steps * self.patience)
            for rates in self._rows(*small)
        ]

    def _rows(self, lr_d: Rates, lr_g: Rates) -> list[tuple[tuple[float, float], ...]]:
        return [tuple((d, g) for g in lr_g) for d in lr_d if lr_g]

    def _confirm(self, outcomes: pl.DataFrame) -> list[Chunk]:
        fresh = fresh_seeds(self.fresh_seeds)
        parts = [(method, "grid", "fresh", self.steps) for method in self.methods]
        if self._patient():
            parts.append(("sgda", "patient", "fresh patient", self.steps * self.patience))
        return [
            self._chunk(
                part, method, (best_rates(outcomes, method, of),), seeds, steps, paths=part == "fresh"
            )
            for method, of, part, steps in parts
            for seeds in groups_of(fresh)
        ]

    def _chunk(
        self,
        part: str,
        method: str,
        rates: tuple[tuple[float, float], ...],
        seeds: tuple[int, ...],
        steps: int,
        *,
        paths: bool = False,
    ) -> Chunk:
        return Chunk(
            part, self.framework, method, rates, seeds, steps, momentum=self.momentum, decay=self.decay,
            paths=paths,
        )  # fmt: skip
