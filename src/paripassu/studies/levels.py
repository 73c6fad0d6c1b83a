"""Which levels make an agent good on levels that it never saw, and does their sampler help a discriminator?

Claim under test: sampling levels by the loss of their values narrows the gap between the levels of a data set
and unseen ones; the gap goes with the mutual information of levels and features; randomised levels transfer
badly; levels between given ones, replayed by priority, transfer best (DRED, arXiv:2402.03479).

An actor-critic plays grids of 5 x 5 cells. Moss says on which side the goal is, which is seen from beside it
alone. Four arms have the same data set of 64 levels, the same 512 unseen levels and the same number of
updates, seed by seed: uniform, prioritised, randomised, and data-regularised levels. Returns are discounted
and exact. *Shift* is the divergence of the levels that were learned from, from the law of the data set.

What transfers to GANs is asked beside it. The same sampler draws a discriminator's real examples by its loss
on them. Two of the data's eight modes have 2 % each. Adam, nSGDA and SGDA choose one rate out of three with
uniform draws, on two tuning seeds, by the smallest distance of the modes' shares. Both ways to draw then play
at that rate on fresh seeds.

The rules below were fixed before arms were compared. One seed of uniform levels had been seen, and one of the
GAN with uniform draws at a few rates, to see that they train. Comparisons are seed by seed,
with bootstrap intervals of the mean difference.

- *Narrows*: supported if the gap of uniform levels minus that of prioritised ones is above 0 with its whole
  interval; contradicted if it is below.
- *Transfers badly*: the same for the return on unseen levels, uniform minus randomised.
- *Best*: supported if the return on unseen levels, data-regularised minus each of the other three, is above 0
  with all three whole intervals; contradicted if it is below with one.
- *Information*: supported if the correlation of information and gap over all runs of the four arms is above 0
  with its whole interval over seeds; contradicted if it is below.
- *Rare modes*, *modes*: supported if priorities raise the share of rare modes, or lower the distance of the
  shares of all modes to the data's, under all three rules with whole intervals; contradicted if they do the
  opposite under one.

What is neither is *undecided*. In a difference, a run that diverged counts as the worst value that any run
under its condition has. The correlation is undecided if a run diverged. The reason says how many did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from paripassu.evidence.by_seed import Estimated, lead, of_arm
from paripassu.evidence.intervals import interval_of, resampled_indices
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.study import fresh_seeds
from paripassu.protocol.sweeps import Cell, PlayedSweep, SeededCell, SweepDesign, Tables, at_best_rate
from paripassu.records import Effect, Finding, Verdict
from paripassu.related.level_generator import LevelGenerator
from paripassu.related.levels import LevelLearning
from paripassu.related.prioritised_gan import PrioritisedGan
from paripassu.rules import SGD, Adam, Normalize, Rule
from paripassu.theory import Problem, Trajectories

LEVELS = "levels"
UNIFORM, PRIORITISED, RANDOMISED, REGULARISED = "uniform", "prioritised", "randomised", "data-regularised"
RULES: Mapping[str, tuple[Rule, tuple[float, ...]]] = {
    "Adam": (Adam((0.5, 0.999)), (3e-3, 1e-2, 3e-2)),
    "nSGDA": (Normalize(), (0.03, 0.1, 0.3)),
    "SGDA": (SGD(), (0.1, 0.3, 1.0)),
}

NARROWS = "Prioritised levels narrow the gap between known and unseen levels"
BADLY = "Randomised levels transfer worse than the data set's"
BEST = "Data-regularised levels transfer best"
INFORMS = "Runs whose features know their level better have a larger gap"
RARE = "Priorities raise a GAN's share of rare modes"
MODES = "Priorities bring a GAN's modes nearer to the data's"


def arms(base: LevelLearning) -> dict[str, LevelLearning]:
    """Every way to choose levels, by its arm."""
    return {
        UNIFORM: replace(base, kind="uniform"),
        PRIORITISED: replace(base, kind="prioritised"),
        RANDOMISED: replace(base, kind="randomised"),
        REGULARISED: replace(base, kind="regularised"),
    }


def measure(problem: Problem, paths: Trajectories) -> Mapping[str, ArrayLike]:
    """How the generator's samples fall on the modes, and rare modes among high losses at the end."""
    assert isinstance(problem, PrioritisedGan)
    return {**problem.quality(paths)._asdict(), "top": paths.observed["top"][:, -1]}


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    del sweep
    return Judgement(judge(tables.outcomes.filter(part="fresh")))


