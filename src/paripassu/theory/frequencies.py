r"""Irrelevant frequencies: a linear model learns from inputs that never contain some of their frequencies.

An input x has d pixels. Its coefficients in the orthonormal DCT basis c₀, c₁, ... are independent,
x̃_i = ⟨c_i, x⟩ ~ N(0, σ̃_i²). A frequency with σ̃_i = 0 is irrelevant: no input contains it. The label is
⟨w*, x⟩, and the player minimizes the squared error. With ẽ = w̃ - w̃*,

.. math:: R_s = \tfrac12 \sum_i σ̃_i^2 ẽ_i^2, \qquad \partial R_s / \partial w̃_i = σ̃_i^2 ẽ_i.

If every input may be perturbed by δ with ‖δ‖ <= ε, to make its own error as large as possible, the risk is

.. math:: R_a = E \max_δ \tfrac12 (⟨w, x + δ⟩ - ⟨w^*, x⟩)^2
    = R_s + ε \sqrt{2/π} \Bigl(\sum_i σ̃_i^2 ẽ_i^2\Bigr)^{1/2} ‖w‖ + \tfrac12 ε^2 ‖w‖^2.

So weight on an irrelevant frequency costs nothing in R_s and much in R_a. The gradient has no component along
an irrelevant frequency. A rule whose updates are combinations of raw gradients, however long, therefore never
changes w̃ there: SGD, momentum, NSGD, and any length grafted on them. Adam, RMSprop and sign descent act on
pixels, leave the span of the gradients, and move w̃ there. Only a symmetry of the inputs can keep them out:
if all odd frequencies are irrelevant, inputs are mirror images of themselves, and so are these updates.

Ma, Pan & Farahmand 2023, arXiv:2308.06703, whose three pixels are the defaults here. `sign_phases` is ours.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from paripassu.sizes import check_sizes
from paripassu.theory.problem import Array, Data, Problem, Weights


def dct(d: int) -> Array:
    """The orthonormal DCT basis of ``d`` pixels, ``[d, d]``: row i is the frequency i (DCT-II).

    Raises:
        ValueError: ``d`` < 2.

    Example:
        >>> from paripassu.theory import dct
        >>> dct(3)[1].round(3)  # (1, 0, -1) / √2
        array([ 0.707,  0.   , -0.707])
    """
    check_sizes(2, d=d)
    angle = np.outer(np.arange(d), 2 * np.arange(d) + 1)  # in units of π / 2d
    # The cosine of a rounded right angle is 1e-16, and a sign would make it a whole step.
    cosines = np.where(angle % (2 * d) == d, 0.0, np.cos(np.pi * angle / (2 * d)))
    return cosines * np.sqrt(np.where(np.arange(d) == 0, 1, 2) / d)[:, None]


@dataclass(frozen=True)
class Frequencies(Problem):
    """Linear regression of one player, ``w [d]`` in pixels. Some frequencies may be irrelevant.

    Observed are ``coefficients [d]``, which are w̃, ``standard_risk`` and ``adversarial_risk``.

    Args:
        scales: σ̃, the standard deviation of each frequency in the inputs, >= 0; 0 is irrelevant.
        target: w̃* of each frequency.
        initial: the first w̃.
        samples: fresh inputs at each step, >= d, whose mean squared error is minimized. None gives the exact
            gradient.
        radius: ε >= 0, the largest norm of a perturbation.

    Raises:
        ValueError: fewer than two frequencies, unequal lengths, or a setting out of its range.

    Example:
        >>> from paripassu.rules import Adam, Normalize
        >>> from paripassu.theory import Frequencies, play
        >>> for rule in (Normalize(), Adam()):
        ...     paths = play(Frequencies(), rule, lr=0.2, steps=99, seeds=[0], record=[99])
        ...     print(paths.observed["coefficients"][0, 0].round())  # the last began at 0.02
        [ 5. 10.  0.]
        [ 5. 10. -4.]
    """

    scales: tuple[float, ...] = (0.1, 0.05, 0.0)
    target: tuple[float, ...] = (5.0, 10.0, 0.0)
    initial: tuple[float, ...] = (0.01, -0.01, 0.02)
    samples: int | None = None
    radius: float = math.sqrt(2)
    players = ("w",)

    def __post_init__(self) -> None:
        for name in ("scales", "target", "initial"):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)  # files give lists, and problems are hashed
            if len(values) < 2 or len(values) != self.d:
                raise ValueError(f"{name} must be {max(self.d, 2)} numbers, got {values}")
            if not all(math.isfinite(value) for value in values):
                raise ValueError(f"{name} must be finite, got {values}")
        if min(self.scales) < 0:
            raise ValueError(f"scales must be >= 0, got {self.scales}")
        if self.samples is not None:
            check_sizes(samples=self.samples)
            if self.samples < self.d:
                raise ValueError(f"samples must be None or >= d = {self.d}, got {self.samples}")
        if not 0 <= self.radius < math.inf:
            raise ValueError(f"radius must be finite and >= 0, got {self.radius}")

    @property
    def d(self) -> int:
        """Pixels, and as many frequencies."""
        return len(self.scales)

    @cached_property
    def _basis(self) -> Tensor:
        return torch.from_numpy(dct(self.d))

    @cached_property
    def _scales(self) -> Tensor:
        return torch.tensor(self.scales, dtype=torch.float64)

    @cached_property
    def _target(self) -> Tensor:
        return torch.tensor(self.target, dtype=torch.float64)

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """``[d]`` pixels with the coefficients ``initial``; nothing is random."""
        del rng
        return {"w": [np.array(self.initial) @ dct(self.d)]}

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """``root [steps, d, d]``, a root of the samples' second moments: Σ x̃x̃ᵀ / samples = root rootᵀ.

        The moments are all of the samples that their gradient depends on. Their law is Wishart's, whose
        triangular root has independent entries (Bartlett 1933). So this draws from the exact law, at a cost
        that does not grow with ``samples``.
        """
        if self.samples is None:
            return {}
        root = np.tril(rng.standard_normal((steps, self.d, self.d)), -1)
        freedom = self.samples - np.arange(self.d)
        root[:, range(self.d), range(self.d)] = np.sqrt(rng.chisquare(freedom, (steps, self.d)))
        return {"root": np.array(self.scales)[:, None] * root / math.sqrt(self.samples)}

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``R_s``, or half the mean squared error of the step's samples."""
        error = self._basis @ weights["w"][0] - self._target
        root = torch.diag(self._scales) if self.samples is None else data["root"]
        return {"w": (error @ root).square().sum() / 2}

    def gradients(self, weights: Weights, data: Data, players: Sequence[str]) -> Weights:
        """In pixels, up to rounding without any irrelevant frequency."""
        error = self._basis @ weights["w"][0] - self._target
        if self.samples is None:
            by_frequency = self._scales.square() * error
        else:
            by_frequency = data["root"] @ (error @ data["root"])
        return dict.fromkeys(players, (by_frequency @ self._basis,))

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``coefficients [d]`` and both risks ``[]``."""
        del data
        coefficients = self._basis @ weights["w"][0]
        return {
            "coefficients": coefficients,
            "standard_risk": self.standard_risk(coefficients),
            "adversarial_risk": self.adversarial_risk(coefficients),
        }

    def standard_risk(self, coefficients: Tensor) -> Tensor:
        """``R_s`` of w̃ ``[..., d]``, as ``[...]``."""
        return (self._scales * (coefficients - self._target)).square().sum(-1) / 2

    def adversarial_risk(self, coefficients: Tensor) -> Tensor:
        """``R_a`` of w̃ ``[..., d]``, as ``[...]``."""
        standard = self.standard_risk(coefficients)
        push = self.radius * torch.linalg.vector_norm(coefficients, dim=-1)
        return standard + math.sqrt(2 / math.pi) * (2 * standard).sqrt() * push + push.square() / 2

    def descent(self, lr: float, steps: ArrayLike) -> Array:
        """Coefficients of gradient descent with the exact gradient: ẽ_i(t) = (1 - lr σ̃_i²)ᵗ ẽ_i(0).

        Args:
            lr: learning rate.
            steps: t, ``[...]``.

        Returns:
            w̃ ``[..., d]``.
        """
        factor = (1 - lr * np.square(self.scales)) ** np.asarray(steps)[..., None]
        return np.array(self.target) + factor * np.subtract(self.initial, self.target)


class SignPhases(NamedTuple):
    """What sign descent does on three pixels, see `sign_phases`. Steps are counted from the start.

    Example:
        >>> from paripassu.theory import SignPhases
        >>> SignPhases(1.0, 2.0, 3.0, 4.0).moved
        4.0
    """

    first_ends: float
    second_ends: float
    third_ends: float
    moved: float


def sign_phases(problem: Frequencies, lr: float) -> SignPhases:
    r"""The three phases of sign descent with the exact gradient on three pixels, as lr goes to 0.

    The gradient in pixels is (A + B, A, A - B) with A = σ̃₀²ẽ₀/√3 and B = σ̃₁²ẽ₁/√2.

    1. While \|A\| > \|B\| all three signs are equal. Only ẽ₀ shrinks, by √3 lr a step.
    2. Then ẽ₀ shrinks by lr/√3 and ẽ₁ by √2 lr a step, and w̃₂ moves by 2 lr/√6 a step, always the same way,
       although no input contains that frequency. This ends when ẽ₀ is 0.
    3. A oscillates around 0, so w̃₂ stays, up to single steps. ẽ₁ shrinks by √2 lr a step to 0.

    Nothing ever brings w̃₂ back. It has moved by √3 (σ̃₁²/σ̃₀²) \|ẽ₁(0)\| in all, at any learning rate.

    Args:
        problem: with three frequencies, of which the last is irrelevant, and with the exact gradient.
        lr: learning rate > 0.

    Returns:
        The steps at which the phases end, real numbers, and the final distance \|w̃₂(t) - w̃₂(0)\|.

    Raises:
        ValueError: another kind of problem, or one in which the phases come in another order. Their order
            needs κ \|ẽ₁(0)\| <= \|ẽ₀(0)\| and κ < 1/√6, where κ = √(3/2) σ̃₁²/σ̃₀².

    Example:
        >>> from paripassu.theory import Frequencies, sign_phases
        >>> phases = sign_phases(Frequencies(), lr=0.01)
        >>> [round(step) for step in phases[:3]], round(phases.moved, 4)
        ([111, 642, 819], 4.3345)
    """
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be finite and > 0, got {lr}")
    if problem.d != 3 or problem.scales[2] or not problem.scales[0] or problem.samples is not None:
        raise ValueError(
            "the phases need three frequencies, only the last one irrelevant, and samples=None, got "
            f"{problem.scales} and samples={problem.samples}"
        )
    first, second = np.abs(np.subtract(problem.initial, problem.target))[:2].tolist()
    kappa = math.sqrt(1.5) * (problem.scales[1] / problem.scales[0]) ** 2
    if not (kappa * second <= first and kappa < 1 / math.sqrt(6)):
        raise ValueError(
            f"the phases need kappa = {kappa:.3g} < 0.408 and kappa |e1| <= |e0| at the start, got |e0| = "
            f"{first:.3g} and |e1| = {second:.3g}"
        )
    first_ends = (first - kappa * second) / (math.sqrt(3) * lr)
    lasts = math.sqrt(3) * kappa * second / lr
    third_ends = first_ends + second / (math.sqrt(2) * lr)
    return SignPhases(first_ends, first_ends + lasts, third_ends, 2 / math.sqrt(6) * lr * lasts)
