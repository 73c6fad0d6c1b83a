"""Sweeps of any problem by any rule: cells that `play` plays, and numbers that are measured in each run.

A study gives its cells and a measure:

    def measure(problem, paths):
        return {"loss": paths.observed["loss"][:, -1]}

    CELLS = [Cell("Rayleigh", name, problem, rule, (0.1,), steps=1000, seeds=range(8), measure=measure), ...]
    SweepDesign(PlayedSweep(CELLS), verdict)

The table of outcomes has one row a run: the cell's condition, arm and part, the rates of every player, the
seed, the step of divergence, and each measured number.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from paripassu.protocol.study import Judgement
from paripassu.protocol.sweeps.batch import ArmBatch, check_has_fields
from paripassu.protocol.sweeps.sweep import Stage, Tables
from paripassu.records import Finding
from paripassu.rules import Rule
from paripassu.theory import Problem, Trajectories, constant, play
from paripassu.theory.recording import Updates
from paripassu.train.own_files import qualified_name

Measure = Callable[[Problem, Trajectories], Mapping[str, ArrayLike]]
"""Numbers ``[R]`` by name, one for each run; a function of a module, because other processes call it."""

Rate = float | tuple[float, ...]
"""Of every player, or of each in the order of the problem's players."""

_FEW = 6  # rates or steps that are listed in words; more are counted


@dataclass(frozen=True)
class Cell(ArmBatch):
    """One problem by one rule, at some rates, over seeds.

    Attributes:
        condition: what the arms are compared on, in a word or two.
        arm: the rule's name.
        problem: what is played, a frozen dataclass.
        rules: of every player, or of each by name; frozen dataclasses.
        rates: learning rates; each is played with every seed.
        steps: updates of each player.
        seeds: of the runs.
        measure: what is measured in each run.
        updates: as `play` takes them.
        weight_decay: as ``rates``, one for all of them.
        record: steps to record, as `play` takes them.
        schedule: as `play` takes it; a function of a module or a frozen dataclass.
        part: of the sweep, such as ``"tuning"``. Pages sum up the parts that begin with ``"fresh"``, or all
            cells if there is no such part.

    Raises:
        ValueError: a problem or rule that is no dataclass, or rates that are not one for each player.
    """

    condition: str
    arm: str
    problem: Problem
    rules: Rule | Mapping[str, Rule]
    rates: Sequence[Rate]
    steps: int
    seeds: Sequence[int]
    measure: Measure
    updates: Updates = "simultaneous"
    weight_decay: Rate = 0.0
    record: Sequence[int] | None = None
    schedule: Callable[[int], float] = constant
    part: str = "runs"

    def __post_init__(self) -> None:
        rules = list(self.rules.values()) if isinstance(self.rules, Mapping) else [self.rules]
        check_has_fields("a problem or rule", self.problem, *rules)
        for rate in (*self.rates, self.weight_decay):
            if isinstance(rate, tuple) and len(rate) != len(self.problem.players):
                raise ValueError(f"rates must be one for each of {self.problem.players}, got {rate}")
        if not (self.rates and self.seeds):
            raise ValueError(f"{self.arm} on {self.condition} needs a rate and a seed")

    @property
    def run_steps(self) -> int:
        """Steps of all its runs."""
        return len(self.rates) * len(self.seeds) * self.steps

    @property
    def runs_what(self) -> str:
        """The problem and the rules with their settings."""
        return f"{self.problem!r} by {self.rules!r}"

    @property
    def amount(self) -> str:
        """How many runs of how many steps."""
        return f"{_words(self.rates, 'rates')}, {_words(self.seeds, 'seeds')}, {self.steps:,} steps"

    def settings(self) -> dict[str, Any]:
        """Its fields; a problem, a rule and a measure by what they are called."""
        return {
            "condition": self.condition,
            "arm": self.arm,
            "part": self.part,
            "problem": repr(self.problem),
            "rules": repr(self.rules),
            "rates": list(self.rates),
            "steps": self.steps,
            "seeds": list(self.seeds),
            "measure": _named(self.measure),
            "updates": self.updates,
            "weight_decay": self.weight_decay,
            "record": None if self.record is None else list(self.record),
            "schedule": _named(self.schedule),
        }

    def compute(self) -> Mapping[str, pl.DataFrame]:
        """One row a run."""
        players = self.problem.players
        by_player = {player: [[_of(rate, n)] for rate in self.rates] for n, player in enumerate(players)}
        decay = {player: _of(self.weight_decay, n) for n, player in enumerate(players)}
        paths = play(
            self.problem, self.rules, by_player, self.steps, list(self.seeds),
            updates=self.updates, weight_decay=decay, record=self.record, schedule=self.schedule,
        )  # fmt: skip
        runs = len(paths.seeds)
        columns: dict[str, Any] = {
            "condition": [self.condition] * runs,
            "arm": [self.arm] * runs,
            "part": [self.part] * runs,
            **{f"lr_{player}": paths.lr[player] for player in players},
            "seed": paths.seeds,
            "diverged_at": paths.diverged_at,
        }
        for name, values in self.measure(self.problem, paths).items():
            own = np.asarray(values, np.float64)
            if own.shape != (runs,) or name in columns:
                raise ValueError(
                    f"a measure must give one number for each of {runs} runs, under a name other than "
                    f"{', '.join(columns)}, got {name!r} of shape {own.shape}"
                )
            columns[name] = own
        return {"outcomes": pl.DataFrame(columns)}


