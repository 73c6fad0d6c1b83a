"""Is an even pace the reason why normalising recovers the modes of the synthetic framework?

Claim under test: C6, read as a cause: normalised steps recover the modes because discriminator and generator
move at the same pace (arXiv:2210.04319).

A player's relative step is the length of its step over the length of its weights. The pace is the
discriminator's relative step over the generator's. Two families of arms fix it, at seven paces from 1/10 to
10. *SGDA at a pace*: the discriminator takes SGD's steps, and the generator's step is rescaled so that the
pace is exact at every step. *Shares at a pace*: the discriminator's steps are a fixed share of the length of
its weights, along its gradient, and the generator's are rescaled in the same way. Directions are SGD's in
both. In the first family lengths fall with the discriminator's gradient, in the second they do not. nSGDA and
SGDA play beside them.

A run is a success if it has both modes: at some recorded step (*ever*), and at the last one (*at the end*).
Each arm's rate, or pair of rates, is chosen on 16 tuning seeds by the largest sum of both shares. The arms
are judged at that rate on 64 fresh seeds, at d = 1,000 and d = 100,000. Both questions are judged twice, by
each share.

*SGDA at pace 1 does what nSGDA does.* The number is nSGDA's share minus that of SGDA at pace 1, at each d at
which nSGDA's share is above 1/2 with its whole 95 % interval. Intervals of the difference are of 97.5 %.
*Supported* if the difference is below 1/4 with its whole interval at each such d. *Contradicted* if it is
above 1/4 with its whole interval at one. Otherwise *undecided*, also if there is no such d.

*With steps that do not vanish, an even pace does better than an uneven one.* The number is the share of
Shares at pace 1 minus that at each of the paces 1/10, 1/5, 5 and 10, at each d. Intervals are of 99 %, for
eight comparisons. *Supported* if all eight are above zero with their whole intervals. *Contradicted* if one
is below zero with its whole interval. Otherwise *undecided*. No rule judges the paces 1/2 and 2, which the
study pace would call even.

All intervals are Wilson's for shares and Newcombe's for their differences. With 64 seeds an arm, the second
rule sees a difference of 0.27 between two shares in about four of five studies. If all arms were equal, it
would contradict in at most 4 of 100 studies.

The rules and the number of seeds were fixed before the study's first run. The grids of rates were chosen
after a pilot on eight other seeds with 6,000 steps. The pilot had shown that SGDA at a fixed pace hardly ever
finds both modes at any rate, and that Shares find them at the paces 1 and 2, and at d = 100,000 also at 5.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from paripassu.evidence.intervals import Interval, difference, wilson
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.sweeps import FrameworkCell, PlayedSweep, SweepDesign, Tables, at_best_rate
from paripassu.protocol.sweeps.framework_cell import AT_END, EVER, MISSED
from paripassu.records import Effect, Finding, Verdict
from paripassu.theory import Framework
from paripassu.theory.collapse.simulate import Method

PACES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
UNEVEN = (0.1, 0.2, 5.0, 10.0)
NSGDA, SGDA = "nSGDA", "SGDA"
SAME = "SGDA at pace 1 does what nSGDA does"
EVEN = "With steps that do not vanish, an even pace does better than an uneven one"

_MARGIN = 0.25
_SHARES = {EVER: "both modes ever", AT_END: "both modes at the end"}


def at_pace(family: str, pace: float) -> str:
    """The name of an arm: ``"SGDA"`` or ``"Shares"`` at a pace."""
    return f"{family} at pace {pace:g}"


class _Rates(NamedTuple):
    """Learning rates of each kind of arm; with a pace of the discriminator alone."""

    sgda_at_pace: Sequence[float]
    shares: Sequence[float]
    nsgda: Sequence[tuple[float, float]]
    sgda: Sequence[tuple[float, float]]


def _pairs(lr_d: Sequence[float], lr_g: Sequence[float]) -> list[tuple[float, float]]:
    return [(d, g) for d in lr_d for g in lr_g]


_GRID = _Rates(
    (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4),
    (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3),
    _pairs((0.03, 0.1, 0.3, 1.0), (0.003, 0.01, 0.03, 0.1)),
    _pairs((0.03, 0.1, 0.3, 1.0, 3.0), (0.01, 0.1, 1.0, 10.0, 100.0)),
)
_SMALLEST = _Rates((1.0,), (0.003, 0.01), [(0.1, 0.01)], [(0.1, 0.01)])


def _sweep(
    dimensions: Sequence[int],
    rates: _Rates = _GRID,
    paces: Sequence[float] = PACES,
    *,
    steps: int,
    seeds: int,
    fresh: int,
) -> PlayedSweep:
    def cells(d: int) -> list[FrameworkCell]:
        name, game = f"d = {d:,}", Framework(d=d)

        def cell(
            arm: str,
            method: Method,
            rates: Sequence[float] | Sequence[tuple[float, float]],
            pace: float | None,
        ) -> FrameworkCell:
            return FrameworkCell(name, arm, game, method, rates, steps, range(seeds), pace, "tuning")

        return [
            *(cell(at_pace("SGDA", pace), "sgda", rates.sgda_at_pace, pace) for pace in paces),
            *(cell(at_pace("Shares", pace), "shares", rates.shares, pace) for pace in paces),
            cell(NSGDA, "nsgda", rates.nsgda, None),
            cell(SGDA, "sgda", rates.sgda, None),
        ]

    tuning = [cell for d in dimensions for cell in cells(d)]

    def on_fresh_seeds(outcomes: pl.DataFrame) -> list[FrameworkCell]:
        return [at_best_rate(cell, outcomes, MISSED, fresh) for cell in tuning]

    return PlayedSweep(tuning, on_fresh_seeds, len(tuning) * fresh * steps)


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring, each by both shares."""
    del sweep
    fresh = tables.outcomes.filter(part="fresh")
    return Judgement([rule(fresh, share) for rule in (judge_same, judge_even) for share in _SHARES])


