"""Does a term for the spread of a batch make a GAN on latents more diverse, and what does nSGDA do with it?

Claim under test: a GAN on an autoencoder's latents makes better spectral images than one on the spectra, and
a term R for the deviation over the batch raises the diversity of its samples (LD-GAN, arXiv:2305.00132).

R's gradient by the samples has constant length, so a fixed weight λ pushes the samples apart with constant
strength under plain gradient descent. The rest of the generator's gradient changes its length over training.
A rule that normalises the sum gives R whatever share of the sum it has. That share is measured.

Adam with (0.5, 0.999) and nSGDA choose one rate out of three on two tuning seeds, by the smallest Fréchet
distance: once for the GAN on spectra and once for the GAN on latents without the term. All arms on latents
then play at that rate on fresh seeds. Arms are compared seed by seed. Distances are on 16 principal
components of spectral images, as a share of the data's variance there; diversity is R of the decoded samples
over R of the data. The rules below were fixed before the study's first run. One seed under Adam at three
rates had been seen, with 600 steps.

- *Latents are better*: supported if the distance of the GAN on spectra is larger under both rules, with the
  whole bootstrap interval of the ratio's logarithm; contradicted if it is smaller under one.
- *The term raises diversity*: supported if λ = 10 raises diversity above that of λ = 0 under both rules, with
  its whole interval; contradicted if it lowers it under one.
- *R's share drifts*: supported if λR's share of the gradient by the samples, at λ = 10, changes by more than
  a factor of two from the first step to the last under both rules, with its whole interval; contradicted if
  it changes by less under one.

What is neither is *undecided*.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.models import Autoencoder
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study, decide
from paripassu.protocol.sweeps import Cell, PlayedSweep, SweepDesign, Tables, at_best_rate
from paripassu.records import Effect, Finding, Verdict
from paripassu.related.latent_gan import LatentGan
from paripassu.rules import Adam, Normalize, Rule
from paripassu.theory import Problem, Trajectories

RULES: dict[str, tuple[Rule, tuple[float, ...]]] = {
    "Adam": (Adam((0.5, 0.999)), (1e-3, 3e-3, 1e-2)),
    "nSGDA": (Normalize(), (0.03, 0.1, 0.3)),
}
SPECTRA, NO_TERM, MOST = "spectra", "λ = 0", "λ = 10"
_CODER_WEIGHT = 1e-3  # in the name of one of the authors' checkpoints

BETTER = "A GAN on latents is closer to the data than one on spectra"
DIVERSE = "The deviation term raises diversity"
DRIFTS = "The term's share of the gradient drifts by more than a factor of two"


def measure(problem: Problem, paths: Trajectories) -> Mapping[str, ArrayLike]:
    """Quality of final samples, the samples' deviation, and λR's shares at the first and last step."""
    assert isinstance(problem, LatentGan)
    quality = problem.quality(paths)
    numbers: dict[str, ArrayLike] = {"distance": quality.distance, "diversity": quality.diversity}
    if problem.weight:
        for by in ("samples", "weights"):
            shares = paths.observed[f"share by {by}"]
            numbers |= {f"share by {by}, first": shares[:, 0], f"share by {by}, last": shares[:, -1]}
    return numbers


def arms(base: LatentGan) -> dict[str, LatentGan]:
    """Every problem by its arm."""
    return {
        SPECTRA: replace(base, space="spectra"),
        NO_TERM: base,
        "λ = 0.001": replace(base, weight=1e-3),
        "λ = 1": replace(base, weight=1.0),
        MOST: replace(base, weight=10.0),
        "autoencoder's R raised": replace(base, coder_weight=_CODER_WEIGHT),
        "autoencoder's R lowered": replace(base, coder_weight=_CODER_WEIGHT, coder_variance="min"),
    }


def verdict(sweep: PlayedSweep, tables: Tables) -> Judgement:
    """The rules in this module's docstring."""
    del sweep
    return Judgement(judge(tables.outcomes.filter(part="fresh")))


