"""Cells of a sweep that train by themselves: a system with its own loop, once a seed.

`Cell` is for what `play` can play. A system whose data depend on what it did before, such as an agent or a
sampler, is a frozen dataclass with a method ``measure`` instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

import polars as pl

from paripassu.protocol.sweeps.batch import ArmBatch, check_has_fields


class System(Protocol):
    """What a `SeededCell` runs: a frozen dataclass, whose ``repr`` has every setting."""

    @property
    def lr(self) -> float:
        """Learning rate of all its optimizers."""
        ...

    @property
    def steps(self) -> int:
        """Steps of one run, for progress."""
        ...

    def measure(self, seed: int) -> Mapping[str, float]:
        """Numbers by name; ``diverged_at`` is the step of divergence in a run that diverged."""
        ...


@dataclass(frozen=True)
class SeededCell(ArmBatch):
    """One system over seeds.

    Attributes:
        condition: what the arms are compared on, in a word or two.
        arm: the system's name.
        system: what runs, a frozen dataclass.
        seeds: of the runs.
        part: of the sweep, as a `Cell` has it.

    Raises:
        ValueError: a system that is no dataclass, or no seed.
    """

    condition: str
    arm: str
    system: System
    seeds: Sequence[int]
    part: str = "runs"

    def __post_init__(self) -> None:
        check_has_fields("a system", self.system)
        if not self.seeds:
            raise ValueError(f"{self.arm} on {self.condition} needs a seed")

    @property
    def run_steps(self) -> int:
        """Steps of all its runs."""
        return len(self.seeds) * self.system.steps

    @property
    def amount(self) -> str:
        """How many runs of how many steps."""
        return f"{len(self.seeds):,} seeds, {self.system.steps:,} steps"

    @property
    def runs_what(self) -> str:
        """The system with its settings."""
        return repr(self.system)

    def settings(self) -> dict[str, Any]:
        """Its fields; the system by what it is called."""
        return {
            "condition": self.condition,
            "arm": self.arm,
            "part": self.part,
            "system": repr(self.system),
            "seeds": list(self.seeds),
        }

    def compute(self) -> Mapping[str, pl.DataFrame]:
        """One row a run."""
        rows: list[dict[str, Any]] = []
        for seed in self.seeds:
            row = {
                "condition": self.condition,
                "arm": self.arm,
                "part": self.part,
                "lr_all": self.system.lr,
                "seed": seed,
                "diverged_at": inf,
            }
            rows.append(row | {name: float(value) for name, value in self.system.measure(seed).items()})
        return {"outcomes": pl.DataFrame(rows)}
