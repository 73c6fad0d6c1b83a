"""Does a discriminator that Adam trains look more at a frequency which no real image has than one by nSGDA?

Claim under test: Beyond the paper: what arXiv:2308.06703 says of classifiers, that adaptive methods use
irrelevant frequencies, holds for the discriminator of a GAN; and the cause is Adam's direction, not its
length.

Two perceptrons play a non-saturating GAN on scikit-learn's digits, from which the frequency (7, 1), the
rarest, is projected out. In one condition it is projected out of generated images too, so that nothing of it
ever reaches the discriminator. In the other the generator must learn to avoid it. Players move one after the
other, 32 images a step. Rates are those at which the studies of GANs on digits begin their search, the same
for both players. No arm has momentum.

The number is the share of the discriminator's slope along the frequency in the square of its whole slope, on
200 real images. It is 1/64 where slopes have no preference.

Adam against nSGDA. Under each condition the rule looks at the logarithm of the share, to base ten, of *adam*
less that of *nsgd layer*, paired by seed. *Supported* if it is above 0.3, a factor of two, with its whole
bootstrap 95 % interval. *Contradicted* if it is below 0.3 with its whole interval. Otherwise *undecided*.

The direction is the cause. This is the dissection's rule with a margin of 0.3, for the first condition alone.
*Supported* if the word is *direction* and Adam's raises the share. *Contradicted* if another word is decided,
or the sign is the other. Otherwise *undecided*. The rules were fixed before the first run.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paripassu.classifiers import DigitsGan
from paripassu.evidence.dissection import ADAM, DIRECTION, LENGTH, Column, dissect
from paripassu.evidence.dissection import SGD as SGD_ROW
from paripassu.evidence.intervals import bootstrap_interval
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.study import fresh_seeds
from paripassu.protocol.sweeps import Cell, DissectionSweep, SweepDesign, Tables
from paripassu.records import Effect, Finding, Verdict
from paripassu.rules import SGD, Adam, Graft, Normalize, Rule
from paripassu.studies.arms import ADAM as ADAM_ARM
from paripassu.studies.arms import ADAM_DIRECTION, ADAM_MAGNITUDE, NSGDA_LAYER, NSGDA_RMS, SGDA
from paripassu.studies.classifier_arms import harm, last
from paripassu.studies.games import DIGITS_WGAN_GP
from paripassu.theory import Problem, Trajectories

_ADAM = Adam((0.0, 0.9))
_NSGDA = "nsgd layer"
_RATES = DIGITS_WGAN_GP.centres
ARMS: dict[str, tuple[Rule, float]] = {
    ADAM: (_ADAM, _RATES[ADAM_ARM]),
    LENGTH: (Graft(_ADAM, SGD()), _RATES[ADAM_MAGNITUDE]),
    DIRECTION: (Graft(SGD(), _ADAM), _RATES[ADAM_DIRECTION]),
    SGD_ROW: (SGD(), _RATES[SGDA]),
    _NSGDA: (Normalize(scope="layer"), _RATES[NSGDA_LAYER]),
    "nsgd rms": (Normalize(scope="layer", unit="rms"), _RATES[NSGDA_RMS]),
}
_FACTOR = 0.3  # decades
_LACKED, _AVOIDED = "no image has the frequency", "generated images may have it"
COLUMNS = tuple(
    Column(
        f"share, {words}", "share of the frequency in the square of the discriminator's slope",
        words, "share", good=1 / 64, bad=1 / 16, margin=_FACTOR, log=True,
        study="discriminator-frequency",
    )
    for words in (_LACKED, _AVOIDED)
)  # fmt: skip


def measure(problem: Problem, paths: Trajectories) -> Mapping[str, NDArray[np.float64]]:
    """The share, and the frequency in generated images, at the end."""
    del problem
    return last(paths)


def verdict(sweep: DissectionSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    table = dissect(sweep.columns, tables.outcomes)
    findings = [judge_pair(column, tables.outcomes) for column in sweep.columns]
    lacked = sweep.columns[0]
    return Judgement([*findings, harm(lacked, table.effects[lacked.name])])


def judge_pair(column: Column, outcomes: pl.DataFrame) -> Finding:
    """Adam's share against nSGDA's under one condition.

    Args:
        column: of the condition.
        outcomes: of all runs.
    """
    own = outcomes.filter(condition=column.condition)
    rows = [column.effect_scale(own.filter(arm=arm)["share"].to_list()) for arm in (ADAM, _NSGDA)]
    lead = bootstrap_interval(lambda adam, nsgda: adam - nsgda, *rows, paired=True)
    outcome = decide(supported=lead.low > _FACTOR, contradicted=lead.high < _FACTOR)
    reason = f"Adam's share less nSGDA's, in decades: {lead}; {_FACTOR:g} counts."
    claim = "A discriminator that Adam trains looks more at the frequency than one by nSGDA"
    return Finding(claim, column.condition, Verdict(outcome, reason, Effect("lead in decades", *lead)))


def _scale(steps: int, seeds: int, width: int = 64) -> SweepDesign:
    fresh = fresh_seeds(seeds)
    cells = [
        Cell(
            condition, arm, DigitsGan(fakes_lack_it=condition == _LACKED, width=width), rule, (rate,), steps,
            fresh, measure, updates="alternating", record=(steps,), part="fresh",
        )
        for condition in (_LACKED, _AVOIDED)
        for arm, (rule, rate) in ARMS.items()
    ]  # fmt: skip
    return SweepDesign(DissectionSweep(cells, columns=COLUMNS), verdict)


_UNTUNED = "Perceptrons on digits of 8 x 8, at one pair of rates an arm, which is not tuned."
_SHORT = "Runs have 400 steps and 8 seeds instead of 10,000 and 32."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale(2, 2, 2), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(400, 8), cut=(_UNTUNED, _SHORT)),
        "paper": Scale(_scale(10_000, 32), cut=(_UNTUNED,)),
    },
)