def judge(fresh: pl.DataFrame) -> list[Finding]:
    """All three findings, from outcomes on fresh seeds."""

    def log_ratio(own: pl.DataFrame) -> NDArray[np.float64]:
        return np.log(_of(own, SPECTRA, "distance")) - np.log(_of(own, NO_TERM, "distance"))

    def gain(own: pl.DataFrame) -> NDArray[np.float64]:
        return _of(own, MOST, "diversity") - _of(own, NO_TERM, "diversity")

    def drift(own: pl.DataFrame) -> NDArray[np.float64]:
        shares = [_of(own, MOST, f"share by samples, {when}") for when in ("last", "first")]
        return np.log2(shares[0]) - np.log2(shares[1])

    by_drift = _intervals(fresh, drift)
    return [
        _signed(BETTER, "logarithm of spectra's distance over latents'", _intervals(fresh, log_ratio)),
        _signed(DIVERSE, "diversity at λ = 10 minus that at λ = 0", _intervals(fresh, gain)),
        _finding(
            DRIFTS,
            "share at the last step over the first, as a power of two",
            by_drift,
            supported=all(each.low > 1 or each.high < -1 for each in by_drift.values()),
            contradicted=any(each.low > -1 and each.high < 1 for each in by_drift.values()),
        ),
    ]


def _of(own: pl.DataFrame, arm: str, number: str) -> NDArray[np.float64]:
    return own.filter(arm=arm).sort("seed")[number].to_numpy()


def _intervals(
    fresh: pl.DataFrame, numbers: Callable[[pl.DataFrame], NDArray[np.float64]]
) -> dict[str, Interval]:
    return {
        str(rule): bootstrap_interval(lambda mean: mean, numbers(own).tolist())
        for (rule,), own in fresh.group_by("condition", maintain_order=True)
    }


def _signed(claim: str, what: str, effects: Mapping[str, Interval]) -> Finding:
    supported = all(each.low > 0 for each in effects.values())
    contradicted = any(each.high < 0 for each in effects.values())
    return _finding(claim, what, effects, supported=supported, contradicted=contradicted)


def _finding(
    claim: str, what: str, effects: Mapping[str, Interval], *, supported: bool, contradicted: bool
) -> Finding:
    outcome = decide(supported=supported, contradicted=contradicted)
    reason = f"{what[0].upper()}{what[1:]}: " + "; ".join(f"{rule} {each}" for rule, each in effects.items())
    rule, least = min(effects.items(), key=lambda item: abs(item[1].value))
    effect = Effect(f"{what}, under {rule}", *least)
    return Finding(claim, "synthetic spectra", Verdict(outcome, f"{reason}.", effect))


def _scale(base: LatentGan, steps: int, tuning: int, seeds: int) -> SweepDesign:
    record = (0, steps)
    problems = arms(base)

    tuned = {
        (rule, arm): Cell(
            rule, arm, problems[arm], *RULES[rule], steps, range(tuning), measure, "alternating",
            record=record, part="tuning",
        )
        for rule in RULES
        for arm in (SPECTRA, NO_TERM)
    }  # fmt: skip

    def then(outcomes: pl.DataFrame) -> Sequence[Cell]:
        return [
            at_best_rate(
                tuned[rule, SPECTRA if arm == SPECTRA else NO_TERM], outcomes, "distance", seeds,
                arm=arm, problem=problem,
            )
            for rule in RULES
            for arm, problem in problems.items()
        ]  # fmt: skip

    more = len(RULES) * len(problems) * seeds * steps
    return SweepDesign(PlayedSweep(list(tuned.values()), then, more), verdict)


_SMOKE = LatentGan(autoencoder=Autoencoder(widths=(4,), kernel=1, steps=3, batch=4), images=16, width=4)
_LESS = (
    "Synthetic spectra of 6 x 6 pixels and networks of two layers stand for ARAD-1K's photographs and DCGAN."
)
_SHORT = "GANs play 400 steps with 8 seeds instead of 4,000 with 16."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale(_SMOKE, 3, 1, 2), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(LatentGan(), 400, 2, 8), cut=(_LESS, _SHORT)),
        "paper": Scale(_scale(LatentGan(), 4000, 4, 16), cut=(_LESS,)),
    },
)
