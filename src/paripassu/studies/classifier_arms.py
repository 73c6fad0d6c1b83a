"""The arms of studies on classifiers, their rates, and what each plays on tuning seeds and on fresh ones.

No arm has momentum, so that the halves of Adam and SGD differ in nothing else. Rates
are in the unit of a rule's updates: a gradient, Adam's size of an element, or the length of a step.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paripassu.classifiers import Classifier
from paripassu.evidence.dissection import ADAM, DIRECTION, LENGTH, Column, Effects
from paripassu.evidence.dissection import SGD as SGD_ROW
from paripassu.protocol import decide
from paripassu.protocol.sweeps import Cell, DissectionSweep, Measure, at_best_rate
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Rule
from paripassu.theory import Problem, Trajectories

_GRADIENT = (0.1, 0.3, 1.0, 3.0)
_ELEMENT = (0.003, 0.01, 0.03, 0.1)
_LENGTH = (0.03, 0.1, 0.3, 1.0)
_ADAM = Adam((0.0, 0.999))

ARMS: dict[str, tuple[Rule, tuple[float, ...]]] = {
    ADAM: (_ADAM, _ELEMENT),
    LENGTH: (Graft(_ADAM, SGD()), _ELEMENT),
    DIRECTION: (Graft(SGD(), _ADAM), _GRADIENT),
    SGD_ROW: (SGD(), _GRADIENT),
    "nsgd layer": (Normalize(scope="layer"), _LENGTH),
    "nsgd rms": (Normalize(unit="rms"), _ELEMENT),
    "rmsprop": (RMSprop(), _ELEMENT),
}

Values = NDArray[np.float64]


def last(paths: Trajectories) -> dict[str, Values]:
    """What a classifier observes, at the end; NaN of a run that diverged."""
    return {name: values[:, -1] for name, values in paths.observed.items()}


def choice(problem: Problem, paths: Trajectories) -> Mapping[str, Values]:
    """On tuning seeds: the validation error, plus 1 for a run that does not fit its training images.

    A run of a classifier with batches *fits* whatever its training error is.
    """
    assert isinstance(problem, Classifier)
    seen = last(paths)
    misfit = (seen["train_error"] > 0).astype(np.float64) if problem.batch is None else 0.0
    return {"validation_error": seen["validation_error"], "criterion": seen["validation_error"] + misfit}


def tuned_sweep(
    problems: Mapping[str, tuple[Classifier, Measure, int]], columns: Sequence[Column], seeds: int
) -> DissectionSweep:
    """Every arm at its rates on two tuning seeds, then at its best rate on fresh ones.

    Args:
        problems: by condition, with what is measured on fresh seeds, and the steps of a run.
        columns: of the table.
        seeds: fresh ones.
    """
    cells = [
        Cell(condition, arm, problem, *ARMS[arm], steps, range(2), choice, record=(steps,), part="tuning")
        for condition, (problem, _, steps) in problems.items()
        for arm in ARMS
    ]

    def then(outcomes: pl.DataFrame) -> list[Cell]:
        return [
            at_best_rate(cell, outcomes, "criterion", seeds, measure=problems[cell.condition][1])
            for cell in cells
        ]

    return DissectionSweep(cells, then, sum(seeds * cell.steps for cell in cells), columns)


def harm(column: Column, effects: Effects, blocked: str = "") -> Finding:
    """The finding that Adam's direction, not its length, raises a column's number.

    Args:
        column: of which less is better.
        effects: of both halves.
        blocked: why the runs cannot be compared; empty if they can.
    """
    is_harm = effects.half == "direction" and effects.direction.value > 0
    outcome = decide(
        supported=is_harm and not blocked,
        contradicted=not (is_harm or blocked) and effects.half != "undecided",
    )
    unit = "decades of " if column.log else ""
    reason = (
        f"{blocked}The word is {effects.half}. Swapping the direction changes {unit}the number by "
        f"{effects.direction}, swapping the magnitude by {effects.magnitude}; {column.margin:g} counts."
    )
    effect = Effect("effect of the direction", *effects.direction)
    return Finding(
        f"Adam's direction, not its length, raises the {column.name}", column.condition,
        Verdict(outcome, reason, effect),
    )  # fmt: skip


def each_run(paths: Trajectories, number: Callable[[int], float]) -> Values:
    """A number of each run, by its place; NaN of a run that diverged."""
    alive = np.isinf(paths.diverged_at)
    return np.array([number(run) if alive[run] else np.nan for run in range(len(alive))])
