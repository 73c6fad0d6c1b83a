"""Does noise whose size a network learns make a classifier more robust than transformed images alone?

Claim under test: noise between residual blocks, learned from transformed images, raises accuracy on corrupted
images and keeps that on clean ones (PDE+, arXiv:2305.15835).

A small residual perceptron learns 20 labelled digits of each class. Arms: plain training, transformed images
beside the images, these with fixed noise, and these with learned noise in both readings of σ. All arms have
the same rules and rates: momentum of 0.9 for the network, Adam for the scale. They are compared seed by seed
on 497 other digits, clean and with five corruptions of five severities each, without noise in the network.

The verdict rules were fixed before any run was compared. Two runs of learned noise had shown that the rate
trains. A comparison is *supported* if the mean accuracy over all
corruptions is higher, with its whole bootstrap interval over the seeds' differences. *Contradicted* if it is
lower with its whole interval. *Undecided* otherwise. Compared are learned noise (σ as a standard deviation)
with transformed images alone, and with fixed noise. Clean accuracy is *kept* if learned noise loses less
than 0.02 against transformed images alone, with its whole interval; *contradicted* if it loses more.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from paripassu.data.digits import SIDE
from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.study import fresh_seeds
from paripassu.protocol.sweeps import Cell, PlayedSweep, SweepDesign, Tables
from paripassu.records import Effect, Finding, Verdict
from paripassu.related.corruptions import CORRUPTIONS, SEVERITIES
from paripassu.related.diffusion import Diffusion, parts
from paripassu.rules import SGD, Adam
from paripassu.theory import Problem, Trajectories

PLAIN, AUGMENTED, FIXED, LEARNED = "plain", "transformed", "fixed noise", "learned noise"
CODE = "learned noise, σ as in the code"
_BOTH = "learned noise, φ by both losses"
_RULES = {"scale": Adam(), "network": SGD(0.9)}
_RATES = ((1e-3, 0.02),)
_MARGIN = 0.02

BETTER = "Learned noise is more robust than transformed images alone"
THAN_FIXED = "Learned noise is more robust than fixed noise"
KEPT = "Learned noise keeps clean accuracy"


def measure(problem: Problem, paths: Trajectories) -> Mapping[str, ArrayLike]:
    """Accuracy on clean and corrupted test images, and g's mean output."""
    assert isinstance(problem, Diffusion)
    images, labels = parts()[1]
    square = images.view(-1, SIDE, SIDE)
    rows: list[dict[str, float]] = []
    for run in range(len(paths.seeds)):
        weights = {
            player: tuple(torch.from_numpy(tensor[run]) for tensor in own)
            for player, own in paths.weights.items()
        }

        def accuracy(seen: Tensor, weights: dict[str, tuple[Tensor, ...]] = weights) -> float:
            known = problem.logits(weights, seen.reshape(-1, SIDE**2)).argmax(dim=1) == labels
            return float(known.double().mean())

        row = {"clean": accuracy(images)}
        for name, corrupt in CORRUPTIONS.items():
            rng = torch.Generator().manual_seed(0)  # the same damage for every network
            row[name] = float(np.mean([accuracy(corrupt(square, each, rng)) for each in SEVERITIES]))
        row["corrupted"] = float(np.mean([row[name] for name in CORRUPTIONS]))
        rows.append(row)
    alive = np.isinf(paths.diverged_at)
    numbers = {name: np.where(alive, [row[name] for row in rows], np.nan) for name in rows[0]}
    last = {name: values[:, -1] for name, values in paths.observed.items()}
    return {**numbers, **(last if problem.noise == "learned" else {"train_error": last["train_error"]})}


def arms(base: Diffusion) -> dict[str, Diffusion]:
    """Every problem by its arm."""
    return {
        PLAIN: replace(base, noise="none", augment=False),
        AUGMENTED: replace(base, noise="none"),
        FIXED: replace(base, noise="fixed"),
        LEARNED: base,
        CODE: replace(base, sigma_is="code"),
        _BOTH: replace(base, both=True),
    }


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    del sweep
    return Judgement(judge(tables.outcomes))


def judge(outcomes: pl.DataFrame) -> list[Finding]:
    """All three findings."""
    robust, fixed, clean = (
        _difference(outcomes, other, number)
        for other, number in ((AUGMENTED, "corrupted"), (FIXED, "corrupted"), (AUGMENTED, "clean"))
    )
    return [
        _finding(BETTER, "accuracy on corrupted images", AUGMENTED, robust, 0.0),
        _finding(THAN_FIXED, "accuracy on corrupted images", FIXED, fixed, 0.0),
        _finding(KEPT, "accuracy on clean images", AUGMENTED, clean, -_MARGIN),
    ]


def _difference(outcomes: pl.DataFrame, other: str, number: str) -> Interval:
    def of(arm: str) -> NDArray[np.float64]:
        return outcomes.filter(arm=arm).sort("seed")[number].to_numpy()

    return bootstrap_interval(lambda mean: mean, (of(LEARNED) - of(other)).tolist())


def _finding(claim: str, what: str, other: str, lead: Interval, bound: float) -> Finding:
    outcome = decide(supported=lead.low > bound, contradicted=lead.high < bound)
    words = f"{what} with learned noise minus that of {other!r}"
    reason = f"{words[0].upper()}{words[1:]}: {lead}."
    return Finding(claim, "digits", Verdict(outcome, reason, Effect(words, *lead)))


def _scale(base: Diffusion, steps: int, seeds: int) -> SweepDesign:
    fresh = fresh_seeds(seeds)
    cells = [
        Cell("digits", arm, problem, _RULES, _RATES, steps, fresh, measure, "alternating", record=(steps,))
        for arm, problem in arms(base).items()
    ]
    return SweepDesign(PlayedSweep(cells), verdict)


_LESS = "A residual perceptron on digits of 8 x 8 stands for ResNet-18 on photographs."
_SHORT = "Networks have 300 steps and 8 seeds instead of 3,000 and 32."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(
            _scale(Diffusion(width=4, batch=4, per_class=1, blocks=1), 3, 2),
            cut=(CUT_ALL,),
            decides=False,
        ),
        "small": Scale(_scale(Diffusion(), 300, 8), cut=(_LESS, _SHORT)),
        "paper": Scale(_scale(Diffusion(), 3000, 32), cut=(_LESS,)),
    },
)
