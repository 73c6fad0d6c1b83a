r"""A GAN whose discriminator is a kernel machine: how do points find points?

True points :math:`x_i` have masses :math:`p_i`, generated points :math:`\tilde x_j` masses
:math:`\tilde p_j`. The generated points move freely. The discriminator f is a function in the reproducing
kernel Hilbert space of :math:`K(x, y) = \exp(-\lVert x - y\rVert^2 / 2σ^2)`. The value

.. math:: V = \sum_i p_i f(x_i) - \sum_j \tilde p_j f(\tilde x_j) - \tfrac{λ}{2} \lVert f \rVert^2

is raised by f and lowered by the generated points. Its gradients are

.. math:: \nabla_f V = \sum_i p_i K(x_i, \cdot) - \sum_j \tilde p_j K(\tilde x_j, \cdot) - λ f, \qquad
   \nabla_{\tilde x_j} V = -\tilde p_j \nabla f(\tilde x_j).

**How any rule plays it.** For one dimension and u = (x - x₀)/σ, the functions
:math:`φ_n(x) = e^{-u^2/2} u^n / \sqrt{n!}` are an orthonormal basis of that space (Steinwart, Hush & Scovel
2006, IEEE Trans. Inf. Theory 52(10)). So f is its coefficients in that basis, norms are Euclidean, and the
gradient by the coefficients is the gradient by f. In d dimensions the basis functions are products, and
those of total degree below N are kept. What is left out of K(x, ·) has the squared norm
P(Poisson(‖u‖²) >= N), which is `KernelGame.left_out`: 2e-9 at three widths from the centre for N = 32.

SGD, NSGD and whatever else commutes with rotations do not depend on the basis. Adam does, coefficient by
coefficient: it plays in this one.

Source: Becker, Pandit, Rangan & Fletcher, arXiv:2208.09938 for the model with isolated points and
arXiv:2305.08277 for its local convergence. Only abstracts and a summary of the model could be consulted. The
equations are as we understand them. `kernel_game_linear` has what follows from them near the equilibrium.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from paripassu.sizes import check_sizes
from paripassu.theory.problem import Array, Data, Problem, Weights

_NEGLIGIBLE = 1e-9  # squared norm of what the basis may leave out at a true point
_UNSEEN = 1e-12  # squared norm of what one isolated point's basis may see of another point


class _Features(NamedTuple):
    """Basis functions at P points, ``[P, centres, F]``, and their gradients ``[P, centres, F, d]``."""

    values: Tensor
    slopes: Tensor


@dataclass(frozen=True)
class KernelGame(Problem):
    """Generated points against a kernel discriminator that compares them with true points.

    The discriminator moves first in alternating games. Its weights are ``[centres, F]`` coefficients, first
    zero. The generated point j starts near the true point j modulo n, and the generator's weights are the
    displacements ``[J, d]`` from there. So a game near its equilibrium has all its digits.

    Observed are ``offset [J, d]``, the displacements in widths, and ``slope [n, d]``, the gradient of f at
    the true points times the width.

    Args:
        points: n true points of d coordinates.
        masses: of the true points, > 0.
        generated: masses of the J >= n generated points, > 0.
        width: σ of the kernel, > 0.
        regularization: λ >= 0.
        offset: first distance between a generated point and its true point, in widths, >= 0; the seed
            decides its direction.
        degree: N >= 2, basis functions have total degree below it.
        isolated: each true point has a basis of its own around it, which is exact where they are far apart.
            Otherwise there is one basis around their mean.

    Raises:
        ValueError: a setting out of its range; isolated points that are too close; a point that one basis
            does not reach.

    Example:
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import KernelGame, play
        >>> slow, fast = {"discriminator": 0.1, "generator": 0.2}, {"discriminator": 0.1, "generator": 1.5}
        >>> for lr in (slow, fast):
        ...     paths = play(KernelGame(), SGD(), lr, steps=400, seeds=[0], record=[400])
        ...     print(abs(float(paths.observed["offset"].item())) < 1e-6)
        True
        False
    """

    points: tuple[tuple[float, ...], ...] = ((0.0,),)
    masses: tuple[float, ...] = (1.0,)
    generated: tuple[float, ...] = (1.0,)
    width: float = 1.0
    regularization: float = 1.0
    offset: float = 1e-3
    degree: int = 32
    isolated: bool = True
    players = ("discriminator", "generator")

    def __post_init__(self) -> None:
        sizes = {np.ndim(point) and len(point) for point in self.points}
        if len(sizes) != 1 or 0 in sizes:
            raise ValueError(f"points must have one or more coordinates each, all as many, got {self.points}")
        if not np.isfinite(self.points).all():
            raise ValueError(f"points must be finite, got {self.points}")
        if len(self.masses) != len(self.points):
            raise ValueError(f"masses must be one a point, got {len(self.masses)} for {len(self.points)}")
        if len(self.generated) < len(self.points):
            raise ValueError(
                f"generated must have a mass near each of the {len(self.points)} points, got {self.generated}"
            )
        for name, values in {
            "masses": self.masses, "generated": self.generated, "width": (self.width,)
        }.items():  # fmt: skip
            if not all(0.0 < value < math.inf for value in values):
                raise ValueError(f"{name} must be finite and > 0, got {getattr(self, name)}")
        for name in ("regularization", "offset"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and >= 0, got {getattr(self, name)}")
        check_sizes(2, degree=self.degree)
        self._check_basis()

    def _check_basis(self) -> None:
        if not self.isolated:
            furthest = max(math.dist(point, self._centres[0]) for point in self.points) / self.width
            if self.left_out(furthest) > _NEGLIGIBLE:
                raise ValueError(
                    f"a basis of degree {self.degree} does not reach a point {furthest:.3g} widths from the "
                    "mean of all: raise degree, or take isolated=True if the points are far apart"
                )
            return
        for one, other in itertools.combinations(self.points, 2):
            apart = math.dist(one, other) / self.width
            if 1.0 - self.left_out(apart) > _UNSEEN:
                raise ValueError(
                    f"points {one} and {other} are only {apart:.3g} widths apart, which is too close for "
                    "isolated points: take isolated=False, or a lower degree"
                )

    @property
    def d(self) -> int:
        """Dimension of a point."""
        return len(self.points[0])

    @property
    def near(self) -> tuple[int, ...]:
        """The number of the true point that each generated point starts near, ``[J]``."""
        return tuple(j % len(self.points) for j in range(len(self.generated)))

    def left_out(self, distance: float) -> float:
        """How much of K(x, ·) the basis lacks, as a squared norm, in [0, 1]; ‖K(x, ·)‖² is 1.

        The kernel of the game differs from K(x, y) by at most the root of the product of both.

        Args:
            distance: of x from the centre of the basis, in widths.
        """
        degree, square = (torch.tensor(float(x), dtype=torch.float64) for x in (self.degree, distance**2))
        return float(torch.special.gammainc(degree, square))

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """No discriminator, and each generated point ``offset`` widths from its true point."""
        directions = rng.standard_normal((len(self.generated), self.d))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return {
            "discriminator": [np.zeros((len(self._centres), len(self._powers)))],
            "generator": [self.offset * self.width * directions],
        }

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """The negative of V for the discriminator, V for the generator."""
        del data
        (f,), (moved,) = weights["discriminator"], weights["generator"]
        fake = torch.einsum("jcf,cf->j", self._at_generated(moved).values, f)
        value = (self._real * f).sum() - (self._generated * fake).sum()
        value = value - self.regularization / 2 * f.square().sum()
        return {"discriminator": -value, "generator": value}

    def gradients(self, weights: Weights, data: Data, players: Sequence[str]) -> Weights:
        """The equations on top of this module."""
        del data
        (f,), (moved,) = weights["discriminator"], weights["generator"]
        features, result = self._at_generated(moved), Weights()
        if "discriminator" in players:
            fake = torch.einsum("j,jcf->cf", self._generated, features.values)
            result["discriminator"] = (fake - self._real + self.regularization * f,)
        if "generator" in players:
            slopes = torch.einsum("jcfd,cf->jd", features.slopes, f)
            result["generator"] = (-self._generated[:, None] * slopes,)
        return result

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``offset`` and ``slope``, see the class."""
        del data
        (f,), (moved,) = weights["discriminator"], weights["generator"]
        return {
            "offset": moved / self.width,
            "slope": torch.einsum("ncfd,cf->nd", self._tensors["slopes"], f) * self.width,
        }

    def discriminator(self, f: Array, x: Array) -> Array:
        """Values ``[P]`` of the function with the coefficients ``f [centres, F]`` at ``x [P, d]``."""
        from_centres = np.asarray(x, np.float64)[:, None] - self._centres
        values = self._features(torch.from_numpy(from_centres)).values.numpy()
        return np.einsum("pcf,cf->p", values, np.asarray(f))

    @cached_property
    def _centres(self) -> Array:
        points = np.array(self.points)
        return points if self.isolated else points.mean(axis=0, keepdims=True)

    @cached_property
    def _powers(self) -> Array:
        """Exponents ``[F, d]`` of the basis functions, total degree below ``degree``."""
        every = itertools.product(range(self.degree), repeat=self.d)
        return np.array([powers for powers in every if sum(powers) < self.degree])

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        points = np.array(self.points)
        from_centres = torch.from_numpy(points[:, None] - self._centres)
        at_points = self._features(from_centres)
        masses, generated = (
            torch.tensor(values, dtype=torch.float64) for values in (self.masses, self.generated)
        )
        return {
            "near": from_centres[list(self.near)],
            "generated": generated,
            "slopes": at_points.slopes,
            "real": torch.einsum("n,ncf->cf", masses, at_points.values),
        }

    @property
    def _real(self) -> Tensor:
        return self._tensors["real"]

    @property
    def _generated(self) -> Tensor:
        return self._tensors["generated"]

    def _at_generated(self, moved: Tensor) -> _Features:
        return self._features(moved[:, None] + self._tensors["near"])

    def _features(self, from_centres: Tensor) -> _Features:
        """Of P points less the centres, ``[P, centres, d]``."""
        roots = torch.arange(self.degree, dtype=torch.float64).sqrt()
        u = from_centres / self.width
        # u**n overflows far from the centre; this running product does not.
        factors = u[..., None] / roots[1:]
        values = torch.cat([torch.exp(-u.square() / 2)[..., None], factors], dim=-1).cumprod(dim=-1)
        below = torch.nn.functional.pad(values[..., :-1], (1, 0))
        slopes = (roots * below - u[..., None] * values) / self.width  # of u^n exp(-u^2/2) / sqrt(n!)
        if self.d == 1:
            return _Features(values.squeeze(-2), slopes.squeeze(-2)[..., None])
        powers = torch.from_numpy(self._powers)
        own = [values[..., k, :][..., powers[:, k]] for k in range(self.d)]
        tangent = [slopes[..., k, :][..., powers[:, k]] for k in range(self.d)]
        products = [
            math.prod([*own[:k], tangent[k], *own[k + 1 :]], start=torch.ones((), dtype=torch.float64))
            for k in range(self.d)
        ]
        return _Features(math.prod(own[1:], start=own[0]), torch.stack(products, dim=-1))
