"""Is it Adam's length or Adam's direction that memorises noise instead of learning the feature?

Claim under test: a net of two layers that full-batch Adam fits to images with noise generalises worse than
one that gradient descent fits (arXiv:2108.11371), and the cause is Adam's direction, not its length.

Every arm plays three learning rates on the seeds 0 and 1. The rate with the smallest training error at the
end is chosen, the smaller of two that are equal. New images never decide. The arm is judged at that rate on
fresh seeds. Two arms have Adam's direction, ``adam`` and ``adam direction``. Two have the raw gradient's,
``adam length`` and ``sgd``. So each direction has each length once. The other arms are shown for comparison.

The direction is the cause. The rule looks at the mean test error over those fresh seeds whose training
error is 0, with its bootstrap 95 % interval. *Supported* if it is above 1/2 for both arms with Adam's
direction, and below 1/10 for both others, each with its whole interval. *Contradicted* if it is above 1/4
for ``adam length``, or below 1/4 for ``adam direction``, each with its whole interval. Each of the four arms
needs five such seeds.

With batches of two images the gap vanishes (arXiv:2510.11354). The rule looks at the same statistic for
``adam`` with batches of two. *Supported* if it is below 1/10, *contradicted* if above 1/2, each with its
whole interval.

What is neither is *undecided*. The rules were written when a measurement on the seeds 0 to 7, with other
sizes and with rates chosen by hand, was known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.study import fresh_seeds
from paripassu.protocol.sweeps import Cell, PlayedSweep, SweepDesign, Tables
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Rule
from paripassu.theory import Patches, Problem, Trajectories

_EPS = 1e-12  # the first gradients are about 1e-7
_ADAM = Adam(eps=_EPS)

ARMS: dict[str, tuple[Rule, tuple[float, ...]]] = {
    "adam": (_ADAM, (0.001, 0.002, 0.005)),
    "adam length": (Graft(_ADAM, SGD()), (1e-4, 3e-4, 1e-3)),
    "adam direction": (Graft(SGD(), _ADAM), (10.0, 30.0, 100.0)),
    "sgd": (SGD(), (1.0, 3.0, 10.0)),
    "momentum": (SGD(0.9), (0.1, 0.3, 1.0)),
    "nsgd": (Normalize(), (0.01, 0.03, 0.1)),
    "nsgd momentum": (Normalize(SGD(0.9)), (0.01, 0.03, 0.1)),
    "rmsprop": (RMSprop(eps=_EPS), (0.001, 0.002, 0.005)),
    "sign": (Adam((0.0, 0.0), 1e-150), (0.001, 0.002, 0.005)),
}
FULL, PAIRS = "full batch", "batches of two"

_DIRECTION = "Adam's direction, not its length, memorises the noise"
_BATCHES = "With batches of two images Adam learns the feature"


def measure(problem: Problem, paths: Trajectories) -> Mapping[str, NDArray[np.float64]]:
    """Both errors, the worse label's feature and the mean memorised noise, at the end."""
    del problem
    seen = {name: values[:, -1] for name, values in paths.observed.items()}
    return {
        "train_error": seen["train_error"],
        "test_error": seen["test_error"],
        "feature": seen["feature"].min(axis=1),
        "noise": seen["noise"].mean(axis=1),
    }


def tuning_cells(problem: Patches, steps: int, batched_steps: int) -> list[Cell]:
    """Every arm at its rates on two seeds; with batches of two, Adam and its length."""
    conditions = {FULL: (problem, steps, list(ARMS))}
    conditions[PAIRS] = (replace(problem, batch=2), batched_steps, ["adam", "adam length"])
    return [
        Cell(condition, arm, played, *ARMS[arm], length, range(2), measure, record=(length,), part="tuning")
        for condition, (played, length, arms) in conditions.items()
        for arm in arms
    ]


def chosen(cells: Sequence[Cell], seeds: int, outcomes: pl.DataFrame) -> list[Cell]:
    """Every cell at the rate that fits the training images best, on fresh seeds."""
    fresh = fresh_seeds(seeds)
    result: list[Cell] = []
    for cell in cells:
        own = outcomes.filter(condition=cell.condition, arm=cell.arm, part="tuning")
        means = (
            own.group_by("lr_w").agg(pl.col("train_error").fill_nan(1.0).mean()).sort("train_error", "lr_w")
        )
        result.append(replace(cell, rates=(float(means["lr_w"][0]),), seeds=fresh, part="fresh"))
    return result


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    del sweep
    return Judgement(judge(tables.outcomes.filter(part="fresh")))


def judge(fresh: pl.DataFrame) -> list[Finding]:
    """Both findings.

    Args:
        fresh: outcomes on fresh seeds.
    """
    fit = fresh.filter(train_error=0.0)
    errors = {arm: _errors(fit, FULL, arm) for arm in ("adam", "adam direction", "adam length", "sgd")}
    adam, direction, length, sgd = (_interval(own) for own in errors.values())
    outcome = decide(
        supported=min(adam.low, direction.low) > 0.5 and max(length.high, sgd.high) < 0.1,
        contradicted=length.low > 0.25 or direction.high < 0.25,
    )
    reason = "Mean test error at training error 0: " + "; ".join(
        f"{arm} {_interval(own)} ({len(own)} seeds)" for arm, own in errors.items()
    )
    effect = Effect("test error of adam direction", *direction)
    findings = [Finding(_DIRECTION, FULL, Verdict(outcome, f"{reason}.", effect))]

    own = _errors(fit, PAIRS, "adam")
    pairs = _interval(own)
    outcome = decide(supported=pairs.high < 0.1, contradicted=pairs.low > 0.5)
    reason = f"Mean test error of adam at training error 0: {pairs} ({len(own)} seeds)."
    findings.append(Finding(_BATCHES, PAIRS, Verdict(outcome, reason, Effect("test error of adam", *pairs))))
    return findings


def _errors(fit: pl.DataFrame, condition: str, arm: str) -> list[float]:
    return fit.filter(condition=condition, arm=arm)["test_error"].to_list()


def _interval(values: Sequence[float]) -> Interval:
    if not values:
        return Interval(float("nan"), float("-inf"), float("inf"))
    return bootstrap_interval(lambda mean: mean, values)


def _scale(problem: Patches, steps: int, batched_steps: int, seeds: int) -> SweepDesign:
    cells = tuning_cells(problem, steps, batched_steps)

    def then(outcomes: pl.DataFrame) -> list[Cell]:
        return chosen(cells, seeds, outcomes)

    fresh_steps = sum(seeds * cell.steps for cell in cells)
    return SweepDesign(PlayedSweep(cells, then, fresh_steps), verdict)


_DISJOINT = (
    "Each noise coordinate belongs to one image, as in the theory: 40 images of 1,201 coordinates instead of "
    "200 of 1,000 that share theirs, 16 filters a label instead of 20, and 500 new images."
)
_SMALL = Patches(n=40, d=1 + 40 * 30, s=30, m=16, supports="disjoint", tests=500)
_SMOKE = Patches(n=4, d=9, s=2, m=2, supports="disjoint", tests=10)

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale(_SMOKE, 5, 5, 2), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(_SMALL, 150, 300, 8), cut=(_DISJOINT,)),
        "paper": Scale(_scale(Patches(), 1000, 10_000, 32)),
    },
)
