r"""The synthetic framework: the smallest GAN in which mode collapse can be computed.

**Data** lie on a few unit modes :math:`u_1, u_2, \ldots` of :math:`R^d`. Under law ``"modes"`` X is one of
them, and any two have the inner product γ. Law ``"coefficients"`` has two orthogonal modes: X is one of them,
or with probability γ their sum.

**Generator.** It is linear in a sparse binary latent z, with one neuron switched on or, with probability
``p_pair``, two:

.. math:: G_V(z) = \sum_j z_j v_j

**Discriminator.** One hidden layer, with a cubic that becomes its tangent beyond :math:`|x| = Λ = d^{0.2}`:

.. math:: D_W(X) = \mathrm{sigmoid}\bigl(a \sum_i σ(\langle w_i, X\rangle) + b\bigr), \qquad σ(x) = x^3

**Value.** W ascends it and V descends it, at once or in turns. Expectations are exact sums, because data and
latents take finitely many values:

.. math:: E \log D_W(X) + E \log(1 - D_W(G_V(z)))

**Start.** :math:`w_i \sim N(0, I/d)` and :math:`v_j \sim N(0, I/d^2)`. So inner products of w_i and v_j are
of order 1/d, and the cubic's slopes there of order 1/d². On data the slopes are of order 1/d. The generator's
gradient is smaller than the discriminator's by a factor that grows with d.

**Recovery.** A mode u is recovered when some z of positive probability has cos(G(z), u) >= 0.95. The run has
collapsed to the average on the z that are as close to the sum of the modes, and to no mode.

**Theorem** (recalled). Under SGDA, with any learning rates and up to a time horizon,
:math:`G(z) = α(z)(u_1 + u_2) + ξ(z)` with ξ nearly orthogonal to both modes: the generator collapses to their
average. Under nSGDA, after about 1/η_D steps each mode is an output with probability that does not vanish.

Recalled from Jelassi et al. 2022, arXiv:2210.04319, and made exact here. The paper's body could not be
consulted, so no equation is cited. `reduction` explains why a run costs the same at every d.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from paripassu.rules.settings import check_number
from paripassu.sizes import check_sizes

Array = NDArray[np.float64]
Law = Literal["modes", "coefficients"]

_MOST = 1000  # neurons or modes: the generator's pairs of neurons are summed over one by one
_LARGEST = 2**53  # whole numbers up to this are exact as float64

RECOVERED_COSINE = 0.95  # a mode is recovered by an output at least this close in direction


@dataclass(frozen=True)
class Framework:
    """Sizes, laws and constants of the framework. Arrays are in the coordinates of `reduction`.

    Args:
        d: dimension of the data, at least ``k`` and at most 2**53. Sizes are whole numbers; 1e5 will do.
        gamma: in [0, 1). Law ``"modes"``: the inner product of any two modes. Law ``"coefficients"``: the
            probability that both of two orthogonal modes are present at once.
        n_discriminator: neurons w_i, 1 to 1000.
        n_generator: neurons v_j, 1 to 1000.
        p_pair: probability that z has two ones, spread evenly over the pairs. Otherwise z has one, spread
            evenly over the neurons. In [0, 1]; must be 0 with a single neuron.
        law: of the data. ``"modes"``: X is one of the modes. ``"coefficients"``: either mode, or their sum.
        modes: how many unit modes, 1 to 1000; law ``"coefficients"`` has two.
        weights: probability of each mode under law ``"modes"``; equal by default.
        a: output weight of the discriminator.
        b: output bias of the discriminator.

    Raises:
        ValueError: a setting out of its range, or a size that is not whole.

    Example:
        >>> from paripassu.theory import Framework
        >>> framework = Framework(d=10**6, modes=3)
        >>> framework.k  # dimensions in which its runs are simulated
        21
        >>> framework.data()[1].round(3)  # probability of each mode
        array([0.333, 0.333, 0.333])
    """

    d: int = 1000
    gamma: float = 0.1
    n_discriminator: int = 10
    n_generator: int = 8
    p_pair: float = 0.05
    law: Law = "modes"
    modes: int = 2
    weights: tuple[float, ...] | None = None
    a: float = 1.0
    b: float = 0.0

    def __post_init__(self) -> None:
        for name in ("d", "n_discriminator", "n_generator", "modes"):
            size: object = getattr(self, name)
            if isinstance(size, float) and size.is_integer():  # as of 1e5
                object.__setattr__(self, name, int(size))
            check_sizes(**{name: getattr(self, name)})
        for name in ("gamma", "p_pair", "a", "b"):
            check_number(name, getattr(self, name))
        for name in ("n_discriminator", "n_generator", "modes"):
            if not 1 <= getattr(self, name) <= _MOST:
                raise ValueError(f"{name} must be in 1 to {_MOST:,}, got {getattr(self, name)}")
        if self.d > _LARGEST:
            raise ValueError(f"d must be at most 2**53, got {self.d}")
        if self.d < self.k:
            raise ValueError(
                f"d must be at least modes + n_discriminator + n_generator = {self.k}, got {self.d}"
            )
        if not 0.0 <= self.gamma < 1.0:
            raise ValueError(f"gamma must be in [0, 1), got {self.gamma}")
        if not 0.0 <= self.p_pair <= 1.0:
            raise ValueError(f"p_pair must be in [0, 1], got {self.p_pair}")
        if self.n_generator == 1 and self.p_pair > 0:
            raise ValueError(f"one generator neuron makes no pairs: set p_pair to 0, got {self.p_pair}")
        if self.law not in get_args(Law):
            raise ValueError(f"law must be 'modes' or 'coefficients', got {self.law!r}")
        if self.law == "coefficients" and (self.modes != 2 or self.weights is not None):
            raise ValueError("law 'coefficients' has two even modes: leave modes and weights out")
        if self.weights is not None and not (
            len(self.weights) == self.modes
            and all(weight > 0 for weight in self.weights)
            and abs(sum(self.weights) - 1) <= 1e-9
        ):
            raise ValueError(
                f"weights must be {self.modes} positive numbers that sum to 1, got {self.weights}"
            )
        if not (np.isfinite(self.a) and np.isfinite(self.b)):
            raise ValueError(f"a and b must be finite, got {self.a} and {self.b}")
        try:
            self.mode_coordinates()
        except np.linalg.LinAlgError as error:
            raise ValueError(
                f"gamma must be smaller for {self.modes} modes to differ, got {self.gamma}"
            ) from error

    @property
    def k(self) -> int:
        """Dimensions in which every path lives, whatever ``d`` is."""
        return self.modes + self.n_discriminator + self.n_generator

    @property
    def bend(self) -> float:
        """Where the cubic becomes its tangent, ``d ** 0.2``."""
        return float(self.d) ** 0.2

    def mode_coordinates(self) -> Array:
        """``[modes, modes]``: the modes in an orthonormal basis of their span, lower triangular."""
        off = self.gamma if self.law == "modes" else 0.0
        gram: Array = np.full((self.modes, self.modes), off) + (1 - off) * np.eye(self.modes)
        return np.asarray(np.linalg.cholesky(gram), dtype=np.float64)

    def data(self) -> tuple[Array, Array]:
        """``[A, modes]`` points of the data in that basis, and ``[A]`` their probabilities."""
        modes = self.mode_coordinates()
        if self.law == "coefficients":
            points = np.vstack([modes, modes.sum(axis=0)])
            return points, np.array([(1 - self.gamma) / 2, (1 - self.gamma) / 2, self.gamma])
        even = np.full(self.modes, 1 / self.modes)
        return modes, even if self.weights is None else np.array(self.weights)

    def latents(self) -> tuple[NDArray[np.int64], Array]:
        """``[Z, 2]`` the neurons that each z switches on (-1 for no second), and ``[Z]`` probabilities.

        Latents of probability zero are left out.
        """
        m = self.n_generator
        singles = [(j, -1) for j in range(m)]
        pairs = list(combinations(range(m), 2))
        rates = [(1 - self.p_pair) / m] * m + [self.p_pair / max(1, len(pairs))] * len(pairs)
        kept = [(z, rate) for z, rate in zip(singles + pairs, rates, strict=True) if rate > 0]
        return np.array([z for z, _ in kept]), np.array([rate for _, rate in kept])
