r"""A loss that does not see the length of its weights: what do learning rate and weight decay do there?

The Rayleigh problem has one player, with a diagonal A and :math:`\hat x = x / \lVert x \rVert`,

.. math:: L(x) = \tfrac{c}{2} \, \hat x^\top A \hat x, \qquad
   \nabla L(x) = \frac{c}{\lVert x \rVert} \bigl(A \hat x - (\hat x^\top A \hat x)\, \hat x\bigr).

So ⟨∇L, x⟩ = 0 (Euler), and ∇L(kx) = ∇L(x)/k. Noise may be added: a gradient of length cσ/‖x‖ in a random
direction orthogonal to x. It leaves L unchanged and obeys the same two laws.

A gradient step makes ‖x‖ longer, weight decay makes it shorter. With gradients of constant length σ on the
unit sphere, c = 1, rates η and decoupled decay λ,

.. math:: \lVert x^+ \rVert^2 = (1 - ηλ)^2 \lVert x \rVert^2 + η^2 σ^2 / \lVert x \rVert^2

settles at :math:`\lVert x \rVert^2 = σ \sqrt{η / (λ (2 - ηλ))}`. Each step then turns x by the angle
arccos(1 - ηλ), about √(2ηλ), whatever σ, c and the first length are. NSGD settles at
:math:`\lVert x \rVert^2 = η^2 / (1 - (1 - ηλ)^2)` and turns by the same angle. Two changes leave the path of
SGD unchanged: (L, η, λ) to (cL, η/c, cλ), and, for directions, (x, η, λ) to (cx, c²η, λ/c²).

Source: Li, Bhojanapalli, Zaheer, Reddi & Kumar 2022, arXiv:2202.00980, from which the laws for SGD are. The
exact angle and the equilibrium of NSGD are derived here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.theory.problem import Array, Data, Problem, Weights
from paripassu.theory.recording import Trajectories


@dataclass(frozen=True)
class Rayleigh(Problem):
    """``c/2 x̂ᵀ A x̂`` for one player, with noise orthogonal to x if wanted.

    The start is a random direction of length ``norm``. Observed are ``x [d]`` and ``loss``, which is L/c less
    its least value, so that it does not depend on the scale. A is diagonal, so that its eigenvectors are the
    axes of rules that work coordinate by coordinate.

    Args:
        eigenvalues: of A, d >= 2 finite numbers; all zero for noise alone.
        norm: length of the first x, > 0.
        scale: c > 0.
        noise: σ >= 0, length of the noise on the unit sphere for c = 1.

    Raises:
        ValueError: a setting out of its range.

    Example:
        >>> import numpy as np
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import Rayleigh, equilibrium_norm, play
        >>> problem, rates = Rayleigh(noise=1.0, eigenvalues=(0.0,) * 50), dict(lr=0.1, weight_decay=0.1)
        >>> paths = play(problem, SGD(), steps=2000, seeds=[0], record=[2000], **rates)
        >>> bool(np.isclose(paths.norms["x"][0, 0], equilibrium_norm(0.1, 0.1)))
        True
    """

    eigenvalues: tuple[float, ...] = tuple(np.linspace(0.0, 1.0, 50).tolist())
    norm: float = 1.0
    scale: float = 1.0
    noise: float = 0.0
    players = ("x",)

    def __post_init__(self) -> None:
        if len(self.eigenvalues) < 2 or not np.isfinite(self.eigenvalues).all():
            raise ValueError(f"eigenvalues must be two or more finite numbers, got {self.eigenvalues}")
        for name in ("norm", "scale"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and > 0, got {getattr(self, name)}")
        if not 0.0 <= self.noise < math.inf:
            raise ValueError(f"noise must be finite and >= 0, got {self.noise}")

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """A random direction of length ``norm``."""
        x = rng.standard_normal(len(self.eigenvalues))
        return {"x": [self.norm * x / np.linalg.norm(x)]}

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """``noise [steps, d]``, standard normal; nothing without noise."""
        return {"noise": rng.standard_normal((steps, len(self.eigenvalues)))} if self.noise else {}

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """L, and a term of value 0 whose gradient is the noise."""
        (x,) = weights["x"]
        direction = x / x.norm()
        loss = (self._spectrum * direction.square()).sum() / 2
        if self.noise:
            fixed = direction.detach()
            loss = loss + self.noise * (_orthogonal(data["noise"], fixed) * direction).sum()
        return {"x": self.scale * loss}

    def gradients(self, weights: Weights, data: Data, players: Sequence[str]) -> Weights:
        """The equation on top of this module, and the noise."""
        (x,) = weights["x"]
        length = x.norm()
        direction = x / length
        pull = self._spectrum * direction
        pull = pull - (pull * direction).sum() * direction
        if self.noise:
            pull = pull + self.noise * _orthogonal(data["noise"], direction)
        return dict.fromkeys(players, (self.scale / length * pull,))

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``loss`` and ``x``, see the class."""
        del data
        (x,) = weights["x"]
        loss = (self._spectrum * (x / x.norm()).square()).sum() / 2
        return {"loss": loss - min(self.eigenvalues) / 2, "x": x}

    @property
    def _spectrum(self) -> Tensor:
        return torch.tensor(self.eigenvalues, dtype=torch.float64)


def _orthogonal(noise: Tensor, direction: Tensor) -> Tensor:
    """The unit vector of what of ``noise`` is orthogonal to ``direction``."""
    across = noise - (noise * direction).sum() * direction
    return across / across.norm()


