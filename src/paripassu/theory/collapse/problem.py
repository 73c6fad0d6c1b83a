"""The framework as a problem for `play`: any rule, in all d dimensions, with gradients by autograd.

This is the framework as its text reads. The reduced simulator is tested against it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad
from torch.nn.functional import logsigmoid

from paripassu.theory.collapse.framework import RECOVERED_COSINE, Array, Framework
from paripassu.theory.problem import Data, Problem, Weights

DISCRIMINATOR, GENERATOR = "discriminator", "generator"


@dataclass(frozen=True)
class CollapseGame(Problem):
    """Discriminator W ``[m_D, d]`` and generator V ``[m_G, d]``; each player is one tensor.

    A step costs time and memory in proportion to d.

    Args:
        framework: sizes, laws and constants.
        trainable: whether the discriminator learns a and b too, as a second tensor ``[2]``.
        along_axes: where the modes lie. By default each run draws a direction for their span, because along
            axes they would be a special case for Adam. With ``True`` they lie along the first axes, where
            `reduction.reduce_start` expects them.

    Example:
        >>> from paripassu.rules import Adam
        >>> from paripassu.theory import CollapseGame, Framework, play
        >>> game = CollapseGame(Framework(d=50))
        >>> play(game, Adam((0.0, 0.9)), lr=1e-3, steps=2, seeds=[0]).observed["recovered"].shape
        (1, 3, 2)
    """

    framework: Framework
    trainable: bool = False
    along_axes: bool = False
    players = (DISCRIMINATOR, GENERATOR)

    def start(self, rng: np.random.Generator) -> Mapping[str, Sequence[Array]]:
        """``w_i ~ N(0, I/d)`` and ``v_j ~ N(0, I/d^2)``; not the starts that `simulate` draws."""
        framework = self.framework
        W = rng.standard_normal((framework.n_discriminator, framework.d)) / math.sqrt(framework.d)
        V = rng.standard_normal((framework.n_generator, framework.d)) / framework.d
        ab = [np.array([framework.a, framework.b])] if self.trainable else []
        return {DISCRIMINATOR: [W, *ab], GENERATOR: [V]}

    def run_data(self, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
        """``span [modes, d]``, the orthonormal basis in which `Framework.data` has its coordinates."""
        modes, d = self.framework.modes, self.framework.d
        if self.along_axes:
            return {"span": np.eye(modes, d)}
        return {"span": np.linalg.qr(rng.standard_normal((d, modes)))[0].T.copy()}

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """The value for the generator and its negative for the discriminator."""
        value = self._value(weights, data)
        return {DISCRIMINATOR: -value, GENERATOR: value}

    def gradients(self, weights: Weights, data: Data, players: Sequence[str]) -> Weights:
        """Both players' gradients from one pass, because one's loss is the negative of the other's."""
        if len(players) == 1:
            return super().gradients(weights, data, players)
        ascent = grad(lambda every: self._value(every, data))(weights)
        return {DISCRIMINATOR: tuple(-g for g in ascent[DISCRIMINATOR]), GENERATOR: ascent[GENERATOR]}

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``recovered``, ``mass``, ``average_mass``, ``cosines``, ``correlations``, ``real`` and ``fake``.

        `simulate.Result` says what they are.
        """
        W, V = weights[DISCRIMINATOR][0], weights[GENERATOR][0]
        modes = self._modes @ data["span"]
        average = modes.sum(dim=0, keepdim=True)
        outputs = self._latents @ V
        hits = _cosines(outputs, modes) >= RECOVERED_COSINE
        at_average = (_cosines(outputs, average)[:, 0] >= RECOVERED_COSINE) & ~hits.any(dim=1)
        real, fake = self._logits(weights, data)
        return {
            "recovered": hits.any(dim=0),
            "mass": self._latent_rates @ hits.double(),
            "average_mass": self._latent_rates @ at_average.double(),
            "cosines": _cosines(V, modes),
            "correlations": _cosines(W, modes),
            "real": self._point_rates @ real.sigmoid(),
            "fake": self._latent_rates @ fake.sigmoid(),
        }

    def _value(self, weights: Weights, data: Data) -> Tensor:
        real, fake = self._logits(weights, data)
        return self._point_rates @ logsigmoid(real) + self._latent_rates @ logsigmoid(-fake)

    def _logits(self, weights: Weights, data: Data) -> tuple[Tensor, Tensor]:
        """Of the data's points ``[A]`` and of the latents' outputs ``[Z]``."""
        W, V = weights[DISCRIMINATOR][0], weights[GENERATOR][0]
        a, b = weights[DISCRIMINATOR][1] if self.trainable else (self.framework.a, self.framework.b)
        bend = self.framework.bend

        def logits(inner: Tensor) -> Tensor:
            bent = inner.clamp(-bend, bend)
            # Beyond the bend, the cubic's tangent.
            return a * (bent**3 + 3 * bent**2 * (inner - bent)).sum(dim=1) + b

        return logits(self._points @ (data["span"] @ W.T)), logits(self._latents @ (V @ W.T))

    @cached_property
    def _modes(self) -> Tensor:
        return torch.from_numpy(self.framework.mode_coordinates())

    @cached_property
    def _points(self) -> Tensor:
        return torch.from_numpy(self.framework.data()[0])

    @cached_property
    def _point_rates(self) -> Tensor:
        return torch.from_numpy(self.framework.data()[1])

    @cached_property
    def _latents(self) -> Tensor:
        """``[Z, m_G]`` zeros and ones."""
        neurons, _ = self.framework.latents()
        ones = torch.zeros(len(neurons), self.framework.n_generator, dtype=torch.float64)
        for row, switched_on in zip(ones, neurons, strict=True):
            row[switched_on[switched_on >= 0]] = 1.0
        return ones

    @cached_property
    def _latent_rates(self) -> Tensor:
        return torch.from_numpy(self.framework.latents()[1])


def _cosines(rows: Tensor, directions: Tensor) -> Tensor:
    """``[n, m]`` cosines of ``rows [n, d]`` with ``directions [m, d]``; 0 for a row of zeros."""
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    of_directions = torch.linalg.vector_norm(directions, dim=1)
    inner = rows @ directions.T
    return torch.where(lengths > 0, inner / (lengths * of_directions), torch.zeros_like(inner))