@dataclass(frozen=True)
class PlayedSweep:
    """Cells, and perhaps more cells that depend on their outcomes, such as the best rates on fresh seeds.

    Args:
        cells: what is played first, or trains by itself.
        then: from the outcomes of ``cells``, the rest.
        more_steps: steps of all runs of ``then``, for progress.

    Raises:
        ValueError: no cells, or two with the same settings.
    """

    cells: Sequence[ArmBatch]
    then: Callable[[pl.DataFrame], Sequence[ArmBatch]] | None = None
    more_steps: int = 0

    kind: ClassVar[str] = "played"

    def __post_init__(self) -> None:
        if not self.cells:
            raise ValueError("a sweep needs at least one cell")
        keys = [str(cell.settings()) for cell in self.cells]
        if len(set(keys)) < len(keys):
            raise ValueError("two cells of a sweep have the same settings")

    @property
    def run_steps(self) -> int:
        """Steps of all runs."""
        return sum(cell.run_steps for cell in self.cells) + self.more_steps

    def settings(self) -> dict[str, Any]:
        """Every cell of the first stage in words, each with the hash of its settings."""
        cells: dict[str, str] = {}
        for cell in self.cells:
            same = sum(other.startswith(cell.name) for other in cells)
            key = hashlib.sha256(str(cell.settings()).encode()).hexdigest()[:8]
            words = f"{cell.runs_what}, {cell.amount} ({key})"
            cells[f"{cell.name} ({same + 1})" if same else cell.name] = words
        then = {"then": qualified_name(self.then)} if self.then else {}
        return {**then, "cells": cells}

    def check(self) -> None:
        """Raise ``ValueError`` where data in files that a problem needs are missing or of another kind."""
        problems = {id(cell.problem): cell.problem for cell in self.cells if isinstance(cell, Cell)}
        for problem in problems.values():
            problem.check()

    def stages(self) -> Sequence[Stage]:
        """The cells, then those that depend on their outcomes."""
        return [lambda _: self.cells, *([self.then] if self.then else [])]


def by_condition(
    judge: Callable[[pl.DataFrame, str], Sequence[Finding]],
) -> Callable[[PlayedSweep, Tables], Judgement]:
    """A verdict rule that judges each condition by itself.

    Args:
        judge: findings from the outcomes under one condition and its name.
    """

    def verdict(_: PlayedSweep, tables: Tables) -> Judgement:
        groups = tables.outcomes.group_by("condition", maintain_order=True)
        return Judgement([finding for (name,), own in groups for finding in judge(own, str(name))])

    return verdict


def _of(rate: Rate, player: int) -> float:
    return rate[player] if isinstance(rate, tuple) else rate


def _words(values: Sequence[Any], name: str) -> str:
    if len(values) > _FEW:
        return f"{len(values):,} {name}"
    return f"{name} {', '.join(map(str, values))}"


def _named(function: Callable[..., Any]) -> str:
    """A function by where it is, a dataclass by its fields."""
    return repr(function) if is_dataclass(function) else qualified_name(function)