def judge(outcomes: pl.DataFrame) -> list[Finding]:
    """All six findings, from outcomes on fresh seeds."""
    levels = outcomes.filter(condition=LEVELS)
    best = {
        arm: lead(levels, REGULARISED, arm, "unseen", "higher") for arm in (UNIFORM, PRIORITISED, RANDOMISED)
    }
    by_rule = {
        str(condition): own
        for (condition,), own in outcomes.filter(pl.col("condition") != LEVELS).group_by(
            "condition", maintain_order=True
        )
    }
    rare = {name: lead(own, PRIORITISED, UNIFORM, "rare", "higher") for name, own in by_rule.items()}
    nearer = {name: lead(own, UNIFORM, PRIORITISED, "distance", "lower") for name, own in by_rule.items()}
    gaps = {"all seeds": lead(levels, UNIFORM, PRIORITISED, "gap", "lower")}
    unseen = {"all seeds": lead(levels, UNIFORM, RANDOMISED, "unseen", "higher")}
    return [
        _finding(NARROWS, LEVELS, "gap of uniform levels minus that of prioritised ones", gaps),
        _finding(BADLY, LEVELS, "return on unseen levels, uniform minus randomised", unseen),
        _finding(BEST, LEVELS, "return on unseen levels, data-regularised minus another", best),
        _finding(INFORMS, LEVELS, "correlation of information and gap", {"all runs": _correlation(levels)}),
        _finding(RARE, "ring", "share of rare modes over the data's, prioritised minus uniform", rare),
        _finding(MODES, "ring", "distance to the data's shares, uniform minus prioritised", nearer),
    ]


def _correlation(levels: pl.DataFrame) -> Estimated:
    """Of information and gap over all arms' runs; seeds are resampled for all arms together.

    It is NaN if a run diverged, which has no features whose information could count.
    """
    names = (UNIFORM, PRIORITISED, RANDOMISED, REGULARISED)
    known, gaps = (
        np.stack([of_arm(levels, arm, number) for arm in names]) for number in ("information", "gap")
    )

    def correlation(places: NDArray[np.int64]) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.corrcoef(known[:, places].ravel(), gaps[:, places].ravel())[0, 1])

    seeds = known.shape[1]
    resampled = np.array([correlation(places) for places in resampled_indices(seeds, 2000)])
    interval = interval_of(correlation(np.arange(seeds)), resampled, seeds)
    return Estimated(interval, gaps.size, int((np.isnan(gaps) | np.isnan(known)).sum()))


def _finding(claim: str, where: str, what: str, effects: Mapping[str, Estimated]) -> Finding:
    """Supported if all effects are above 0 with their whole intervals, contradicted if one is below."""
    outcome = decide(
        supported=all(each.interval.low > 0 for each in effects.values()),
        contradicted=any(each.interval.high < 0 for each in effects.values()),
    )
    reason = f"{what[0].upper()}{what[1:]}: " + "; ".join(f"{name} {each}" for name, each in effects.items())
    name, least = min(effects.items(), key=lambda item: item[1].interval.value)
    return Finding(claim, where, Verdict(outcome, f"{reason}.", Effect(f"{what}, {name}", *least.interval)))


def _scale(base: LevelLearning, gan: PrioritisedGan, steps: int, seeds: int) -> SweepDesign:
    levels = [
        SeededCell(LEVELS, arm, system, fresh_seeds(seeds), "fresh") for arm, system in arms(base).items()
    ]
    tuned = [
        Cell(
            f"ring, {name}", UNIFORM, replace(gan, uniform=1.0), *RULES[name], steps, range(2), measure,
            "alternating", record=(steps,), part="tuning",
        )
        for name in RULES
    ]  # fmt: skip

    def then(outcomes: pl.DataFrame) -> Sequence[Cell]:
        return [
            at_best_rate(cell, outcomes, "distance", seeds, arm=arm, problem=problem)
            for cell in tuned
            for arm, problem in ((UNIFORM, cell.problem), (PRIORITISED, gan))
        ]

    more = 2 * len(RULES) * seeds * steps
    return SweepDesign(PlayedSweep([*levels, *tuned], then, more), verdict)


_SMOKE = (
    LevelLearning(
        updates=2, dataset=4, unseen=4, generated=4, width=4, horizon=4,
        generator=LevelGenerator(latent=2, width=4, steps=2),
    ),
    PrioritisedGan(examples=16, batch=4, width=4),
)  # fmt: skip
_LESS = (
    "Grids of 5 x 5, an agent without memory and one step of Adam on 36 levels stand for grids of 15 x 15, "
    "an LSTM and PPO; eight Gaussians stand for images."
)
_SHORT = "Agents have 400 updates and GANs 500 steps with 8 seeds instead of 4,000 and 5,000 with 32."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale(*_SMOKE, 2, 2), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(LevelLearning(), PrioritisedGan(), 500, 8), cut=(_LESS, _SHORT)),
        "paper": Scale(_scale(LevelLearning(updates=4000), PrioritisedGan(), 5000, 32), cut=(_LESS,)),
    },
)
