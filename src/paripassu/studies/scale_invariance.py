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

The scale networks asks both questions of networks on digits whose logits do not depend on the scale of the
weights: a perceptron, and one block of attention. Starts are 0.1, 1 and 10 times the usual and losses are
multiplied by 0.01, 1 and 100, one of both at a time, five conditions in all, or three of these for attention.
The excess is the training loss. The angle is the root of the mean square, because gradients of networks vary
in length, and it is their mean square that decay balances. The rules are the same, and were fixed before the
first run of this scale.
"""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.sweeps import Cell, PlayedSweep, SweepDesign, Tables, at_best_rate
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Normalize, Rule
from paripassu.studies.scale_invariant_games import NETWORKS, Game
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
_BOUND = 2.0
_BASE = "start x 1, loss x 1"
_CLAIM = "SGD with weight decay is robust to the scales of loss and start"
_PACE = "Decay makes SGD and NSGD turn at the same pace"


def measure(problem: Problem, paths: Trajectories) -> dict[str, ArrayLike]:
    """``excess`` and ``turn``, means over the records, which are the last tenth of the steps."""
    del problem
    return {
        "excess": paths.observed["loss"].mean(axis=1),
        "turn": angular_steps(paths).mean(axis=1),
    }


def _rayleigh(norm: float, scale: float) -> Rayleigh:
    return Rayleigh(tuple(np.linspace(0.0, 1.0, 20).tolist()), norm=norm, scale=scale, noise=0.5)


_EACH = (0.01, 1.0, 100.0)
_RAYLEIGH = Game(
    "", _rayleigh, measure, {arm: _DECAYING if decay else _RATES for arm, (_, decay) in _ARMS.items()},
    sorted(product(_EACH, _EACH), key=lambda pair: pair != (1.0, 1.0)),
)  # fmt: skip


def _sweep(
    steps: int, seeds: int, fresh_seeds: int, games: Sequence[Game] = (_RAYLEIGH,), pairs: int = 0
) -> PlayedSweep:
    """Every arm of every game.

    Args:
        steps: of a run.
        seeds: for tuning.
        fresh_seeds: that are judged.
        games: what is played.
        pairs: of neighbouring steps that are recorded over the last tenth; 0 for every step there.
    """
    first = steps - steps // 10
    starts = np.linspace(first, steps - 1, pairs).astype(int).tolist()
    record = [step + more for step in starts for more in (0, 1)] if pairs else range(first, steps + 1)

    def on_fresh_seeds(outcomes: pl.DataFrame) -> list[Cell]:
        return [
            at_best_rate(
                tuning[game.name, arm], outcomes, "excess", fresh_seeds,
                condition=game.condition(*scales), problem=game.problem(*scales),
            )
            for game in games
            for scales in game.scales
            for arm in game.rates
        ]  # fmt: skip

    tuning = {
        (game.name, arm): Cell(
            game.condition(1.0, 1.0), arm, game.problem(1.0, 1.0), _ARMS[arm][0], rates, steps, range(seeds),
            game.measure, weight_decay=_ARMS[arm][1], record=record, part="tuning",
        )
        for game in games
        for arm, rates in game.rates.items()
    }  # fmt: skip
    more = sum(len(game.rates) * len(game.scales) for game in games) * fresh_seeds * steps
    return PlayedSweep(list(tuning.values()), on_fresh_seeds, more)


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring, for each game."""
    del sweep
    fresh = tables.outcomes.filter(part="fresh")
    names = fresh["condition"].str.split("start").list.first().unique(maintain_order=True)
    games = [fresh.filter(pl.col("condition").str.starts_with(f"{name}start")) for name in names]
    return Judgement([judge(runs) for runs in games for judge in (judge_scales, judge_pace)])


