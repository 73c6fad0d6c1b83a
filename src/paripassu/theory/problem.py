r"""What is played: one player who minimizes a loss, or two or more in a game.

A problem names its players and says four things about one run:

- ``start`` draws the players' first weights;
- ``run_data`` draws what chance fixes for the whole run, such as a data set;
- ``step_data`` draws what chance decides anew at each step, such as a minibatch;
- ``losses`` is each player's loss, which that player minimizes.

Draws are numpy's and losses are torch's. `play` plays any rule on any problem, many runs at once. It maps
``losses`` over runs by ``torch.func.vmap``, so a loss may branch on settings but never on values.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad

Array: TypeAlias = NDArray[np.float64]
Weights: TypeAlias = dict[str, tuple[Tensor, ...]]  # each player's tensors, by the player's name
Data: TypeAlias = dict[str, Tensor]  # what chance decided, by name


class Problem(ABC):
    """A loss for one player, or a game between several. All numbers are float64.

    Subclasses give ``players``, ``start`` and ``losses``. The rest has defaults: nothing else is random,
    gradients come from autograd, and ``observe`` returns the weights.

    Attributes:
        players: names of the players, in the order of alternating updates.
        steps_per_draw: steps whose data are drawn together, >= 1. The data of a step depend on it, so it is
            part of what a seed means. Lower it where the data of one step are large.

    Example:
        >>> import numpy as np
        >>> from paripassu.theory import Problem
        >>> class Parabola(Problem):
        ...     players = ("x",)
        ...     def start(self, rng):
        ...         return {"x": [rng.standard_normal(3)]}
        ...     def losses(self, weights, data):
        ...         return {"x": weights["x"][0].square().sum() / 2}
        >>> Parabola().starts([0, 1])[0]["x"][0].shape
        torch.Size([2, 3])
    """

    players: tuple[str, ...]
    steps_per_draw: ClassVar[int] = 256

    def check(self) -> None:
        """Raise ``ValueError`` where data in files that it needs are missing or of another kind."""
        return

    @abstractmethod
    def start(self, rng: np.random.Generator) -> Mapping[str, Sequence[Array]]:
        """First weights of one run: for each player its tensors."""

    def run_data(self, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
        """What chance fixes for one whole run. ``rng`` is the generator of ``start``, after its draws."""
        del rng
        return {}

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """What chance decides in each of ``steps`` steps of one run: arrays ``[steps, ...]``."""
        del rng, steps
        return {}

    @abstractmethod
    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """Each player's loss ``[]`` in one run.

        Args:
            weights: of all players, in the shapes of ``start``.
            data: of the run and of the step.
        """

    def gradients(self, weights: Weights, data: Data, players: Sequence[str]) -> Weights:
        """Gradient of each of ``players``' losses by that player's own tensors, in one run.

        Override it where a closed form is cheaper than autograd.
        """

        def gradient(player: str) -> tuple[Tensor, ...]:
            return grad(lambda own: self.losses({**weights, player: own}, data)[player])(weights[player])

        return {player: gradient(player) for player in players}

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """What to record about one run, by name; without an override the weights.

        Args:
            weights: of all players.
            data: of the run, without that of the step.
        """
        del data
        several = any(len(tensors) > 1 for tensors in weights.values())
        return {
            f"{player}.{n}" if several else player: tensor
            for player, tensors in weights.items()
            for n, tensor in enumerate(tensors)
        }

    def starts(self, seeds: Sequence[int]) -> tuple[Weights, Data]:
        """First weights and run data of many runs, tensors ``[R, ...]``.

        A run's draws depend on its seed alone, not on the other seeds.

        Raises:
            ValueError: ``start`` names other players than ``players``, or gives weights that are not finite.
        """
        weights: list[Mapping[str, Sequence[Array]]] = []
        data: list[Mapping[str, NDArray[np.generic]]] = []
        for seed in seeds:
            rng = np.random.Generator(np.random.Philox(int(seed)))
            weights.append(self.start(rng))
            data.append(self.run_data(rng))
        if set(weights[0]) != set(self.players):
            raise ValueError(f"start must name the players {self.players}, got {tuple(weights[0])}")
        batched: Weights = {
            player: tuple(
                torch.from_numpy(np.stack([np.asarray(tensor, np.float64) for tensor in runs]))
                for runs in zip(*(one[player] for one in weights), strict=True)
            )
            for player in self.players
        }
        for player, tensors in batched.items():
            if not all(bool(tensor.isfinite().all()) for tensor in tensors):
                raise ValueError(f"start must give finite weights, got others for {player!r}")
        return batched, _stacked(data)

    def draws(self, seeds: Sequence[int], block: int) -> Data:
        """Data of ``steps_per_draw`` steps from step ``block * steps_per_draw`` on, ``[R, steps, ...]``."""
        if type(self).step_data is Problem.step_data:
            return {}  # 10 µs a generator, for nothing
        generators = [np.random.Generator(np.random.Philox(key=[int(seed), block])) for seed in seeds]
        return _stacked([self.step_data(rng, self.steps_per_draw) for rng in generators])


def _stacked(runs: Sequence[Mapping[str, NDArray[np.generic]]]) -> Data:
    return {name: torch.from_numpy(np.stack([run[name] for run in runs])) for name in runs[0]}
