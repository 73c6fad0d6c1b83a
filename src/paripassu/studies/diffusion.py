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

Beyond the paper, a discriminator gets the same noise after its first layer, against a ring of eight
Gaussians. Adam and nSGDA choose one rate out of three without noise, on two tuning seeds, by the smallest
distance of the shares of modes to the data's. Games without noise, with fixed noise and with learned noise
then play at that rate on fresh seeds. *Supported* if learned noise lowers the distance against no noise,
seed by seed, under both rules with whole intervals; *contradicted* if it raises it under one; *undecided*
otherwise. The same is asked against fixed noise. These two rules were fixed before any such game was played.

A network that diverged counts with an accuracy of 0. A game that diverged counts with the largest distance
that any game by its rule has. The reason says how many did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from paripassu.data.digits import SIDE
from paripassu.evidence.by_seed import Estimated, lead
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.study import fresh_seeds
from paripassu.protocol.sweeps import Cell, PlayedSweep, SweepDesign, Tables, at_best_rate
from paripassu.records import Effect, Finding, Verdict
from paripassu.related.corruptions import CORRUPTIONS, SEVERITIES
from paripassu.related.diffusion import Diffusion, parts
from paripassu.related.diffusion_gan import DiffusionGan
from paripassu.rules import SGD, Adam, Normalize, Rule
from paripassu.theory import Problem, Trajectories

PLAIN, AUGMENTED, FIXED, LEARNED = "plain", "transformed", "fixed noise", "learned noise"
CODE = "learned noise, σ as in the code"
_BOTH = "learned noise, φ by both losses"
_RULES = {"scale": Adam(), "network": SGD(0.9)}
_RATES = ((1e-3, 0.02),)
_MARGIN = 0.02
DIGITS, NO_NOISE = "digits", "no noise"
GAMES: Mapping[str, tuple[Rule, tuple[float, ...]]] = {
    "ring, Adam": (Adam((0.5, 0.999)), (3e-3, 1e-2, 3e-2)),
    "ring, nSGDA": (Normalize(), (0.03, 0.1, 0.3)),
}

BETTER = "Learned noise is more robust than transformed images alone"
THAN_FIXED = "Learned noise is more robust than fixed noise"
KEPT = "Learned noise keeps clean accuracy"
NEARER = "Learned noise in a discriminator brings modes nearer to the data's"
THAN_FIXED_MODES = "Learned noise in a discriminator is better than fixed noise"


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


def measure_game(problem: Problem, paths: Trajectories) -> Mapping[str, ArrayLike]:
    """How the generator's samples fall on the modes, and g's mean output."""
    assert isinstance(problem, DiffusionGan)
    sigma = {"sigma": paths.observed["sigma"][:, -1]} if problem.noise == "learned" else {}
    return {**problem.quality(paths)._asdict(), **sigma}


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
    outcomes = tables.outcomes
    games = outcomes.filter((pl.col("condition") != DIGITS) & (pl.col("part") == "fresh"))
    return Judgement([*judge(outcomes.filter(condition=DIGITS)), *judge_games(games)])


def judge(outcomes: pl.DataFrame) -> list[Finding]:
    """All three findings."""
    robust, fixed, clean = (
        lead(outcomes, LEARNED, other, number, "higher", worst=0.0)
        for other, number in ((AUGMENTED, "corrupted"), (FIXED, "corrupted"), (AUGMENTED, "clean"))
    )
    return [
        _finding(BETTER, "accuracy on corrupted images", AUGMENTED, robust, 0.0),
        _finding(THAN_FIXED, "accuracy on corrupted images", FIXED, fixed, 0.0),
        _finding(KEPT, "accuracy on clean images", AUGMENTED, clean, -_MARGIN),
    ]


def judge_games(outcomes: pl.DataFrame) -> list[Finding]:
    """Both findings on discriminators, from outcomes on fresh seeds."""
    by_rule = dict(outcomes.group_by("condition", maintain_order=True))
    findings: list[Finding] = []
    for claim, other in ((NEARER, NO_NOISE), (THAN_FIXED_MODES, FIXED)):
        leads = {
            str(name): lead(own, LEARNED, other, "distance", "lower") for (name,), own in by_rule.items()
        }
        outcome = decide(
            supported=all(each.interval.high < 0 for each in leads.values()),
            contradicted=any(each.interval.low > 0 for each in leads.values()),
        )
        words = f"distance to the data's shares of modes with learned noise minus that with {other}"
        each = "; ".join(f"{name} {of_rule}" for name, of_rule in leads.items())
        name, worst = max(leads.items(), key=lambda item: item[1].interval.value)
        effect = Effect(f"{words}, {name}", *worst.interval)
        reason = f"{words[0].upper()}{words[1:]}: {each}."
        findings.append(Finding(claim, "ring", Verdict(outcome, reason, effect)))
    return findings


def _finding(claim: str, what: str, other: str, found: Estimated, bound: float) -> Finding:
    outcome = decide(supported=found.interval.low > bound, contradicted=found.interval.high < bound)
    words = f"{what} with learned noise minus that of {other!r}"
    reason = f"{words[0].upper()}{words[1:]}: {found}."
    return Finding(claim, "digits", Verdict(outcome, reason, Effect(words, *found.interval)))


def _scale(base: Diffusion, game: DiffusionGan, steps: int, rounds: int, seeds: int) -> SweepDesign:
    fresh = fresh_seeds(seeds)
    cells = [
        Cell(DIGITS, arm, problem, _RULES, _RATES, steps, fresh, measure, "alternating", record=(steps,))
        for arm, problem in arms(base).items()
    ]
    kinds = {kind: replace(game, noise=kind) for kind in ("none", "fixed", "learned")}
    tuned = [
        Cell(
            name, NO_NOISE, kinds["none"],
            {"scale": Adam(), "discriminator": rule, "generator": rule},
            tuple((_RATES[0][0], rate, rate) for rate in rates),
            rounds, range(2), measure_game, "alternating", record=(rounds,), part="tuning",
        )
        for name, (rule, rates) in GAMES.items()
    ]  # fmt: skip

    def then(outcomes: pl.DataFrame) -> Sequence[Cell]:
        return [
            at_best_rate(cell, outcomes, "distance", seeds, arm=arm, problem=kinds[kind])
            for cell in tuned
            for arm, kind in ((NO_NOISE, "none"), (FIXED, "fixed"), (LEARNED, "learned"))
        ]

    return SweepDesign(PlayedSweep([*cells, *tuned], then, 3 * len(GAMES) * seeds * rounds), verdict)


_SMOKE = (
    Diffusion(width=4, batch=4, per_class=1, blocks=1),
    DiffusionGan(examples=16, batch=4, width=4),
)
_LESS = (
    "A residual perceptron on digits of 8 x 8 stands for ResNet-18 on photographs. Eight Gaussians stand for "
    "images."
)
_SHORT = "Networks have 300 steps and games 500, with 8 seeds, instead of 3,000 and 5,000 with 32."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale(*_SMOKE, 3, 3, 2), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(Diffusion(), DiffusionGan(), 300, 500, 8), cut=(_LESS, _SHORT)),
        "paper": Scale(_scale(Diffusion(), DiffusionGan(), 3000, 5000, 32), cut=(_LESS,)),
    },
)