def judge_scales(fresh: pl.DataFrame) -> Finding:
    """The rule on worst ratios.

    Args:
        fresh: runs of one game.
    """
    worst = {str(arm): worst_ratio(fresh, str(arm)) for arm in fresh["arm"].unique(maintain_order=True)}
    decayed, plain = worst["SGD, decay"], worst["SGD"]
    outcome = decide(
        supported=decayed.high < _BOUND and plain.low > _BOUND, contradicted=decayed.low > _BOUND
    )
    each = "; ".join(f"{arm} {ratio}" for arm, ratio in worst.items())
    count = fresh["condition"].n_unique()
    reason = f"Mean excess under the worst of {count} conditions over that for length 1 and scale 1: {each}."
    effect = Effect("worst ratio of SGD with decay, 1 if scales do not matter", *decayed)
    return Finding(_CLAIM, _game(fresh), Verdict(outcome, reason, effect), _budget(fresh))


def judge_pace(fresh: pl.DataFrame) -> Finding:
    """The rule on angles.

    Args:
        fresh: runs of one game.
    """
    rate = next(name for name in fresh.columns if name.startswith("lr_") and fresh[name].null_count() == 0)
    turns = {
        (arm, condition): float(own["turn"].mean()) / angular_step(float(own[rate][0]), _DECAY)  # pyright: ignore[reportArgumentType]
        for (arm, condition), own in fresh.group_by("arm", "condition", maintain_order=True)
        if str(arm).endswith("decay")
    }
    inside = all(0.9 < turn < 1.1 for turn in turns.values())
    low, high = min(turns.values()), max(turns.values())
    count = fresh["condition"].n_unique()
    reason = (
        f"Over {count} conditions and both arms the angle is {low:.3g} to {high:.3g} of what decay predicts."
    )
    verdict = Verdict(decide(supported=inside, contradicted=not inside), reason)
    return Finding(_PACE, _game(fresh), verdict, _budget(fresh))


def worst_ratio(fresh: pl.DataFrame, arm: str) -> Interval:
    """An arm's mean excess under its worst condition, over that for length 1 and scale 1.

    Args:
        fresh: runs of one game.
        arm: its name.
    """
    own = {
        str(condition): rows["excess"].fill_nan(math.inf).to_list()
        for (condition,), rows in fresh.filter(arm=arm).group_by("condition", maintain_order=True)
    }
    worst = max(own, key=lambda condition: float(np.mean(own[condition])))
    if not np.isfinite(own[worst]).all():
        return Interval(math.inf, math.inf, math.inf)
    base = next(values for name, values in own.items() if name.endswith(_BASE))
    return bootstrap_interval(lambda worst, base: worst / base, own[worst], base, paired=True)


def _game(fresh: pl.DataFrame) -> str:
    """What was played, from the words of a condition."""
    return str(fresh["condition"][0]).partition("start")[0].removesuffix(", ") or "Rayleigh quotient"


def _budget(fresh: pl.DataFrame) -> str:
    return f"{fresh['seed'].n_unique()} fresh seeds"


_ONE_GAME = (
    "There is one loss, of 20 coordinates with one level of noise, one decay and rates that never fall. The "
    "paper trains networks, whose layers are scale-invariant each on its own."
)
_LESS = "Runs have 2,000 steps and 8 fresh seeds instead of 20,000 and 32."
_TWO_NETWORKS = (
    "Two networks of a few thousand weights, whose output layer is scale-invariant too. Runs have 4,000 "
    "steps of 32 digits and 4 fresh seeds. Scales change one at a time. Attention is played at three of the "
    "conditions, and not by Adam or by NSGD without decay."
)

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(SweepDesign(_sweep(60, 1, 2), verdict), cut=(CUT_ALL,), decides=False),
        "small": Scale(SweepDesign(_sweep(2000, 3, 8), verdict), cut=(_ONE_GAME, _LESS)),
        "networks": Scale(
            SweepDesign(_sweep(4000, 1, 4, NETWORKS, pairs=100), verdict), cut=(_TWO_NETWORKS,)
        ),
        "paper": Scale(SweepDesign(_sweep(20_000, 8, 32), verdict), cut=(_ONE_GAME,)),
    },
)
