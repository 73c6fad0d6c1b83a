"""Is it Adam's length or Adam's direction that puts weight on frequencies which no input contains?

Claim under test: adaptive methods use irrelevant frequencies and gradient descent does not, so that the
former are less robust at the same accuracy (arXiv:2308.06703); and the cause is Adam's direction, not its
length.

Every arm plays three learning rates on every seed. Each step sees 5,000 fresh samples. Two arms have Adam's
direction, ``adam`` and ``adam direction``. Two have the raw gradient's, ``adam length`` and ``sgd``. So each
direction has each length once. The other arms are shown for comparison. A run *fits* if its standard risk is
below 1e-4 at the end. Only runs that fit are judged, at every rate at which all seeds fit.

Who moves. The rule looks at the distance that the weights on irrelevant frequencies have moved, over the
norm of the target. *Supported* if it is below 1e-9 in every run of both arms with the raw direction, and
above 1e-3 in every run of both others. *Contradicted* if it is above 1e-3 in any run of an arm with the raw
direction, or below 1e-9 in any run of another.

What it costs. The rule looks at the adversarial risk over the least that is possible without error, minus
one. *Supported* if its mean is above 0.02 at every rate of both arms with Adam's direction, and below 0.02 at
every rate of both others, each with its whole bootstrap 95 % interval. *Contradicted* if it is above 0.02 at
a rate of an arm with the raw direction, or below 0.02 at every rate of an arm with Adam's, each with its
whole interval. Both findings need, for each of the four arms, a rate at which all seeds fit.

What is neither is *undecided*. The rules were written when the paths of these arms with the exact gradient,
at some of these rates, were known. Among them was one of ``adam direction`` at a cost of 0.006. In a first
run every second of 16 frequencies was empty. All inputs were then mirror images of themselves, which rules
that treat pixels alike preserve: no arm moved. So that condition was replaced.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.protocol import CUT_ALL, Scale, Study, decide
from paripassu.protocol.sweeps import Cell, PlayedSweep, SweepDesign, by_condition
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Rule
from paripassu.theory import Frequencies, Problem, Trajectories

ARMS: dict[str, tuple[Rule, tuple[float, ...]]] = {
    "adam": (Adam(), (0.01, 0.03, 0.1)),
    "adam length": (Graft(Adam(), SGD()), (0.01, 0.03, 0.1)),
    "adam direction": (Graft(SGD(), Adam()), (10.0, 30.0, 100.0)),
    "sgd": (SGD(), (10.0, 30.0, 100.0)),
    "momentum": (SGD(0.9), (3.0, 10.0, 30.0)),
    "nsgd": (Normalize(), (0.01, 0.03, 0.1)),
    "rmsprop": (RMSprop(), (0.01, 0.03, 0.1)),
    "sign": (Adam((0.0, 0.0), 1e-150), (0.003, 0.01, 0.03)),
}
_RAW, _ADAMS = ("adam length", "sgd"), ("adam", "adam direction")

_FITS = 1e-4  # standard risk; at the start it is about 0.25
_NONE, _SOME, _COST = 1e-9, 1e-3, 0.02
_CLAIMS = (
    "Adam's direction, not its length, enters irrelevant frequencies",
    "Adam's direction, not its length, costs robustness",
)


def measure(problem: Problem, paths: Trajectories) -> Mapping[str, NDArray[np.float64]]:
    """How far the weights on irrelevant frequencies moved, what they cost, and the standard risk."""
    assert isinstance(problem, Frequencies)
    irrelevant = np.array(problem.scales) == 0
    target = float(np.linalg.norm(np.array(problem.target)[~irrelevant]))
    seen = {name: values[:, -1] for name, values in paths.observed.items()}
    moved = (seen["coefficients"] - problem.initial)[:, irrelevant]
    least = (problem.radius * target) ** 2 / 2
    return {
        "risk": seen["standard_risk"],
        "moved": np.linalg.norm(moved, axis=1) / target,
        "cost": seen["adversarial_risk"] / least - 1,
    }


def judge(outcomes: pl.DataFrame, condition: str) -> list[Finding]:
    """Both findings under one condition.

    Args:
        outcomes: of the condition's runs.
        condition: its name.
    """
    fits = outcomes.filter((pl.col("risk") < _FITS).all().over("arm", "lr_w"))
    moved = {arm: fits.filter(arm=arm)["moved"].to_list() for arm in (*_ADAMS, *_RAW)}
    if missing := [arm for arm, own in moved.items() if not own]:
        reason = f"No rate at which every seed fits: {', '.join(missing)}."
        return [Finding(claim, condition, Verdict("undecided", reason)) for claim in _CLAIMS]
    raw, adams = ([value for arm in arms for value in moved[arm]] for arms in (_RAW, _ADAMS))
    outcome = decide(
        supported=max(raw) < _NONE and min(adams) > _SOME,
        contradicted=max(raw) > _SOME or min(adams) < _NONE,
    )
    reason = "Distance moved, over the target: " + "; ".join(
        f"{arm} {min(own):.2g} to {max(own):.2g} ({len(own)} runs)" for arm, own in moved.items()
    )
    findings = [Finding(_CLAIMS[0], condition, Verdict(outcome, f"{reason}."))]

    costs = {arm: _costs(fits.filter(arm=arm)) for arm in moved}
    outcome = decide(
        supported=all(cost.low > _COST for arm in _ADAMS for _, cost in costs[arm])
        and all(cost.high < _COST for arm in _RAW for _, cost in costs[arm]),
        contradicted=any(cost.low > _COST for arm in _RAW for _, cost in costs[arm])
        or any(all(cost.high < _COST for _, cost in costs[arm]) for arm in _ADAMS),
    )
    reason = "Adversarial risk over the least, minus one: " + "; ".join(
        f"{arm} " + ", ".join(f"{cost} (lr {lr:g})" for lr, cost in own) for arm, own in costs.items()
    )
    least = min((cost for _, cost in costs["adam direction"]), key=lambda cost: cost.value)
    effect = Effect("cost of adam direction at its best rate", *least)
    findings.append(Finding(_CLAIMS[1], condition, Verdict(outcome, f"{reason}.", effect)))
    return findings


def _costs(runs: pl.DataFrame) -> Sequence[tuple[float, Interval]]:
    """Each learning rate with its mean cost."""
    return [
        (float(lr), bootstrap_interval(lambda mean: mean, own["cost"].to_list()))  # pyright: ignore[reportArgumentType] - polars types every key as object
        for (lr,), own in runs.group_by("lr_w", maintain_order=True)
    ]


def _scale(conditions: Mapping[str, Frequencies], steps: int, seeds: int) -> SweepDesign:
    cells = [
        Cell(name, arm, problem, *settings, steps, range(seeds), measure, record=(steps,))
        for name, problem in conditions.items()
        for arm, settings in ARMS.items()
    ]
    return SweepDesign(PlayedSweep(cells), by_condition(judge))


_PAPER = Frequencies(samples=5000)
_PIXELS = 16
_MORE = Frequencies(  # as in natural images the scale falls with the frequency, and the highest are empty
    scales=tuple(0.1 / math.sqrt(1 + i) if i < _PIXELS // 2 else 0.0 for i in range(_PIXELS)),
    target=tuple(5.0 if i < _PIXELS // 2 else 0.0 for i in range(_PIXELS)),
    initial=(0.01,) * _PIXELS,
    samples=5000,
)
_CONDITIONS = {"three pixels": _PAPER, "16 pixels, the upper half of the frequencies empty": _MORE}
_SHORT = "Runs end at 3,000 steps instead of 20,000, with 5 seeds instead of 32."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale({"three pixels": _PAPER}, 5, 2), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(_CONDITIONS, 3000, 5), cut=(_SHORT,)),
        "paper": Scale(_scale(_CONDITIONS, 20_000, 32)),
    },
)