def judge_same(fresh: pl.DataFrame, share: str) -> Finding:
    """The rule on nSGDA and SGDA at pace 1.

    Args:
        fresh: outcomes on fresh seeds.
        share: name of the column that is judged.
    """
    gaps: dict[str, Interval] = {}
    seen: list[str] = []
    for condition, hits in _hits(fresh, share).items():
        (ours, runs), (paced, _) = hits[NSGDA], hits[at_pace("SGDA", 1.0)]
        best = max((arm for arm in hits if arm.startswith("SGDA at")), key=lambda arm: hits[arm][0])
        seen.append(
            f"{condition}: nSGDA {ours}, SGDA at pace 1 {paced}, SGDA {hits[SGDA][0]} of {runs} seeds, and "
            f"{hits[best][0]} at the best of all paces"
        )
        if wilson(ours, runs).low > 0.5:
            gaps[condition] = _lead(hits, NSGDA, at_pace("SGDA", 1.0), 0.975)
    outcome = decide(
        supported=bool(gaps) and all(gap.high < _MARGIN for gap in gaps.values()),
        contradicted=any(gap.low > _MARGIN for gap in gaps.values()),
    )
    largest = max(gaps.values(), key=lambda gap: gap.value, default=None)
    effect = Effect("nSGDA's share minus that of SGDA at pace 1", *largest) if largest else None
    return _finding(SAME, share, fresh, Verdict(outcome, f"{'. '.join(seen)}.", effect))


def judge_even(fresh: pl.DataFrame, share: str) -> Finding:
    """The rule on Shares at an even and an uneven pace.

    Args:
        fresh: outcomes on fresh seeds.
        share: name of the column that is judged.
    """
    leads: dict[str, Interval] = {}
    seen: list[str] = []
    for condition, hits in _hits(fresh, share).items():
        own = {arm: of for arm, of in hits.items() if arm.startswith("Shares")}
        each = ", ".join(f"{count} at {arm.rpartition(' ')[2]}" for arm, (count, _) in own.items())
        seen.append(f"{condition}, seeds by pace: {each}")
        for pace in UNEVEN:
            if at_pace("Shares", pace) in own:
                lead = _lead(hits, at_pace("Shares", 1.0), at_pace("Shares", pace), 0.99)
                leads[f"{condition}, pace {pace:g}"] = lead
    outcome = decide(
        supported=bool(leads) and all(lead.low > 0 for lead in leads.values()),
        contradicted=any(lead.high < 0 for lead in leads.values()),
    )
    where, least = min(leads.items(), key=lambda item: item[1].value)
    effect = Effect(f"share at pace 1 minus that at {where}", *least)
    return _finding(EVEN, share, fresh, Verdict(outcome, f"{'. '.join(seen)}.", effect))


def _hits(fresh: pl.DataFrame, share: str) -> Mapping[str, Mapping[str, tuple[int, int]]]:
    """By condition and arm: how many runs have a 1 in the column, and how many runs there are."""
    hits: dict[str, dict[str, tuple[int, int]]] = {}
    for (condition, arm), own in fresh.group_by("condition", "arm", maintain_order=True):
        hits.setdefault(str(condition), {})[str(arm)] = int(own[share].sum()), len(own)
    return hits


def _lead(hits: Mapping[str, tuple[int, int]], one: str, other: str, level: float) -> Interval:
    return difference(wilson(*hits[one], level), wilson(*hits[other], level))


def _finding(claim: str, share: str, fresh: pl.DataFrame, verdict: Verdict) -> Finding:
    return Finding(claim, _SHARES[share], verdict, f"{fresh['seed'].n_unique()} fresh seeds an arm")


_ONE_GAME = (
    "There is one game: two modes that overlap by 0.1, ten discriminator and eight generator neurons, both "
    "players step at once, rates never decay, expectations are exact."
)
_LESS = "Runs have 10,000 steps instead of 60,000, and arms 64 fresh seeds instead of 256."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(
            SweepDesign(_sweep((1000,), _SMALLEST, (1.0, 10.0), steps=30, seeds=2, fresh=2), verdict),
            cut=(CUT_ALL,),
            decides=False,
        ),
        "small": Scale(
            SweepDesign(_sweep((1000, 100_000), steps=10_000, seeds=16, fresh=64), verdict),
            cut=(_ONE_GAME, _LESS),
        ),
        "paper": Scale(
            SweepDesign(_sweep((1000, 10_000, 100_000), steps=60_000, seeds=32, fresh=256), verdict),
            cut=(_ONE_GAME,),
        ),
    },
)
