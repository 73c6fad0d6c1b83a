"""Does any rule converge at a constant learning rate when gradients are noisy, and how far away does it stay?

Claim under test: Adam at learning rates that stay away from zero converges to no random point
(arXiv:2407.08100); and neither do its halves, nor normalised or plain gradient descent.

The loss is the mean of half the square of θ - X in one dimension, and a step sees one X. X is standard
normal, or a coin: 1 with probability 0.3, otherwise 0. Every arm plays two learning rates, one a quarter of
the other, on the same seeds.

Nothing converges. The rule looks at the mean distance between θ at the steps 512 and 1,024, over that between
128 and 256. If θ converged, it would go to 0. *Supported* if it is above 3/4 for every arm at both rates,
*contradicted* if it is below 3/4 for any, each with its whole bootstrap 95 % interval.

The floor. The rule looks at p, with the variance of θ at the end in proportion to the rate to the power p.
The claim is that p is 1. *Supported* if p is within 0.75 and 1.25 for every arm, *contradicted* if it is
outside for any, each with its whole bootstrap 95 % interval.

What is neither is *undecided*. The rules were written when the floors of three arms on the normal law were
known, and before anything was known of floors on the coin.
"""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.protocol import CUT_ALL, Scale, Study, decide
from paripassu.protocol.sweeps import Cell, PlayedSweep, SweepDesign, by_condition
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Rule
from paripassu.theory import NoisyQuadratic, Normal, Problem, Trajectories, TwoPoint

_RATES = (0.2, 0.05)
ARMS: dict[str, tuple[Rule, tuple[float, float]]] = {
    "adam": (Adam((0.9, 0.99)), _RATES),
    "adam without momentum": (Adam((0.0, 0.9)), _RATES),
    "adam length": (Graft(Adam((0.0, 0.9)), SGD()), _RATES),
    "adam direction": (Graft(SGD(), Adam((0.0, 0.9))), _RATES),
    "sgd": (SGD(), _RATES),
    "momentum": (SGD(0.9), (0.02, 0.005)),  # its steps add up to ten gradients
    "nsgd": (Normalize(), _RATES),
    "rmsprop": (RMSprop(0.9), _RATES),
}

_CLAIMS = ("No rule converges at a constant rate", "The variance is in proportion to the rate")


def measure(problem: Problem, paths: Trajectories) -> Mapping[str, NDArray[np.float64]]:
    """θ at the end, and both distances, of which the steps n and 2n are the first and last two records."""
    del problem
    theta = np.asarray(paths.observed["theta"][:, :, 0], np.float64)
    return {
        "theta": theta[:, -1],
        "early": np.abs(theta[:, 1] - theta[:, 0]),
        "late": np.abs(theta[:, -1] - theta[:, -2]),
    }


def judge(outcomes: pl.DataFrame, condition: str) -> list[Finding]:
    """Both findings under one condition.

    Args:
        outcomes: of the condition's runs.
        condition: its name.
    """
    ratios = {
        f"{arm} (lr {lr:g})": bootstrap_interval(
            lambda late, early: late / early, own["late"].to_list(), own["early"].to_list(), paired=True
        )
        for (arm, lr), own in outcomes.group_by("arm", "lr_theta", maintain_order=True)
    }
    outcome = decide(
        supported=all(ratio.low > 0.75 for ratio in ratios.values()),
        contradicted=any(ratio.high < 0.75 for ratio in ratios.values()),
    )
    name, least = min(ratios.items(), key=lambda item: item[1].value)
    reason = f"Late over early distance, the smallest of {len(ratios)}: {name} {least}."
    effect = Effect(f"late over early distance of {name}", *least)
    findings = [Finding(_CLAIMS[0], condition, Verdict(outcome, reason, effect))]

    powers = {str(arm): power(own) for (arm,), own in outcomes.group_by("arm", maintain_order=True)}
    outcome = decide(
        supported=all(p.low > 0.75 and p.high < 1.25 for p in powers.values()),
        contradicted=any(p.high < 0.75 or p.low > 1.25 for p in powers.values()),
    )
    reason = "Power of the rate: " + "; ".join(f"{arm} {p}" for arm, p in powers.items())
    name, furthest = max(powers.items(), key=lambda item: abs(item[1].value - 1))
    effect = Effect(f"power of the rate that the variance of {name} grows with", *furthest)
    findings.append(Finding(_CLAIMS[1], condition, Verdict(outcome, f"{reason}.", effect)))
    return findings


def power(runs: pl.DataFrame) -> Interval:
    """Power of the rate that the variance of θ at the end grows with.

    Args:
        runs: of one arm at two rates.
    """
    low, high = sorted(runs["lr_theta"].unique().to_list())
    theta = [runs.filter(lr_theta=lr)["theta"].to_numpy() for lr in (high, low)]

    def exponent(
        first: NDArray[np.float64], squared: NDArray[np.float64],
        other: NDArray[np.float64], other_squared: NDArray[np.float64],
    ) -> NDArray[np.float64]:  # fmt: skip
        ratio = (squared - first**2) / (other_squared - other**2)
        return np.asarray(np.log(ratio) / math.log(high / low), np.float64)

    columns = [column.tolist() for values in theta for column in (values, values**2)]
    return bootstrap_interval(exponent, *columns, paired=True)


def _scale(seeds: int, first: int) -> SweepDesign:
    record = (first, 2 * first, 4 * first, 8 * first)
    laws = {"normal": Normal(), "coin": TwoPoint(0.0, 1.0, p=0.3)}
    cells = [
        Cell(
            name,
            arm,
            NoisyQuadratic(law, initial=law.mean),
            *settings,
            record[-1],
            range(seeds),
            measure,
            record=record,
        )
        for name, law in laws.items()
        for arm, settings in ARMS.items()
    ]
    return SweepDesign(PlayedSweep(cells), by_condition(judge))


STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale(4, 4), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(1000, 128), cut=("Each mean is over 1,000 seeds instead of 20,000.",)),
        "paper": Scale(_scale(20_000, 128)),
    },
)
