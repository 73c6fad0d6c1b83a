"""Sweeps over the synthetic framework: which runs, and in which order.

A sweep is a frozen dataclass with stages; a stage sees the outcomes so far and names its chunks. Rates are
chosen on some seeds and judged on others, as in every study here (`protocol`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, Protocol

import polars as pl

from paripassu.protocol.study import FIRST_CONFIRMATION_SEED
from paripassu.protocol.sweeps.chunk import Chunk
from paripassu.records import ClaimVerdict, Fit, Purpose, SweepKind
from paripassu.studies import collapse_verdicts as verdicts
from paripassu.studies import pace
from paripassu.theory import Framework
from paripassu.theory.collapse.full import FULL_METHODS
from paripassu.theory.collapse.lanes import WIDTH
from paripassu.theory.collapse.simulate import check_settings

Rates = tuple[float, ...]
Stage = Callable[[pl.DataFrame], list[Chunk]]

_HALF_DECADE = 10**0.5
BOTH = ("nsgda", "sgda")


class Tables(NamedTuple):
    """All that a sweep's runs left; tables that none of them keeps are empty."""

    outcomes: pl.DataFrame
    paths: pl.DataFrame
    neurons: pl.DataFrame


class Sweep(Protocol):
    """What `theory_conduct.run_sweep` asks of a sweep."""

    kind: ClassVar[SweepKind]

    @property
    def run_steps(self) -> int:
        """Steps of all runs of all stages, for progress."""
        ...

    def stages(self) -> Sequence[Stage]:
        """In order; each is given the outcomes of those before."""
        ...

    def conclude(self, tables: Tables, /) -> tuple[list[ClaimVerdict], list[Fit]]:
        """What the runs say of the claims."""
        ...


def half_decades(low: float, high: float) -> Rates:
    """Rates from ``low`` to ``high``, half a decade apart, rounded to two digits."""
    rates: list[float] = []
    while low * _HALF_DECADE ** len(rates) <= high * 1.01:
        rates.append(float(f"{low * _HALF_DECADE ** len(rates):.1e}"))
    return tuple(rates)


# From rates at which nothing happens to rates at which everything diverges.
_WIDE_D, _WIDE_G = half_decades(1e-3, 1e2), half_decades(1e-3, 1e6)


@dataclass(frozen=True)
class RunSweep:
    """One configuration by each of some methods, watched over time.

    Args:
        framework: the game.
        methods: of `simulate` and of `full.FULL_METHODS`.
        lr_d: discriminator's learning rate, of every method.
        lr_g: generator's learning rate, of every method.
        seeds: how many, from 0.
        steps: the budget.
        options: ``updates``, ``momentum``, ``batch`` and ``trainable`` as in `Chunk`, where they are not its
            defaults; Adam and the grafts have but ``updates``.
    """

    framework: Framework
    methods: tuple[str, ...] = BOTH
    lr_d: float = 0.1
    lr_g: float = 0.01
    seeds: int = 8
    steps: int = 10_000
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    kind: ClassVar[SweepKind] = "run"

    def __post_init__(self) -> None:
        _check(self.methods, BOTH + tuple(FULL_METHODS))
        _check_counts(seeds=self.seeds, steps=self.steps)
        _check_rates("lr_d", (self.lr_d,))
        _check_rates("lr_g", (self.lr_g,))
        check_settings(**{name: value for name, value in self.options.items() if name != "trainable"})
        in_full = [method for method in self.methods if method in FULL_METHODS]
        unknown = sorted(self.options.keys() - {"updates"})
        if in_full and unknown:
            raise ValueError(
                f"{', '.join(in_full)} plays on exact expectations, without momentum, a and b fixed: "
                f"leave out {', '.join(unknown)}"
            )

    @property
    def run_steps(self) -> int:
        """Steps of all runs."""
        return len(self.methods) * self.seeds * self.steps

    def stages(self) -> Sequence[Stage]:
        """One: every method's runs."""
        return [lambda _: self._chunks()]

    def purpose(self) -> Purpose:
        """That of the study `pace`, where both methods are run."""
        if not set(BOTH) <= set(self.methods):
            return Purpose()
        rule = f"Here nSGDA stands for L and G alike, over the recorded steps.\n\n{pace.STUDY.rule}"
        return Purpose(claim=pace.STUDY.claim, rule=rule)

    def conclude(self, tables: Tables) -> tuple[list[ClaimVerdict], list[Fit]]:
        """The pace's verdict, where both methods were run."""
        return verdicts.of_pace(tables.paths, self.framework.d, self.steps), []

    def _chunks(self) -> list[Chunk]:
        whole = Chunk(
            "run", self.framework, "", ((self.lr_d, self.lr_g),), (), self.steps, **self.options, paths=True
        )
        return [
            replace(whole, method=method, seeds=seeds)
            for method in self.methods
            for seeds in _groups(range(self.seeds), 1 if method in FULL_METHODS else WIDTH)
        ]


