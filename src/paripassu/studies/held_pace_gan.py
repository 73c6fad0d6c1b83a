"""Does an even pace let plain SGD's directions train a GAN on a ring of Gaussians?

Claim under test: C6, read as a cause: normalised steps train a GAN because discriminator and generator move
at the same pace (arXiv:2210.04319).

The study held-pace asks this of the synthetic framework. Here the game is the ring of eight Gaussians with
the networks and the loss of the study grafting, and rates that fall to zero linearly. Three arms have SGD's
directions at the paces 1/10, 1 and 10: the discriminator takes SGD's steps, and each generator step is
rescaled to the pace. SGDA and nSGDA play beside them, with equal rates for both players. Each arm chooses the
discriminator's rate out of four on two tuning seeds, by the mean overlap of the modes, and is judged on eight
fresh seeds. The overlap is the metric of the study grafting, and higher is better. Differences are paired by
seed and have bootstrap 95 % intervals.

*SGDA at pace 1 does what nSGDA does.* The number is nSGDA's overlap minus that of SGDA at pace 1. The rule
says nothing unless nSGDA's overlap is above SGDA's with its whole interval. *Supported* if the number is
below 0.05 with its whole interval, *contradicted* if it is above 0.05 with its whole interval.

*An even pace does better than an uneven one.* The number is the overlap of SGDA at pace 1 minus that at pace
1/10 and at pace 10. *Supported* if both are above zero with their whole intervals, *contradicted* if one is
below zero with its whole interval.

What is neither is *undecided*. The rules were fixed before the first run of a GAN at a fixed pace.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from paripassu.data import Ring
from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.models import MLP
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.study import fresh_seeds
from paripassu.protocol.sweeps import PlayedSweep, SeededCell, SweepDesign, Tables
from paripassu.records import RECORDS_FILE, Effect, Finding, Metric, Pace, Verdict
from paripassu.records.codec import read_records
from paripassu.rules import SGD, Normalize, Rule
from paripassu.train import Player, Run, train

OVERLAP = "overlap of modes"
NSGDA, SGDA, EVEN = "nSGDA", "SGDA", "SGDA at pace 1"
UNEVEN = ("SGDA at pace 0.1", "SGDA at pace 10")

_CONDITION = "ring of 8"
_MARGIN = 0.05
_RATES = (0.01, 0.032, 0.1, 0.32)


@dataclass(frozen=True)
class RingGan:
    """A training on the ring of eight Gaussians, in a folder that is gone afterwards.

    Args:
        rule: of both players.
        lr: of the discriminator, and of the generator without a pace.
        pace: that the generator follows, if any.
        steps: generator updates.
        samples: per measurement.
        width: of the networks.
    """

    rule: Rule
    lr: float
    pace: float | None = None
    steps: int = 1000
    samples: int = 2500
    width: int = 128

    def measure(self, seed: int) -> Mapping[str, float]:
        """The overlap of modes at the end, and the mean distance of the pace from 1 in decades."""
        player = Player(self.rule, self.lr)
        run = Run(
            Ring(),
            MLP(latent=2, width=self.width, depth=3),
            player,
            player,
            batch=256,
            decay="linear",
            steps=self.steps,
            seed=seed,
            eval_samples=self.samples,
            eval_every=self.steps,
            checkpoint_every=self.steps,
            probe_every=max(1, self.steps // 50),
            pace=self.pace,
        )
        with TemporaryDirectory() as folder:
            end = train(run, folder)
            records = list(read_records(Path(folder) / RECORDS_FILE))
        if end.outcome == "diverged":
            return {OVERLAP: math.nan, "pace gap": math.nan, "diverged_at": end.step}
        finals = {r.name: r.value for r in records if isinstance(r, Metric)}
        paces = np.array([r.value for r in records if isinstance(r, Pace)])
        gap = float(np.abs(np.log10(paces[np.isfinite(paces) & (paces > 0)])).mean())
        return {OVERLAP: finals[f"mode-overlap@{self.samples}"], "pace gap": gap, "diverged_at": math.inf}


def _sweep(base: RingGan, rates: Sequence[float], seeds: int, fresh: int) -> PlayedSweep:
    systems = {
        NSGDA: replace(base, rule=Normalize()),
        SGDA: base,
        **{f"SGDA at pace {pace:g}": replace(base, pace=pace) for pace in (0.1, 1.0, 10.0)},
    }
    tuning = {
        arm: [SeededCell(_CONDITION, arm, replace(system, lr=lr), range(seeds), "tuning") for lr in rates]
        for arm, system in systems.items()
    }

    def on_fresh_seeds(outcomes: pl.DataFrame) -> list[SeededCell]:
        return [
            replace(_best(cells, outcomes), seeds=fresh_seeds(fresh), part="fresh")
            for cells in tuning.values()
        ]

    cells = [cell for own in tuning.values() for cell in own]
    return PlayedSweep(cells, on_fresh_seeds, len(tuning) * fresh * base.steps)


def _best(cells: Sequence[SeededCell], outcomes: pl.DataFrame) -> SeededCell:
    """The first cell with the largest mean overlap; a run that diverged counts as minus infinity."""

    def mean(cell: SeededCell) -> float:
        own = outcomes.filter(arm=cell.arm, lr_all=cell.system.lr)[OVERLAP]
        return float(own.fill_nan(-math.inf).to_numpy().mean())

    return max(cells, key=mean)


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    del sweep
    fresh = tables.outcomes.filter(part="fresh")
    return Judgement([judge_same(fresh), judge_even(fresh)])


def judge_same(fresh: pl.DataFrame) -> Finding:
    """The rule on nSGDA and SGDA at pace 1, from outcomes on fresh seeds."""
    gain, gap = _lead(fresh, NSGDA, SGDA), _lead(fresh, NSGDA, EVEN)
    outcome = decide(
        supported=gain.low > 0 and gap.high < _MARGIN, contradicted=gain.low > 0 and gap.low > _MARGIN
    )
    reason = f"nSGDA's overlap of modes is {gap} above that of SGDA at pace 1, and {gain} above SGDA's."
    effect = Effect("nSGDA's overlap of modes minus that of SGDA at pace 1", *gap)
    return _finding("SGDA at pace 1 does what nSGDA does", fresh, Verdict(outcome, reason, effect))


def judge_even(fresh: pl.DataFrame) -> Finding:
    """The rule on SGDA at an even and an uneven pace, from outcomes on fresh seeds."""
    leads = {arm: _lead(fresh, EVEN, arm) for arm in UNEVEN}
    outcome = decide(
        supported=all(lead.low > 0 for lead in leads.values()),
        contradicted=any(lead.high < 0 for lead in leads.values()),
    )
    each = "; ".join(f"minus that of {arm} {lead}" for arm, lead in leads.items())
    worst, least = min(leads.items(), key=lambda item: item[1].value)
    effect = Effect(f"overlap of modes of SGDA at pace 1 minus that of {worst}", *least)
    reason = f"Overlap of modes of SGDA at pace 1 {each}."
    return _finding("An even pace does better than an uneven one", fresh, Verdict(outcome, reason, effect))


def _lead(fresh: pl.DataFrame, one: str, other: str) -> Interval:
    """Paired by seed; a run that diverged has no modes."""
    first, second = (
        fresh.filter(arm=arm).sort("seed")[OVERLAP].fill_nan(0.0).to_list() for arm in (one, other)
    )
    return bootstrap_interval(lambda a, b: a - b, first, second, paired=True)


def _finding(claim: str, fresh: pl.DataFrame, verdict: Verdict) -> Finding:
    return Finding(claim, _CONDITION, verdict, f"{fresh['seed'].n_unique()} fresh seeds an arm")


_ONE_GAME = "There is one game, points in the plane, without momentum."
_LESS = "Runs have 1,000 steps instead of 10,000, and arms 8 fresh seeds instead of 16."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(
            SweepDesign(_sweep(RingGan(SGD(), 0.1, steps=2, samples=50, width=8), (0.1,), 1, 2), verdict),
            cut=(CUT_ALL,),
            decides=False,
        ),
        "small": Scale(
            SweepDesign(_sweep(RingGan(SGD(), 0.1), _RATES, 2, 8), verdict), cut=(_ONE_GAME, _LESS)
        ),
        "paper": Scale(
            SweepDesign(_sweep(RingGan(SGD(), 0.1, steps=10_000), _RATES, 4, 16), verdict), cut=(_ONE_GAME,)
        ),
    },
)
