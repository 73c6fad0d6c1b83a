"""Where does a GAN with a kernel discriminator converge, and do steps of constant length converge there?

Claim under test: learning rates, regularisation and kernel width decide whether gradient descent-ascent
converges, oscillates or diverges near its equilibrium, as the linearised game says (arXiv:2305.08277).

One generated point starts 0.001 widths from one true point of the same mass. Both players play a grid of
learning rates, at once or one after the other, for two pairs of width and regularisation. The grid reaches
beyond the predicted boundary in both rates. A pair of rates is clear if its steps are enough to see what the
eigenvalues predict: a spectral radius further than 0.001 from 1, and, where the game should oscillate, two
changes of sign within two thirds of the steps. *Leaves*, *oscillates* and *converges* in play are as
`paripassu.theory.phase_diagram` describes them.

The verdict rules were fixed before the first run of this study. Tests on smaller grids had shown by then
that SGDA agrees, and that cycles grow about as the rate. The claim is *supported* if SGDA agrees with the
prediction at more than 90 % of the clear pairs, with its whole 95 % Wilson interval, under every condition.
*Contradicted* if it is below 90 % with its whole interval under one. Otherwise *undecided*.

The second finding goes beyond the paper: steps of constant length do not converge, and their cycle is
proportional to the rate. nSGDA, Adam and Ada-nSGDA play equal rates from 0.001 to 0.1, from an offset of
0.0007. (In a first run it was 0.001, and nSGDA's first step of that length ended exactly on the point.) The
exponent is the slope of the logarithm of the root mean square distance at the end on that of the rate.
*Supported* if every exponent's bootstrap 95 % interval over the rates lies within 0.9 and 1.1.
*Contradicted* if one lies outside with its whole interval. Otherwise *undecided*.
"""

import math

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from paripassu.evidence.intervals import Interval, interval_of, wilson
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.sweeps import Cell, Measure, PlayedSweep, SweepDesign, Tables
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Graft, Normalize, Rule
from paripassu.theory import (
    KernelGame,
    Problem,
    Trajectories,
    cycle_radius,
    played_phases,
    predicted_phases,
)
from paripassu.theory.recording import Updates

_ADA = Adam((0.0, 0.9), 1e-30)  # far below the smallest gradients
_CONSTANT: dict[str, Rule] = {"nSGDA": Normalize(), "Adam": _ADA, "Ada-nSGDA": Graft(_ADA, SGD())}
_ARMS: dict[str, Rule] = {"SGDA": SGD(), **_CONSTANT, "AdaDir": Graft(SGD(), _ADA)}
_GAMES = {
    "width 1, λ 1": KernelGame(),
    "width 0.7, λ 0.5": KernelGame(width=0.7, regularization=0.5),
}
_BOUND = 0.9
_RESAMPLES = 2000
_CLAIM = "The linearised game says where SGDA converges, oscillates or leaves"
_CYCLE = "Steps of constant length cycle in proportion to the rate"


def measure_at_once(problem: Problem, paths: Trajectories) -> dict[str, ArrayLike]:
    """`_measure` of simultaneous games."""
    return _measure(problem, paths, "simultaneous")


def measure_in_turn(problem: Problem, paths: Trajectories) -> dict[str, ArrayLike]:
    """`_measure` of alternating games."""
    return _measure(problem, paths, "alternating")