@dataclass(frozen=True)
class PhaseSweep:
    """Every pair of learning rates of a grid, for each method; then the best pair on fresh seeds.

    SGDA gets a third part: the small rates again, with ``patience`` times the steps.

    Args:
        framework: the game.
        lr_d: discriminator's learning rates.
        lr_g: generator's learning rates.
        methods: ``nsgda``, ``sgda`` or both.
        seeds: per pair, from 0.
        fresh_seeds: at each method's best pair.
        steps: the budget.
        patience: 1 leaves the third part out.
    """

    framework: Framework
    lr_d: Rates = _WIDE_D
    lr_g: Rates = _WIDE_G
    methods: tuple[str, ...] = BOTH
    seeds: int = 8
    fresh_seeds: int = 32
    steps: int = 10_000
    patience: int = 6

    kind: ClassVar[SweepKind] = "phase"

    def __post_init__(self) -> None:
        _check(self.methods, BOTH)
        _check_counts(
            seeds=self.seeds, fresh_seeds=self.fresh_seeds, steps=self.steps, patience=self.patience
        )
        _check_rates("lr_d", self.lr_d)
        _check_rates("lr_g", self.lr_g)

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

    def conclude(self, tables: Tables) -> tuple[list[ClaimVerdict], list[Fit]]:
        """C4 and C5 on the fresh seeds, C6 on their paths."""
        grid = f"{len(self.lr_d)} x {len(self.lr_g)} pairs of rates"
        return [
            *verdicts.of_recovery(tables.outcomes, grid),
            *verdicts.of_pace(tables.paths, self.framework.d, self.steps),
        ], []

    def _grid(self) -> list[Chunk]:
        return [
            Chunk("grid", self.framework, method, rates, tuple(range(self.seeds)), self.steps)
            for method in self.methods
            for rates in self._rows(self.lr_d, self.lr_g)
        ]

    def _patient(self) -> list[Chunk]:
        if "sgda" not in self.methods or self.patience == 1:
            return []
        small = [tuple(rate for rate in rates if rate <= 1) for rates in (self.lr_d, self.lr_g)]
        return [
            Chunk(
                "patient", self.framework, "sgda", rates, tuple(range(self.seeds)), self.steps * self.patience
            )
            for rates in self._rows(*small)
        ]

    def _rows(self, lr_d: Rates, lr_g: Rates) -> list[tuple[tuple[float, float], ...]]:
        return [tuple((d, g) for g in lr_g) for d in lr_d if lr_g]

    def _confirm(self, outcomes: pl.DataFrame) -> list[Chunk]:
        fresh = range(FIRST_CONFIRMATION_SEED, FIRST_CONFIRMATION_SEED + self.fresh_seeds)
        parts = [(method, "grid", "fresh", self.steps) for method in self.methods]
        if self._patient():
            parts.append(("sgda", "patient", "fresh patient", self.steps * self.patience))
        return [
            Chunk(
                part, self.framework, method, (best_rates(outcomes, method, of),), seeds, steps,
                paths=part == "fresh",
            )
            for method, of, part, steps in parts
            for seeds in _groups(fresh)
        ]  # fmt: skip


@dataclass(frozen=True)
class ScalingSweep:
    """The first recovery against the dimension, at each method's best rates for each dimension.

    Args:
        framework: the game; its d is replaced.
        dimensions: of the data.
        lr_d: discriminator's learning rates to choose from.
        lr_g: generator's learning rates to choose from.
        methods: ``nsgda``, ``sgda`` or both.
        seeds: per pair, from 0.
        fresh_seeds: at the chosen pair.
        steps: the budget.
    """

    framework: Framework
    dimensions: tuple[int, ...] = (100, 316, 1000, 3162, 10_000, 100_000, 1_000_000, 10_000_000)
    lr_d: Rates = (0.03, 0.1, 0.3, 1.0)
    lr_g: Rates = (0.003, 0.01, 0.03, 0.1)
    methods: tuple[str, ...] = BOTH
    seeds: int = 8
    fresh_seeds: int = 16
    steps: int = 200_000

    kind: ClassVar[SweepKind] = "scaling"

    def __post_init__(self) -> None:
        _check(self.methods, BOTH)
        _check_counts(seeds=self.seeds, fresh_seeds=self.fresh_seeds, steps=self.steps)
        _check_rates("lr_d", self.lr_d)
        _check_rates("lr_g", self.lr_g)
        if not self.dimensions:
            raise ValueError("there must be at least one dimension")
        for d in self.dimensions:
            replace(self.framework, d=d)

    @property
    def run_steps(self) -> int:
        """Steps of all runs if none recovers early."""
        runs = len(self.lr_d) * len(self.lr_g) * self.seeds + self.fresh_seeds
        return len(self.methods) * len(self.dimensions) * runs * self.steps

    def stages(self) -> Sequence[Stage]:
        """Choosing, then the chosen pairs on fresh seeds."""
        return [lambda _: self._choose(), self._confirm]

    def conclude(self, tables: Tables) -> tuple[list[ClaimVerdict], list[Fit]]:
        """The exponents, and C5 as a statement about them."""
        fits = verdicts.fits(tables.outcomes.filter(pl.col("part") == "fresh"))
        return verdicts.of_growth(fits, self.steps), fits

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
        fresh = range(FIRST_CONFIRMATION_SEED, FIRST_CONFIRMATION_SEED + self.fresh_seeds)
        return [
            Chunk(
                "fresh", replace(self.framework, d=d), method,
                (best_rates(outcomes.filter(pl.col("d") == d), method, "grid"),), seeds, self.steps,
                until_recovered=True,
            )
            for method in self.methods
            for d in self.dimensions
            for seeds in _groups(fresh)
        ]  # fmt: skip


