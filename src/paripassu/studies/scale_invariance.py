"""Does SGD with weight decay train a scale-invariant loss whatever its scale and that of the start?

Claim under test: on a scale-invariant loss SGD with weight decay is robust to the scales of the loss and of
the initial weights, without an adaptive method (arXiv:2202.00980).

The game is the Rayleigh quotient of 20 coordinates with gradient noise. Each arm's learning rate is chosen on
some seeds, for a start of length 1 and a loss of scale 1. The rate is then used on fresh seeds for starts of
length 0.01, 1 and 100 and losses of scale 0.01, 1 and 100, nine conditions in all. A run's excess is the mean
of its loss over the last tenth of the steps. An arm's worst ratio is its mean excess under the worst
condition, over that for length 1 and scale 1.

The paper grants SGD with decay ln(ratio of lengths) / (lr weight_decay) more steps. So arms with decay choose
among rates at which the longest start reaches its equilibrium well within the steps of scale small.

The verdict rules were fixed before the first run, and a first run contradicted both: tuning chose a rate of
0.01, with which starts of length 100 would have needed 7,000 steps and had 2,000. Only the rates of the arms
with decay were changed then. *Supported* if the worst ratio of SGD with decay is below 2
and that of SGD without decay above 2, each with its whole bootstrap 95 % interval over seeds. *Contradicted*
if the worst ratio of SGD with decay is above 2 with its whole interval. Otherwise *undecided*.

A second finding goes beyond the paper: decay makes SGD and NSGD turn at the same pace. *Supported* if the
mean angle between neighbouring steps at the end, over arccos(1 - lr weight_decay), is between 0.9 and 1.1
under all conditions for both. *Contradicted* if it is outside for one of the two under any.
"""

import math

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.study import FIRST_CONFIRMATION_SEED
from paripassu.protocol.sweeps import Cell, PlayedSweep, SweepDesign, Tables, best_rate
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Normalize, Rule
from paripassu.theory import Problem, Rayleigh, Trajectories, angular_step, angular_steps

_DECAY = 0.1
_ARMS: dict[str, tuple[Rule, float]] = {
    "SGD": (SGD(), 0.0),
    "SGD, decay": (SGD(), _DECAY),
    "Adam": (Adam((0.9, 0.999)), 0.0),
    "NSGD": (Normalize(), 0.0),
    "NSGD, decay": (Normalize(), _DECAY),
}
_RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
_DECAYING = (0.05, 0.1, 0.2, 0.4)  # ln(1000) / (lr weight_decay) is 1,400 steps or fewer
_SCALES = (0.01, 1.0, 100.0)
_BOUND = 2.0
_CLAIM = "SGD with weight decay is robust to the scales of loss and start"
_PACE = "Decay makes SGD and NSGD turn at the same pace"


def measure(problem: Problem, paths: Trajectories) -> dict[str, ArrayLike]:
    """``excess`` and ``turn``, means over the records, which are the last tenth of the steps."""
    del problem
    return {
        "excess": paths.observed["loss"].mean(axis=1),
        "turn": angular_steps(paths).mean(axis=1),
    }


def _problem(norm: float = 1.0, scale: float = 1.0) -> Rayleigh:
    return Rayleigh(tuple(np.linspace(0.0, 1.0, 20).tolist()), norm=norm, scale=scale, noise=0.5)


def _condition(norm: float, scale: float) -> str:
    return f"start x {norm:g}, loss x {scale:g}"


_BASE = _condition(1.0, 1.0)


