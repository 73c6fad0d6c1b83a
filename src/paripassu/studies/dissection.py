"""Which half of Adam does what, on each phenomenon that the literature of adaptive methods knows?

Claim under test: Beyond the paper: on robustness and generalisation Adam's direction does the harm, while in
games its magnitude does the good.

Each column is a phenomenon at the smallest size that decides it, and each row a rule. The halves of Adam and
SGD are joined in every way: ``adam length`` is Adam's magnitude on SGD's direction, ``adam direction`` the
reverse. On most columns every rule plays several learning rates on two tuning seeds. The best by a criterion
there (the error on training data, or the column's own number) is then played on fresh seeds. The other
columns have no rate to choose.

A column's word follows from the two effects of swapping a half, over the four rows of halves, paired by seed.
*Direction* if the direction's effect is beyond the column's margin and the magnitude's within it, each with
its whole bootstrap 95 % interval; *magnitude* the reverse; *both* and *neither* accordingly; otherwise
*undecided*. A run that diverged counts as bad.

The claim is judged for each column whose half was predicted: direction for irrelevant frequencies and for
memorised noise, magnitude for the modes of the framework. *Supported* if the word is the prediction,
*contradicted* if it is another decided word, otherwise *undecided*. Columns without a prediction have no
verdict.

``ring``, ``digits`` and ``CIFAR-10`` are GANs without momentum and take hours. They are read from the study
grafting where its folder is beside: the share of Adam's result on fresh seeds, for a distance Adam's over the
rule's. The page lists the cells that are missing. They have a word and no verdict, because grafting has its
own. ``clipped`` is SGD whose updates are at most as long as the player's weights. In the columns that are no
GANs each player is one tensor, so that one norm a player and one a tensor are the same.

The predictions are older than any run. The rule was written when the results of the studies that the columns
name were known. One of them left ``adam direction`` undecided on memorised noise, because 150 steps were just
enough to fit, so runs have 400 here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from paripassu.evidence.dissection import DIRECTION, HALVES, LENGTH, dissect
from paripassu.evidence.dissection import SGD as SGD_ROW
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.study import FIRST_CONFIRMATION_SEED
from paripassu.protocol.sweeps import Cell, DissectionSweep, Measure, SweepDesign, Tables, TunedCells
from paripassu.protocol.sweeps.played import Rate
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Clip, Graft, MaxVA, Normalize, RMSprop, Rule, Sign
from paripassu.studies import frequencies, kernel_game, patches
from paripassu.studies.dissection_columns import (
    COLUMNS,
    FREQUENCY,
    MODES,
    NOISE,
    FallsOnce,
    measure_excess,
    measure_fixed_point,
    measure_floor,
    measure_modes,
)
from paripassu.theory import (
    CollapseGame,
    Framework,
    Frequencies,
    KernelGame,
    NoisyQuadratic,
    Patches,
    Problem,
    Rayleigh,
    TwoPoint,
)

Arms = Mapping[str, tuple[Rule, Sequence[Rate]]]

_FIRST = FIRST_CONFIRMATION_SEED
_EPS = 1e-12  # far below the gradients of these games
_ADAM = Adam((0.0, 0.9), _EPS)
_IN_ADAMS_UNIT = Normalize(scope="layer", unit="rms")  # `NSGD`'s own rule

# Learning rates in the unit of a rule's updates: a step's length, Adam's size of an element, a gradient.
_Unit = tuple[Sequence[Rate], Sequence[Rate], Sequence[Rate]]


def _arms(unit: _Unit, adam: Adam = _ADAM) -> dict[str, tuple[Rule, Sequence[Rate]]]:
    """Every row at rates in its own unit. Rules with momentum 0.9 take a tenth."""
    length, element, gradient = unit
    slower = [tuple(rate / 10 for rate in r) if isinstance(r, tuple) else r / 10 for r in gradient]
    return {
        "adam": (adam, element),
        LENGTH: (Graft(adam, SGD()), element),
        DIRECTION: (Graft(SGD(), adam), gradient),
        SGD_ROW: (SGD(), gradient),
        "momentum": (SGD(0.9), slower),
        "nsgd": (Normalize(), length),
        "nsgd momentum": (Normalize(SGD(0.9)), length),
        "nsgd rms": (_IN_ADAMS_UNIT, element),
        "maxva": (MaxVA((0.0, 0.999), eps=adam.eps), element),
        "sign": (Sign(), element),
        "clipped": (Clip(), gradient),
        "rmsprop": (RMSprop(0.9, _EPS), element),
    }


_PREDICTED = {FREQUENCY: "direction", NOISE: "direction", MODES: "magnitude"}


def _phenomena(size: float, seeds: int) -> tuple[list[Cell], list[TunedCells]]:
    """Cells without a rate to choose, and the phenomena with one."""

    def steps(count: int) -> int:
        return max(10, round(count * size))

    def tuning(
        condition: str, problem: Problem, arms: Arms, count: int, measure: Measure,
        record: Sequence[int] | None = None,
    ) -> list[Cell]:  # fmt: skip
        return [
            Cell(condition, arm, problem, rule, tuple(rates), steps(count), range(2), measure, part="tuning",
                 record=record or (steps(count),))
            for arm, (rule, rates) in arms.items()
        ]  # fmt: skip

    known = {"nsgd momentum": Normalize(SGD(0.9)), "nsgd rms": _IN_ADAMS_UNIT, "sign": Sign(),
             "clipped": Clip()}  # fmt: skip

    def with_more(arms: Arms, maxva: MaxVA) -> dict[str, tuple[Rule, Sequence[Rate]]]:
        """A study's arms and the rows that it lacks."""
        rates = {"nsgd momentum": arms["nsgd"][1], "nsgd rms": arms["adam"][1], "sign": arms["sign"][1],
                 "clipped": arms["sgd"][1]}  # fmt: skip
        more = {name: (rule, rates[name]) for name, rule in known.items()}
        return {**arms, **more, "maxva": (maxva, arms["adam"][1])}

    small = Patches(n=40, d=1 + 40 * 30, s=30, m=16, supports="disjoint", tests=500)
    of_frequencies = with_more(frequencies.ARMS, MaxVA())
    of_patches = with_more(patches.ARMS, MaxVA(eps=_EPS))
    coin = NoisyQuadratic(TwoPoint(0.0, 1.0, p=0.3), d=10, initial=0.3)
    end = steps(2000)
    of_coin = _arms(([0.02], [0.02], [0.02]))
    on_coin = [
        Cell("coin", arm, coin, rule, rates, end, range(_FIRST, _FIRST + 4 * seeds), measure_fixed_point,
             record=range(end // 2, end + 1, max(1, end // 100)))
        for arm, (rule, rates) in of_coin.items()
    ]  # fmt: skip
    half = steps(900)
    late = range(half - half // 3, half + 1, max(1, half // 300))
    on_floor = [
        Cell("falling rate", arm, coin, rule, rates, 2 * half, range(_FIRST, _FIRST + 4 * seeds),
             measure_floor, record=[*late, *(half + step for step in late)], schedule=FallsOnce(half))
        for arm, (rule, rates) in _arms(([0.2], [0.2], [0.2])).items()
    ]  # fmt: skip
    grid = [(float(d), float(g)) for d in np.geomspace(0.03, 1.9, 10) for g in np.geomspace(0.03, 4.0, 10)]
    rest = steps(200)
    on_kernel = [
        Cell("kernel game", arm, KernelGame(), rule, grid, rest, (0,), kernel_game.measure_at_once,
             record=range(rest // 3, rest + 1))
        for arm, (rule, _) in of_coin.items()
    ]  # fmt: skip

    spectrum = tuple(np.linspace(0.0, 1.0, 20).tolist())
    scale_rates = [0.003, 0.01, 0.03, 0.1, 0.3]
    last = steps(2000)
    scaled = TunedCells(
        tuning("scales", Rayleigh(spectrum, noise=0.5), _arms((scale_rates, scale_rates, scale_rates)), 2000,
               measure_excess, record=range(last - last // 10, last + 1)),
        "excess", seeds, Rayleigh(spectrum, norm=100.0, scale=100.0, noise=0.5),
    )  # fmt: skip
    pairs = [(0.1, 0.01), (0.3, 0.03), (1.0, 0.01), (1.0, 0.1)]
    by_element = [(d / 30, g / 30) for d, g in pairs]  # of about 1,000 weights a player
    by_gradient = [(1.0, 1.0), (10.0, 1.0), (10.0, 100.0), (100.0, 100.0), (10.0, 1e4)]
    modes = TunedCells(
        tuning("modes", CollapseGame(Framework(d=100)), _arms((pairs, by_element, by_gradient)), 2000,
               measure_modes, record=range(0, steps(2000) + 1, max(1, steps(2000) // 20))),
        "missing", seeds,
    )  # fmt: skip
    return [*on_coin, *on_floor, *on_kernel], [
        TunedCells(
            tuning("frequencies", Frequencies(samples=5000), of_frequencies, 3000, frequencies.measure),
            "risk", seeds,
        ),
        TunedCells(tuning("patches", small, of_patches, 400, patches.measure), "train_error", seeds),
        scaled,
        modes,
    ]  # fmt: skip


def _scale(size: float, seeds: int, *, halves_alone: bool = False) -> SweepDesign:
    cells, phenomena = _phenomena(size, seeds)
    if halves_alone:
        cells = _of_halves(cells)
        phenomena = [replace(each, tuning=_of_halves(each.tuning)) for each in phenomena]
    tuned = [cell for each in phenomena for cell in each.tuning]

    def then(outcomes: pl.DataFrame) -> list[Cell]:
        return [cell for each in phenomena for cell in each.fresh(outcomes)]

    more = sum(seeds * cell.steps for cell in tuned)
    return SweepDesign(DissectionSweep([*tuned, *cells], then, more, COLUMNS), verdict)


def _of_halves(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.arm in HALVES]


def verdict(sweep: DissectionSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    table = dissect(sweep.columns, tables.outcomes)
    findings: list[Finding] = []
    for column in sweep.columns:
        effects = table.effects[column.name]
        predicted = _PREDICTED.get(column.name)
        if predicted is None:
            continue
        outcome = decide(
            supported=effects.half == predicted,
            contradicted=effects.half not in (predicted, "undecided"),
        )
        unit = "decades of " if column.log else ""
        reason = (
            f"The word is {effects.half}, predicted was {predicted}. Swapping the direction changes {unit}"
            f"the number by {effects.direction}, swapping the magnitude by {effects.magnitude}; "
            f"{column.margin:g} counts."
        )
        own = effects.direction if predicted == "direction" else effects.magnitude
        findings.append(
            Finding(
                f"Adam's {predicted} does it", column.name,
                Verdict(outcome, reason, Effect(f"effect of the {predicted}", *own)),
            )
        )  # fmt: skip
    return Judgement(findings)


_SIZES = (
    "Every column is at the smallest size that decides it. The studies that the columns name play them at "
    "more sizes. Its columns on GANs are another study's, which takes hours."
)

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale(0.01, 2, halves_alone=True), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(1.0, 8), cut=(_SIZES,)),
        "paper": Scale(_scale(4.0, 32), cut=(_SIZES,)),
    },
)