@dataclass(frozen=True)
class VarySweep:
    """One setting of the framework at a time, everything else as it is: does the recovery depend on it?

    Both methods at one pair of rates each; beyond the paper.

    Args:
        framework: what is varied.
        lr_d: discriminator's learning rate, of every method.
        lr_g: generator's learning rate, of every method.
        seeds: per value, from 0.
        steps: the budget.
    """

    framework: Framework
    lr_d: float = 0.1
    lr_g: float = 0.01
    seeds: int = 16
    steps: int = 60_000

    kind: ClassVar[SweepKind] = "vary"

    def __post_init__(self) -> None:
        _check_counts(seeds=self.seeds, steps=self.steps)
        _check_rates("lr_d", (self.lr_d,))
        _check_rates("lr_g", (self.lr_g,))

    @property
    def run_steps(self) -> int:
        """Steps of all runs."""
        return sum(chunk.run_steps for chunk in self._chunks())

    def stages(self) -> Sequence[Stage]:
        """One: everything."""
        return [lambda _: self._chunks()]

    def conclude(self, _: Tables) -> tuple[list[ClaimVerdict], list[Fit]]:
        """No claim of the paper is about these."""
        return [], []

    def _chunks(self) -> list[Chunk]:
        base = self.framework
        varied: dict[str, list[Framework]] = {
            "gamma": [replace(base, gamma=gamma) for gamma in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)],
            "rarest": [
                replace(base, modes=2, weights=(1 - rare, rare)) for rare in (0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
            ],
            "modes": [replace(base, gamma=0.0, modes=modes) for modes in (1, 2, 3, 4, 6, 8)],
            "n_generator": [replace(base, n_generator=m) for m in (2, 3, 4, 6, 8, 12, 16)],
            "n_discriminator": [replace(base, n_discriminator=m) for m in (2, 4, 6, 10, 16, 24)],
        }
        return [
            Chunk(part, framework, method, ((self.lr_d, self.lr_g),), seeds, self.steps)
            for part, frameworks in varied.items()
            for framework in frameworks
            for method in BOTH
            for seeds in _groups(range(self.seeds))
        ]


def best_rates(outcomes: pl.DataFrame, method: str, part: str) -> tuple[float, float]:
    """The pair with which most runs recover every mode, most still have them at the end, and soonest."""
    own = outcomes.filter((pl.col("method") == method) & (pl.col("part") == part))
    time = pl.min_horizontal("first_recovery", "steps")
    ranked = (
        own.group_by("lr_d", "lr_g", maintain_order=True)
        .agg(
            (pl.col("ever") == "all").sum().alias("recovered"),
            (pl.col("end") == "all").sum().alias("kept"),
            time.mean().alias("time"),
        )
        .sort("recovered", "kept", "time", descending=[True, True, False], maintain_order=True)
    )
    return float(ranked["lr_d"][0]), float(ranked["lr_g"][0])


def _groups(seeds: range, size: int = WIDTH) -> list[tuple[int, ...]]:
    """Seeds by chunks, of as many as the kernel plays at once."""
    return [tuple(seeds[n : n + size]) for n in range(0, len(seeds), size)]


def _check(methods: Sequence[str], known: Sequence[str]) -> None:
    for method in methods:
        if method not in known:
            raise ValueError(f"method must be one of {', '.join(known)}, got {method!r}")
    if not methods or len(set(methods)) < len(methods):
        raise ValueError(f"name each method once and at least one, got {', '.join(methods) or 'none'}")


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be >= 1, got {count}")


def _check_rates(name: str, rates: Rates) -> None:
    if not rates:
        raise ValueError(f"{name} is an empty grid: give at least one learning rate")
    for rate in rates:
        if not 0 < rate < float("inf"):
            raise ValueError(f"{name} must be finite and > 0, got {rate}")
