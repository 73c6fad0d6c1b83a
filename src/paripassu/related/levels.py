r"""DRED, small: an actor-critic that learns on levels of four kinds, and how well it plays unseen ones.

- ``"uniform"``: levels of a data set, all equally likely;
- ``"prioritised"``: these by the loss of their values, ranked, and by staleness;
- ``"randomised"``: new levels at every update, each tile drawn by itself;
- ``"regularised"``: prioritised levels of the data set and, more and more, levels between two of them.

Garcin et al. 2024, arXiv:2402.03479. As there: the sampler, the generator, new levels that are played without
a step before they may be learned from, and the estimate of mutual information

.. math:: I(\ell; b) \approx H(\ell) + \operatorname{mean} \log p_\phi(\ell \mid b)

by a classifier of the level on the shared features b. Ours: grids of 5 x 5, an agent without memory, one step
of Adam on the actor-critic's loss instead of PPO, and the sizes of everything.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from paripassu.related import grids
from paripassu.related.actor_critic import (
    ActorCritic,
    advantages,
    episodes,
    expected_returns,
    loss,
    policy_of,
    value_losses,
)
from paripassu.related.grids import Levels
from paripassu.related.level_generator import LevelGenerator
from paripassu.related.priorities import Priorities
from paripassu.sizes import check_sizes

Kind = Literal["uniform", "prioritised", "randomised", "regularised"]
Array = NDArray[np.float64]

_PAIRS, _POINTS = 6, 6
_CLIP = 0.5  # largest norm of a gradient
_GENERATOR = LevelGenerator()


def information(log_probabilities: ArrayLike, levels: int) -> float:
    """Mutual information of the level and what a classifier sees, in nats; all levels are equally likely.

    Args:
        log_probabilities: that the classifier gives the right level, <= 0.
        levels: how many there are.

    Example:
        >>> import math
        >>> from paripassu.related.levels import information
        >>> information([0.0, 0.0], levels=64) == math.log(64)
        True
    """
    return math.log(levels) + float(np.asarray(log_probabilities, np.float64).mean())


@dataclass(frozen=True)
class LevelLearning:
    """What is learned from, and the sizes of everything.

    Args:
        kind: of the levels.
        updates: steps of the agent, >= 1.
        dataset: levels that are given, >= 2.
        unseen: levels of the test, >= 1.
        generated: places for levels of the generator, >= 1.
        generate: probability that an update is preceded by new levels, within 0..1.
        generator: of the levels between.
        horizon: moves of an episode, >= 1.
        width: of the agent, >= 1.
        lr: of Adam, > 0.

    Raises:
        ValueError: a setting out of its range.
    """

    kind: Kind = "regularised"
    updates: int = 400
    dataset: int = 64
    unseen: int = 512
    generated: int = 192
    generate: float = 0.5
    generator: LevelGenerator = _GENERATOR
    horizon: int = 16
    width: int = 64
    lr: float = 3e-3

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        check_sizes(2, dataset=self.dataset)
        check_sizes(1, updates=self.updates, unseen=self.unseen, generated=self.generated)
        check_sizes(1, horizon=self.horizon, width=self.width)
        if not 0 <= self.generate <= 1:
            raise ValueError(f"generate must be within 0..1, got {self.generate}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be finite and > 0, got {self.lr}")

    @property
    def steps(self) -> int:
        """Updates of one run."""
        return self.updates

    def measure(self, seed: int) -> Mapping[str, float]:
        """Train once and measure.

        Returns:
            Mean exact returns ``dataset`` and ``unseen``, and ``gap`` between them; ``information``, of
            features and the data set's levels; ``shift`` of the levels that were learned from; ``solvable``,
            their share; ``new``, the share of these levels that are not the data set's.
        """
        # One generator for each purpose: all kinds get the same levels and the same test.
        rngs = [np.random.default_rng([seed, purpose]) for purpose in range(4)]
        dataset = grids.grounded(self.dataset, rngs[0])
        unseen = grids.grounded(self.unseen, rngs[1])
        agent = ActorCritic(self.width, seed)
        learned, new = self._learn(agent, dataset, rngs[2], seed)
        on_dataset, on_unseen = (
            float(expected_returns(each, policy_of(agent(each)), self.horizon).mean())
            for each in (dataset, unseen)
        )
        return {
            "dataset": on_dataset,
            "unseen": on_unseen,
            "gap": on_dataset - on_unseen,
            "information": _information(agent, dataset, self.horizon, rngs[3]),
            "shift": grids.shift(learned),
            "solvable": float(grids.solvable(learned[:: self.updates // 100 + 1]).mean()),  # of some
            "new": new,
        }

    def _learn(
        self, agent: ActorCritic, dataset: Levels, rng: np.random.Generator, seed: int
    ) -> tuple[Levels, float]:
        """Train; return all levels that were learned from, and the share of those outside the data set."""
        optimizer = torch.optim.Adam(agent.parameters(), self.lr)
        learned: list[Levels] = []
        if self.kind == "randomised":
            for _ in range(self.updates):
                learned.append(grids.randomised(_PAIRS * _POINTS, rng))
                self._step(agent, optimizer, learned[-1], rng)
            return grids.joined(learned), 1.0
        makes = self.kind == "regularised"
        fitted = self.generator.fit(dataset, seed) if makes else None
        replay = Replay(dataset, self._priorities())
        new = 0
        for update in range(self.updates):
            if fitted is not None and rng.random() < self.generate:
                candidates = fitted.between(_PAIRS, rng)
                scores, returns = self._play(agent, candidates, rng)
                replay.admit(candidates, scores, returns)
            # The share of generated levels rises from 0 to 1 over the training.
            share = update / max(1, self.updates - 1) if makes else 0.0
            places = replay.priorities.draw(_PAIRS * _POINTS, rng, share)
            learned.append(replay.levels[places])
            replay.note(places, *self._step(agent, optimizer, learned[-1], rng))
            new += int((places >= self.dataset).sum())
        return grids.joined(learned), new / (self.updates * _PAIRS * _POINTS)

    def _priorities(self) -> Priorities:
        if self.kind == "uniform":
            return Priorities(self.dataset, temperature=math.inf, staleness=0.0)
        return Priorities(self.dataset, self.generated if self.kind == "regularised" else 0)

    def _play(self, agent: ActorCritic, levels: Levels, rng: np.random.Generator) -> tuple[Array, Array]:
        """Scores and returns of an episode of each level."""
        with torch.no_grad():
            sight = agent(levels)
        played = episodes(levels, policy_of(sight), self.horizon, rng)
        return value_losses(played, advantages(played, sight.values.double().numpy())), played.returns

    def _step(
        self, agent: ActorCritic, optimizer: torch.optim.Optimizer, levels: Levels, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """The same, and one update by these episodes."""
        sight = agent(levels)
        played = episodes(levels, policy_of(sight), self.horizon, rng)
        gains = advantages(played, sight.values.detach().double().numpy())
        optimizer.zero_grad()
        loss(sight, played, gains).backward()
        torch.nn.utils.clip_grad_norm_(agent.parameters(), _CLIP)
        optimizer.step()
        return value_losses(played, gains), played.returns


class Replay:
    """Levels at the places of `Priorities`: a data set's, then places for others.

    The second score of a level is *grounded*: 0 unless an episode on it has ever had a return above 0.

    Args:
        dataset: levels of the first places.
        priorities: with as many places of the data set.
    """

    def __init__(self, dataset: Levels, priorities: Priorities) -> None:
        self.priorities = priorities
        empty = dataset[np.zeros(priorities.generated, np.int64)]  # what is there is never drawn
        self.levels = grids.joined([dataset, empty])
        self._best = np.zeros(len(self.levels.goals))

    def note(self, places: NDArray[np.int64], scores: Array, returns: Array) -> None:
        """What levels that were drawn scored and returned."""
        np.maximum.at(self._best, places, returns)
        self.priorities.score(places, scores, np.where(self._best[places] > 0, scores, 0.0))

    def admit(self, levels: Levels, scores: Array, returns: Array) -> None:
        """Take those of the new levels that deserve a place."""
        for own, score in enumerate(np.where(returns > 0, scores, 0.0)):
            place = self.priorities.admit(float(score))
            if place is not None:
                for ours, theirs in zip(self.levels.fields(), levels.fields(), strict=True):
                    ours[place] = theirs[own]
                self._best[place] = returns[own]


def _information(agent: ActorCritic, levels: Levels, horizon: int, rng: np.random.Generator) -> float:
    """Of features at visited cells and the level, by a classifier that learned other episodes."""
    count = len(levels.goals)
    with torch.no_grad():
        sight = agent(levels)
    policy = policy_of(sight)

    def visited() -> tuple[Tensor, Tensor]:
        many = np.repeat(np.arange(count), 8)
        played = episodes(levels[many], policy[many], horizon, rng)
        episode, step = np.nonzero(played.alive)
        level = many[episode]
        features = sight.features[level, played.cells[episode, step]]
        return features, torch.from_numpy(level)

    features, which = visited()
    centre, spread = features.mean(dim=0), features.std(dim=0) + 1e-3
    weights = fit_classifier((features - centre) / spread, which, count)
    features, which = visited()
    by_level = log_softmax(((features - centre) / spread) @ weights[:-1] + weights[-1], dim=1)
    each = by_level.gather(1, which[:, None])[:, 0]
    # A mean over levels of means over visits, because all levels count alike.
    sums = torch.zeros(count).index_add_(0, which, each) / torch.bincount(which, minlength=count)
    return information(sums.double().numpy(), count)


def fit_classifier(features: Tensor, which: Tensor, count: int, steps: int = 150) -> Tensor:
    """Weights of a linear classifier, its bias in the last row, ``[D + 1, count]``.

    Args:
        features: ``[N, D]``, detached.
        which: the right one of ``count`` levels, ``[N]``.
        count: levels.
        steps: of Adam.
    """
    weights = torch.zeros((features.shape[1] + 1, count), requires_grad=True)
    optimizer = torch.optim.Adam([weights], 0.05)
    for _ in range(steps):
        fit = cross_entropy(features @ weights[:-1] + weights[-1], which)
        optimizer.zero_grad()
        (fit + 1e-3 * weights[:-1].square().sum() / count).backward()
        optimizer.step()
    return weights.detach()
