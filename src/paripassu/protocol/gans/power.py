"""What a verdict rule can see: how often it decides by chance, and how small a difference it can find."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from paripassu.evidence.intervals import FEWEST
from paripassu.evidence.student import t_quantile
from paripassu.protocol.gans.game import ByArm, Evidence, VerdictRule
from paripassu.protocol.gans.verdict import verdict_of

_PERMUTATIONS = 200
_RESAMPLES = 500  # of the bootstraps inside; the intervals of a permutation need no third digit
_SEED = 0
_POWER = 0.8
_LEVEL = 0.95


def decisions_by_chance(
    rule: VerdictRule, evidence: Evidence, *, permutations: int = _PERMUTATIONS
) -> tuple[float, float]:
    """How often a rule supports and contradicts its claim if the arms' labels mean nothing.

    The labels are permuted within every seed and within every trial, so that what seeds and points of the
    search space do to all arms stays. A seed's permutation is one for its scores and all estimates, because
    they are of the same runs. A rule that reads two of them meets both of one run.

    Args:
        rule: the verdict rule.
        evidence: what it sees.
        permutations: number of permutations.

    Returns:
        Shares of the permutations whose verdict is *supported* and *contradicted*.
    """
    rng = np.random.default_rng(_SEED)
    outcomes: list[str] = []
    for _ in range(permutations):
        scores, *estimates = _relabelled([evidence.scores, *evidence.estimates.values()], rng)
        (trials,) = _relabelled([evidence.trials], rng)
        permuted = replace(
            evidence,
            scores=scores,
            trials=trials,
            estimates=dict(zip(evidence.estimates, estimates, strict=True)),
            resamples=_RESAMPLES,
        )
        outcomes.append(verdict_of(rule, permuted).outcome)
    return outcomes.count("supported") / permutations, outcomes.count("contradicted") / permutations


def smallest_visible_difference(scores: ByArm) -> float:
    """Difference of two arms' mean scores that is found in 4 of 5 studies like this, for a typical pair.

    From the standard deviation of the paired differences and Student's t, as wide as the intervals are. NaN
    with too few seeds for an interval.

    Args:
        scores: by arm and seed.
    """
    arms = [np.asarray(values) for values in scores.values()]
    pairs = [(a, b) for n, a in enumerate(arms) for b in arms[:n]]
    if not pairs or len(arms[0]) < FEWEST:
        return math.nan
    spread = float(np.median([np.std(a - b, ddof=1) for a, b in pairs]))
    freedom = len(arms[0]) - 1
    quantiles = t_quantile(freedom) + t_quantile(freedom, 2 * _POWER - 1)  # of two tails, and of one
    return quantiles * spread / math.sqrt(len(arms[0]))


def power_in_words(rule: VerdictRule, evidence: Evidence) -> str:
    """Both figures in a sentence each."""
    supported, contradicted = decisions_by_chance(rule, evidence)
    seeds = len(next(iter(evidence.scores.values())))
    difference = smallest_visible_difference(evidence.scores)
    seen = (
        f" With {seeds} seeds, a difference of scores of {difference:.2g} between two arms is found in "
        f"4 of 5 studies; the margin is {evidence.game.margin:g}."
        if math.isfinite(difference)
        else ""
    )
    return (
        f"With the arms' labels permuted, the rule supports the claim in {_how_often(supported)}, and "
        f"contradicts it in {_how_often(contradicted)}.{seen}"
    )


def _how_often(share: float) -> str:
    if share:
        return f"{share:.1%} of {_PERMUTATIONS} permutations"
    # With this chance, none of all permutations would be found in one study of twenty.
    most = 1 - (1 - _LEVEL) ** (1 / _PERMUTATIONS)
    return f"none of {_PERMUTATIONS} permutations, so in at most {most:.1%}"


def _relabelled(tables: Sequence[ByArm], rng: np.random.Generator) -> list[ByArm]:
    """Tables by arm with one permutation of the arms for each column, the same in all of them."""
    orders: dict[tuple[tuple[str, ...], int], NDArray[np.int64]] = {}
    found: list[ByArm] = []
    for of_arm in tables:
        arms = tuple(sorted(of_arm))
        table = np.asarray([of_arm[arm] for arm in arms], dtype=np.float64)  # [arm, seed]
        if not table.size:
            found.append(of_arm)
            continue
        key = arms, table.shape[1]
        if key not in orders:
            orders[key] = rng.permuted(np.tile(np.arange(len(arms))[:, None], key[1]), axis=0)
        rows = dict(zip(arms, np.take_along_axis(table, orders[key], axis=0).tolist(), strict=True))
        found.append({arm: rows[arm] for arm in of_arm})
    return found