def _measure(problem: Problem, paths: Trajectories, updates: Updates) -> dict[str, ArrayLike]:
    """In each run: as SGDA is predicted to, at rest or on the way, close, and how far away at the end."""
    assert isinstance(problem, KernelGame)
    steps = int(paths.steps[-1])
    lr_d, lr_g = (paths.lr[player] for player in problem.players)
    predicted, clear = predicted_phases(problem, lr_d, lr_g, SGD(), updates=updates, steps=steps)
    played = played_phases(paths, problem.offset)
    distance = cycle_radius(paths, after=2 * steps // 3)
    return {
        "as predicted for SGDA": np.where(clear, predicted == played, math.nan),
        "comes to rest": played != "leaves",
        "stays within a width": distance < 1,
        "distance": distance,
    }


_MEASURES: dict[Updates, Measure] = {"simultaneous": measure_at_once, "alternating": measure_in_turn}


def _sweep(size: int, steps: int, ladder: int) -> PlayedSweep:
    record = range(steps // 3, steps + 1)
    cells: list[Cell] = []
    for updates, measure in _MEASURES.items():
        for name, game in _GAMES.items():
            # a = lr_d lambda up to 2, and lr_g / (lambda sigma^2) on both sides of 1, the boundary.
            lr_d = np.geomspace(0.03, 1.9, size) / game.regularization
            lr_g = np.geomspace(0.03, 4.0, size) * game.regularization * game.width**2
            grid = tuple((float(d), float(g)) for d in lr_d for g in lr_g)
            cells += [
                Cell(
                    f"{updates}, {name}", arm, game, rule, grid, steps, (0,), measure, updates, record=record
                )
                for arm, rule in _ARMS.items()
            ]
        rates = tuple(np.geomspace(1e-3, 0.1, ladder).tolist())
        name, game = f"{updates}, equal rates", KernelGame(offset=7e-4)
        cells += [
            Cell(name, arm, game, rule, rates, steps, (0,), measure, updates, record=record)
            for arm, rule in _CONSTANT.items()
        ]
    return PlayedSweep(cells)


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    del sweep
    is_ladder = pl.col("condition").str.ends_with("equal rates")
    return Judgement(
        [judge_phases(tables.outcomes.filter(~is_ladder)), judge_cycles(tables.outcomes.filter(is_ladder))]
    )


def judge_phases(outcomes: pl.DataFrame) -> Finding:
    """The rule on SGDA's phases."""
    shares: dict[str, Interval] = {}
    agree = outcomes.filter(arm="SGDA").drop_nans("as predicted for SGDA")
    for (condition,), own in agree.group_by("condition", maintain_order=True):
        shares[str(condition)] = wilson(int(own["as predicted for SGDA"].sum()), len(own))
    outcome = decide(
        supported=bool(shares) and all(share.low > _BOUND for share in shares.values()),
        contradicted=any(share.high < _BOUND for share in shares.values()),
    )
    each = "; ".join(f"{condition} {share}" for condition, share in shares.items())
    reason = f"Share of clear pairs of rates at which play does what the eigenvalues say: {each or 'none'}."
    worst = min(shares.values(), key=lambda share: share.value, default=None)
    effect = Effect("smallest share that agrees", *worst) if worst else None
    return Finding(_CLAIM, "one point", Verdict(outcome, reason, effect), f"{len(agree):,} clear pairs")


def judge_cycles(outcomes: pl.DataFrame) -> Finding:
    """The rule on exponents."""
    exponents = {
        f"{arm}, {str(condition).partition(',')[0]}": _exponent(own)
        for (arm, condition), own in outcomes.group_by("arm", "condition", maintain_order=True)
    }
    outcome = decide(
        supported=all(each.low > 0.9 and each.high < 1.1 for each in exponents.values()),
        contradicted=any(each.high < 0.9 or each.low > 1.1 for each in exponents.values()),
    )
    each = "; ".join(f"{name} {exponent}" for name, exponent in exponents.items())
    rates = outcomes["lr_generator"].n_unique()
    return Finding(
        _CYCLE, "one point", Verdict(outcome, f"Distance grows as the rate to the power: {each}."),
        f"{rates} rates from 0.001 to 0.1",
    )  # fmt: skip


def _exponent(outcomes: pl.DataFrame) -> Interval:
    """Slope of log distance on log rate, with a bootstrap over the rates."""
    x, y = (np.log(np.maximum(outcomes[name].to_numpy(), 1e-300)) for name in ("lr_generator", "distance"))
    picks = np.random.default_rng(0).integers(len(x), size=(_RESAMPLES, len(x)))
    slopes = [float(np.polyfit(x[pick], y[pick], 1)[0]) for pick in picks if len(set(pick)) > 1]
    return interval_of(float(np.polyfit(x, y, 1)[0]), np.array(slopes), len(x))


_ONE_GAME = "There is one true point in one dimension, and one generated point of its mass."
_LESS = "Grids are 16 x 16 and runs 300 steps instead of 48 x 48 and 2,000."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(SweepDesign(_sweep(2, 30, 3), verdict), cut=(CUT_ALL,), decides=False),
        "small": Scale(SweepDesign(_sweep(16, 300, 16), verdict), cut=(_ONE_GAME, _LESS)),
        "paper": Scale(SweepDesign(_sweep(48, 2000, 48), verdict), cut=(_ONE_GAME,)),
    },
)
