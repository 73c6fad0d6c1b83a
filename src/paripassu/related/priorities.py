r"""Prioritised replay of levels: what is learned from next is drawn by scores, and by staleness.

.. math:: P = (1 - \rho)\left((1 - c)\,P_1 + c\,P_2\right) + \rho\,P_\text{stale},
    \qquad P_i(\ell) \propto \operatorname{rank}_i(\ell)^{-1/T_i}

Rank 1 has the highest score. The sampler of DRED (Garcin et al. 2024, arXiv:2402.03479), as its authors' code
has it. P₁ ranks the levels of a given data set. P₂ ranks those and generated ones, and gets a growing share
c. With c = 0 and no generated levels it is prioritised level replay (Jiang et al. 2021, arXiv:2010.03934).
From memory: a draw is of an unseen level with the probability that such levels are of the data set. Ours:
equal scores share their ranks' weights, so that the order of levels decides nothing.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def rank_weights(scores: ArrayLike, temperature: float) -> Array:
    """Probabilities ``[N]`` that fall with the rank; 0 where there is no score.

    Args:
        scores: ``[N]``, NaN for what was not scored. Equal ones get equal probabilities.
        temperature: > 0; near 0 the highest score has all, at infinity all have the same.

    Raises:
        ValueError: no score at all, or a temperature out of its range.

    Example:
        >>> from paripassu.related.priorities import rank_weights
        >>> rank_weights([0.5, 0.2, 0.9], temperature=1.0).round(4).tolist()
        [0.2727, 0.1818, 0.5455]
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be > 0, got {temperature}")
    given = np.asarray(scores, np.float64)
    seen = np.flatnonzero(~np.isnan(given))
    if not len(seen):
        raise ValueError("there is no score to rank: draw something and score it first")
    _, place, count = np.unique(-given[seen], return_inverse=True, return_counts=True)
    by_rank = np.arange(1, len(seen) + 1) ** (-1 / temperature)
    shared = np.add.reduceat(by_rank, np.cumsum(count) - count) / count
    weights = np.zeros(len(given))
    weights[seen] = shared[place] / by_rank.sum()
    return weights


def stale_weights(ages: ArrayLike) -> Array:
    """Probabilities ``[N]`` in proportion to draws since each was drawn last.

    Args:
        ages: ``[N]``, >= 0, NaN for what was not drawn yet and gets 0. If all are 0, all have the same.
    """
    given = np.asarray(ages, np.float64)
    seen = ~np.isnan(given)
    own = np.where(seen, given, 0.0)
    if not own.any():
        own = seen.astype(np.float64)
    return own / own.sum()


@dataclass
class Priorities:
    """Scores of numbered places, and probabilities made of them. Places are levels, or a data set's examples.

    The first places are the data set's and stay. Those after them are for generated levels: a new one takes
    an empty place, or that of the lowest second score if its own is higher.

    Args:
        dataset: places of the data set, >= 1.
        generated: places after those, >= 0.
        temperature: of the first scores, > 0; infinity with ``staleness=0`` draws uniformly.
        second_temperature: of the second scores, > 0.
        staleness: ρ, within 0..1; it concerns the data set alone.

    Raises:
        ValueError: a setting out of its range.

    Example:
        >>> import numpy as np
        >>> from paripassu.related.priorities import Priorities
        >>> priorities = Priorities(3, temperature=1.0, staleness=0.0)
        >>> priorities.score(np.arange(3), np.array([0.1, 0.3, 0.2]))
        >>> priorities.probabilities().round(4).tolist()
        [0.1818, 0.5455, 0.2727]
    """

    dataset: int
    generated: int = 0
    temperature: float = 0.1
    second_temperature: float = 1.0
    staleness: float = 0.3
    first: Array = field(init=False)
    second: Array = field(init=False)
    ages: Array = field(init=False)

    def __post_init__(self) -> None:
        if self.dataset < 1 or self.generated < 0:
            raise ValueError(
                f"dataset must be >= 1 and generated >= 0, got {self.dataset} and {self.generated}"
            )
        if not min(self.temperature, self.second_temperature) > 0:
            raise ValueError(
                f"temperatures must be > 0, got {self.temperature} and {self.second_temperature}"
            )
        if not 0 <= self.staleness <= 1:
            raise ValueError(f"staleness must be within 0..1, got {self.staleness}")
        self.first = np.full(self.dataset, np.nan)
        self.second = np.full(self.dataset + self.generated, np.nan)
        self.ages = np.full(self.dataset, np.nan)

    def probabilities(self, share: float = 0.0) -> Array:
        """Of every place ``[dataset + generated]``, 0 where nothing was seen.

        Args:
            share: c of the second scores, within 0..1.

        Raises:
            ValueError: nothing was scored, or the share is out of its range.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share must be within 0..1, got {share}")
        by_score = np.zeros(len(self.second))
        by_score[: self.dataset] = (1 - share) * rank_weights(self.first, self.temperature)
        by_score += share * rank_weights(self.second, self.second_temperature)
        both = (1 - self.staleness) * by_score
        both[: self.dataset] += self.staleness * stale_weights(self.ages)
        return both

    def draw(self, count: int, rng: np.random.Generator, share: float = 0.0) -> Indices:
        """Places ``[count]``, with replacement; each an unseen one with the data set's share of these."""
        unseen = np.flatnonzero(np.isnan(self.first))
        chosen = rng.random(count) < len(unseen) / self.dataset
        places = np.empty(count, np.int64)
        if len(unseen):
            places[chosen] = rng.choice(unseen, int(chosen.sum()))
        if not chosen.all():
            weights = self.probabilities(share)
            places[~chosen] = rng.choice(len(weights), int((~chosen).sum()), p=weights)
        return places

    def score(self, places: Indices, scores: Array, second: Array | None = None) -> None:
        """Note what was drawn and what it scored; a place that was drawn twice gets the mean.

        Args:
            places: ``[B]``.
            scores: ``[B]``, finite.
            second: ``[B]``; the same as ``scores`` without it.
        """
        self.ages += 1
        distinct, which, count = np.unique(places, return_inverse=True, return_counts=True)
        own = distinct < self.dataset
        self.first[distinct[own]] = (np.bincount(which, scores) / count)[own]
        self.second[distinct] = np.bincount(which, scores if second is None else second) / count
        self.ages[distinct[own]] = 0.0

    def admit(self, second: float) -> int | None:
        """The place of a new generated level with this second score, or None if it is not let in."""
        own = self.second[self.dataset :]
        if not len(own):
            return None
        filled = np.where(np.isnan(own), -np.inf, own)
        place = int(np.argmin(filled))
        if filled[place] >= second:
            return None
        self.second[self.dataset + place] = second
        return self.dataset + place