def equilibrium_norm(lr: float, weight_decay: float, noise: float = 1.0) -> float:
    """Where ‖x‖ settles under SGD with decay, if gradients have the length ``noise`` on the unit sphere.

    Args:
        lr: η > 0.
        weight_decay: λ > 0 with ηλ < 2.
        noise: σ > 0, times the loss's scale.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> from paripassu.theory import equilibrium_norm
        >>> round(equilibrium_norm(8e-4, 1e-2) ** 2, 7)  # of arXiv:2202.00980's rates
        0.2000004
    """
    _check(lr, weight_decay)
    if not 0.0 < noise < math.inf:
        raise ValueError(f"noise must be finite and > 0, got {noise}")
    return math.sqrt(noise * math.sqrt(lr / (weight_decay * (2 - lr * weight_decay))))


def normalized_equilibrium_norm(lr: float, weight_decay: float) -> float:
    """Where ‖x‖ settles under NSGD with decay: ‖x‖² = η² / (1 - (1 - ηλ)²), about η/2λ.

    Args:
        lr: η > 0.
        weight_decay: λ > 0 with ηλ < 2.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> from paripassu.theory import normalized_equilibrium_norm
        >>> round(normalized_equilibrium_norm(0.1, 0.01) ** 2, 4)
        5.0025
    """
    _check(lr, weight_decay)
    return lr / math.sqrt(1 - (1 - lr * weight_decay) ** 2)


def angular_step(lr: float, weight_decay: float) -> float:
    """The angle in radians by which each step turns x at the equilibrium: arccos(1 - ηλ), about √(2ηλ).

    It is the same for SGD and NSGD, and does not depend on the gradient's scale. Two scale-invariant players
    with equal ηλ move at the same pace.

    Args:
        lr: η > 0.
        weight_decay: λ > 0 with ηλ < 2.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> from paripassu.theory import angular_step
        >>> round(angular_step(8e-4, 1e-2), 6), round((2 * 8e-4 * 1e-2) ** 0.5, 6)
        (0.004, 0.004)
    """
    _check(lr, weight_decay)
    return math.acos(1 - lr * weight_decay)


def decay_steps(ratio: float, lr: float, weight_decay: float) -> float:
    """Steps that weight decay takes to shorten x by a factor: ln(ratio) / ηλ for small ηλ.

    Args:
        ratio: > 0, such as the first length over that of the equilibrium.
        lr: η > 0.
        weight_decay: λ > 0.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> from paripassu.theory import decay_steps
        >>> round(decay_steps(100.0, 8e-4, 1e-2))
        575646
    """
    _check(lr, weight_decay)
    if not 0.0 < ratio < math.inf:
        raise ValueError(f"ratio must be finite and > 0, got {ratio}")
    return math.log(ratio) / (lr * weight_decay)


def exploding_rate(slope: float, product: float, factors: int) -> float:
    r"""Least learning rate at which gradient descent on a product of equal factors does not come nearer.

    A loss of X = x₁ x₂ ... x₂ₖ is what a deep network without invariance makes of its layers. From equal
    factors a step multiplies each by 1 - η L'(X) X^(1 - 1/k). So from

    .. math:: η = \frac{2}{L'(X)} X^{1/k - 1}

    on every factor is at least as long as before. Where L is convex and X beyond its minimum, L' and X then
    grow together and the path explodes, at a rate that falls with the first X. A loss that does not see the
    length of its weights has no such rate.

    Args:
        slope: L'(X) > 0: X is beyond the minimum. Below it every rate makes factors longer.
        product: X > 0.
        factors: 2k, even and >= 2.

    Raises:
        ValueError: a number out of its range.

    Source: Li et al. 2022, arXiv:2202.00980, Example 1.

    Example:
        >>> from paripassu.theory import exploding_rate
        >>> exploding_rate(slope=1.0, product=4.0, factors=4)
        1.0
    """
    if not 0.0 < slope < math.inf:
        raise ValueError(f"slope must be finite and > 0, got {slope}: X is beyond the minimum")
    if not 0.0 < product < math.inf:
        raise ValueError(f"product must be finite and > 0, got {product}")
    if factors < 2 or factors % 2:
        raise ValueError(f"factors must be even and >= 2, got {factors}")
    return 2.0 / slope * product ** (2.0 / factors - 1.0)


def angular_steps(paths: Trajectories) -> Array:
    """Angles in radians between the directions of x at neighbouring records, ``[R, C - 1]``.

    Args:
        paths: of a `Rayleigh` problem.

    Example:
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import Rayleigh, angular_steps, play
        >>> paths = play(Rayleigh(), SGD(), lr=0.1, steps=2, seeds=[0], record=[0, 1, 2])
        >>> angular_steps(paths).shape
        (1, 2)
    """
    x = paths.observed["x"]
    direction = x / np.linalg.norm(x, axis=2, keepdims=True)
    # Half the chord, because the arccosine loses the digits of small angles.
    chord = np.linalg.norm(np.diff(direction, axis=1), axis=2)
    return 2 * np.arcsin(np.minimum(chord / 2, 1.0))


def _check(lr: float, weight_decay: float) -> None:
    for name, value in {"lr": lr, "weight_decay": weight_decay}.items():
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} must be finite and > 0, got {value}")
    if lr * weight_decay >= 2:
        raise ValueError(f"lr times weight_decay must be below 2, or x grows, got {lr * weight_decay}")