def _sweep(steps: int, seeds: int, fresh_seeds: int) -> PlayedSweep:
    record = range(steps - steps // 10, steps + 1)

    def cell(arm: str, norm: float, scale: float, **more: object) -> Cell:
        rule, decay = _ARMS[arm]
        return Cell(
            _condition(norm, scale), arm, _problem(norm, scale), rule, steps=steps, measure=measure,
            weight_decay=decay, record=record, **more,  # pyright: ignore[reportArgumentType]
        )  # fmt: skip

    def on_fresh_seeds(outcomes: pl.DataFrame) -> list[Cell]:
        fresh = range(FIRST_CONFIRMATION_SEED, FIRST_CONFIRMATION_SEED + fresh_seeds)
        return [
            cell(
                arm,
                norm,
                scale,
                rates=(best_rate(first[arm], outcomes, "excess"),),
                seeds=fresh,
                part="fresh",
            )
            for norm in _SCALES
            for scale in _SCALES
            for arm in _ARMS
        ]

    first = {
        arm: cell(arm, 1.0, 1.0, rates=_DECAYING if decay else _RATES, seeds=range(seeds), part="tuning")
        for arm, (_, decay) in _ARMS.items()
    }
    return PlayedSweep(
        list(first.values()), on_fresh_seeds, len(_ARMS) * len(_SCALES) ** 2 * fresh_seeds * steps
    )


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    del sweep
    fresh = tables.outcomes.filter(part="fresh")
    return Judgement([judge_scales(fresh), judge_pace(fresh)])


def judge_scales(fresh: pl.DataFrame) -> Finding:
    """The rule on worst ratios."""
    decayed, plain = worst_ratio(fresh, "SGD, decay"), worst_ratio(fresh, "SGD")
    outcome = decide(
        supported=decayed.high < _BOUND and plain.low > _BOUND, contradicted=decayed.low > _BOUND
    )
    each = "; ".join(f"{arm} {worst_ratio(fresh, arm)}" for arm in _ARMS)
    reason = f"Mean excess under the worst of nine conditions over that for length 1 and scale 1: {each}."
    effect = Effect("worst ratio of SGD with decay, 1 if scales do not matter", *decayed)
    return Finding(_CLAIM, "Rayleigh quotient", Verdict(outcome, reason, effect), _budget(fresh))


def judge_pace(fresh: pl.DataFrame) -> Finding:
    """The rule on angles."""
    turns = {
        (arm, condition): float(own["turn"].mean()) / angular_step(float(own["lr_x"][0]), _DECAY)  # pyright: ignore[reportArgumentType]
        for (arm, condition), own in fresh.group_by("arm", "condition", maintain_order=True)
        if str(arm).endswith("decay")
    }
    inside = all(0.9 < turn < 1.1 for turn in turns.values())
    low, high = min(turns.values()), max(turns.values())
    reason = (
        f"Over nine conditions and both arms the angle is {low:.3g} to {high:.3g} of what decay predicts."
    )
    verdict = Verdict(decide(supported=inside, contradicted=not inside), reason)
    return Finding(_PACE, "Rayleigh quotient", verdict, _budget(fresh))


def worst_ratio(fresh: pl.DataFrame, arm: str) -> Interval:
    """An arm's mean excess under its worst condition, over that under the first."""
    own = {
        str(condition): rows["excess"].fill_nan(math.inf).to_list()
        for (condition,), rows in fresh.filter(arm=arm).group_by("condition", maintain_order=True)
    }
    worst = max(own, key=lambda condition: float(np.mean(own[condition])))
    if not np.isfinite(own[worst]).all():
        return Interval(math.inf, math.inf, math.inf)
    return bootstrap_interval(lambda worst, base: worst / base, own[worst], own[_BASE], paired=True)


def _budget(fresh: pl.DataFrame) -> str:
    return f"{fresh['seed'].n_unique()} fresh seeds"


_ONE_GAME = (
    "There is one loss, of 20 coordinates with one level of noise, one decay and rates that never fall. The "
    "paper trains networks, whose layers are scale-invariant each on its own."
)
_LESS = "Runs have 2,000 steps and 8 fresh seeds instead of 20,000 and 32."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(SweepDesign(_sweep(60, 1, 2), verdict), cut=(CUT_ALL,), decides=False),
        "small": Scale(SweepDesign(_sweep(2000, 3, 8), verdict), cut=(_ONE_GAME, _LESS)),
        "paper": Scale(SweepDesign(_sweep(20_000, 8, 32), verdict), cut=(_ONE_GAME,)),
    },
)
