r"""Feature and noise patches: two ways to fit the same images, of which only one generalises.

An image has two patches of d coordinates and a label y = ±1. The feature patch is y v, where v is the first
unit vector. The noise patch ξ is N(0, σ_p²) in s of the other coordinates, and carries feature noise -α y v.
The net has m filters for each label j = ±1, and

.. math:: F_j(x) = \sum_{r \le m} \bigl[σ(⟨w_{j,r}, y v⟩) + σ(⟨w_{j,r}, ξ⟩)\bigr],
    \qquad σ(z) = \max(0, z)^q.

The player minimizes the mean cross-entropy of (F₊₁, F₋₁), plus λ/2 ‖W‖² inside the loss. With p_j the
predicted probability of label j, the gradient is two matrix products,

.. math:: \partial L / \partial w_{j,r} = \frac1n \sum_i \bigl(p_j(x_i) - 1_{y_i = j}\bigr)
    \bigl[σ'(⟨w_{j,r}, y_i v⟩)\, y_i v + σ'(⟨w_{j,r}, ξ_i⟩)\, ξ_i\bigr] + λ\, w_{j,r}.

Gradient descent learns the feature: all images of a label share it, and each noise patch belongs to one. A
step of sign descent moves ⟨w, ξ_i⟩ by lr ‖ξ_i‖₁ and ⟨w, v⟩ by lr alone. So it learns the noise first. Then
the feature's gradient is that of the feature noise, it learns -v, and errs on new images.

With q = 1 the model is linear, without the positive part. Then the loss is convex, strictly if λ > 0, and
all rules that come to rest do so at the same W.

Zou, Cao, Li & Gu 2023, arXiv:2108.11371; the data and the published sizes are those of Tang et al. 2025,
arXiv:2510.11354, Def. 3.1 and D.2.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from paripassu.sizes import check_sizes
from paripassu.theory.problem import Array, Data, Problem, Weights

Supports = Literal["random", "disjoint"]


@dataclass(frozen=True)
class Patches(Problem):
    """Two-layer convolutional net of one player, ``w [2, m, d]``: label +1's filters, then label -1's.

    The defaults are the published sizes. Half of the images have each label, +1 first. Observed are

    - ``train_error`` and ``test_error``, shares of images; a tie F₊₁ = F₋₁ counts half;
    - ``feature [2]``, the largest ⟨w_{j,r}, j v⟩ over a label's filters;
    - ``noise [n]``, the largest ⟨w_{j,r}, ξ_i⟩ over the filters of j = y_i: memorised if large.

    Args:
        n: training images, even.
        d: coordinates of a patch.
        s: coordinates in which a noise patch is not zero, besides the first.
        alpha: strength of the feature noise, >= 0.
        m: filters of each label.
        q: power of the positive part, >= 2; or 1 for the linear model, without the positive part.
        decay: λ >= 0 of the coupled L2 penalty. Decoupled decay is ``weight_decay`` of `play`.
        sigma_0: standard deviation of the first weights, > 0.
        sigma_p: standard deviation of the noise, > 0; 1/√s without it.
        supports: ``"random"`` chooses each patch's s coordinates alone. ``"disjoint"`` gives image i the i-th
            s coordinates after the first, which needs d > n s. It is the case that theory treats.
        batch: images of each step, drawn without replacement; all without it. The authors go through the
            images in epochs instead.
        tests: new images that ``test_error`` is measured on, even. They are the same in all runs.

    Raises:
        ValueError: a setting out of its range.

    Example:
        >>> from paripassu.rules import Adam, Normalize
        >>> from paripassu.theory import Patches, play
        >>> problem = Patches(n=40, d=40 * 30 + 1, s=30, m=16, supports="disjoint", tests=200)
        >>> for rule, lr in ((Normalize(), 0.03), (Adam(eps=1e-12), 0.005)):
        ...     end = play(problem, rule, lr, steps=95, seeds=[0], record=[95]).observed
        ...     print(end["train_error"].item(), end["test_error"].item())
        0.0 0.0
        0.0 0.865
    """

    n: int = 200
    d: int = 1000
    s: int = 100
    alpha: float = 0.2
    m: int = 20
    q: int = 3
    decay: float = 1e-5
    sigma_0: float = 0.01
    sigma_p: float | None = None
    supports: Supports = "random"
    batch: int | None = None
    tests: int = 10_000
    players = ("w",)

    def __post_init__(self) -> None:
        check_sizes(n=self.n, d=self.d, tests=self.tests)
        check_sizes(1, s=self.s, m=self.m, q=self.q)
        for name in ("n", "tests"):
            if getattr(self, name) < 2 or getattr(self, name) % 2:
                raise ValueError(f"{name} must be even and >= 2, got {getattr(self, name)}")
        for name in ("alpha", "decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and >= 0, got {getattr(self, name)}")
        for name, value in (("sigma_0", self.sigma_0), ("sigma_p", self.noise_scale)):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be finite and > 0, got {value}")
        if self.supports not in get_args(Supports):
            raise ValueError(
                f"supports must be one of {', '.join(get_args(Supports))}, got {self.supports!r}"
            )
        needed = 1 + self.s * (self.n if self.supports == "disjoint" else 1)
        if self.d < needed:
            raise ValueError(f"d must be >= {needed} for {self.supports} supports, got {self.d}")
        if self.batch is not None:
            check_sizes(batch=self.batch)
            if not 1 <= self.batch <= self.n:
                raise ValueError(f"batch must be None or in 1..{self.n}, got {self.batch}")

    @property
    def noise_scale(self) -> float:
        """σ_p, 1/√s unless it is given: then a noise patch has a length of about one."""
        return 1 / math.sqrt(self.s) if self.sigma_p is None else self.sigma_p

    @property
    def flip_ratio(self) -> float:
        """Noise over feature, α^(-1/(q - 1)), beyond which a memorising filter's feature gradient flips sign.

        It holds for a filter whose inner products with the noise of its own label's images are all equal, and
        with that of the others are <= 0. inf without feature noise.

        Raises:
            ValueError: q = 1, in which case the sign never depends on the ratio.
        """
        self._check_power()
        return self.alpha ** (-1 / (self.q - 1)) if self.alpha else math.inf

    @property
    def feature_rate(self) -> float:
        """Rate c of ``d⟨w,jv⟩/dt = c ⟨w,jv⟩^(q-1)`` while all predictions are ½: q/4.

        The feature noise, which subtracts from it, is left out.
        """
        return self.q / 4

    def noise_rate(self, noise: ArrayLike) -> Array:
        """Rate c of ``d⟨w,ξ⟩/dt = c ⟨w,ξ⟩^(q-1)`` while all predictions are ½: q ‖ξ‖²/2n.

        This is for disjoint supports. The share of the first coordinate, common to all images, is left out.

        Args:
            noise: ξ ``[..., d]``.

        Returns:
            ``[...]``.
        """
        return self.q / (2 * self.n) * np.square(np.asarray(noise)[..., 1:]).sum(axis=-1)

    def growth(self, rate: ArrayLike, first: ArrayLike, time: ArrayLike) -> Array:
        """Solution of ``dw/dt = rate w^(q-1)``, w(0) = ``first`` > 0: the gradient flow of one inner product.

        For q > 2 it blows up in finite time. For q = 3 it is w(t) = w(0) / (1 - rate w(0) t).

        Args:
            rate: `feature_rate` or `noise_rate`.
            first: w(0) > 0.
            time: learning rate times steps; it broadcasts with the others.

        Returns:
            w; inf from the blow-up on.

        Raises:
            ValueError: q = 1.
        """
        self._check_power()
        rate, first, time = (np.asarray(value, np.float64) for value in (rate, first, time))
        if self.q == 2:
            return first * np.exp(rate * time)
        power = self.q - 2
        left = np.maximum(1 - power * rate * first**power * time, 0.0)
        return np.divide(first, left ** (1 / power), out=np.full(left.shape, np.inf), where=left > 0)

    def _check_power(self) -> None:
        if self.q == 1:
            raise ValueError("q must be >= 2 here: with q = 1 the model is linear")

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """``[2, m, d]``, normal."""
        return {"w": [self.sigma_0 * rng.standard_normal((2, self.m, self.d))]}

    def run_data(self, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
        """``noise [n, d]``, the noise patches of the training images with their feature noise."""
        if self.supports == "random":
            return {"noise": self._patches(rng, self.n)}
        noise = np.zeros((self.n, self.d))
        columns = 1 + np.arange(self.n * self.s).reshape(self.n, self.s)
        noise[np.arange(self.n)[:, None], columns] = self.noise_scale * rng.standard_normal((self.n, self.s))
        noise[:, 0] = -self.alpha * labels(self.n)
        return {"noise": noise}

    def _patches(self, rng: np.random.Generator, images: int) -> Array:
        chosen = rng.random((images, self.d - 1)).argsort(axis=1)[:, : self.s]
        noise = np.zeros((images, self.d))
        noise[np.arange(images)[:, None], 1 + chosen] = self.noise_scale * rng.standard_normal(chosen.shape)
        noise[:, 0] = -self.alpha * labels(images)
        return noise

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """``batch [steps, batch]``, which images a step sees."""
        if self.batch is None:
            return {}
        return {"batch": rng.random((steps, self.n)).argsort(axis=1)[:, : self.batch]}

    @cached_property
    def _labels(self) -> Tensor:
        return torch.from_numpy(labels(self.n))

    @cached_property
    def _tests(self) -> tuple[Tensor, Tensor]:
        rng = np.random.Generator(np.random.Philox(key=[0, 2**63]))  # no run's
        return torch.from_numpy(self._patches(rng, self.tests)), torch.from_numpy(labels(self.tests))

    def _images(self, data: Data) -> tuple[Tensor, Tensor]:
        """Noise patches ``[B, d]`` and labels ``[B]`` of a step."""
        if self.batch is None:
            return data["noise"], self._labels
        return data["noise"][data["batch"]], self._labels[data["batch"]]

    def _activation(self, z: Tensor) -> Tensor:
        return z if self.q == 1 else z.clamp(min=0).pow(self.q)

    def _slope(self, z: Tensor) -> Tensor:
        return torch.ones_like(z) if self.q == 1 else self.q * z.clamp(min=0).pow(self.q - 1)

    def logits(self, w: Tensor, noise: Tensor, y: Tensor) -> Tensor:
        """F₊₁ and F₋₁.

        Args:
            w: filters ``[2, m, d]``.
            noise: ξ ``[B, d]``.
            y: labels ``[B]``.

        Returns:
            ``[B, 2]``.
        """
        features, memories = w[..., :1] * y, w @ noise.mT
        return (self._activation(features) + self._activation(memories)).sum(dim=1).mT

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """Mean cross-entropy plus λ/2 ‖W‖²."""
        (w,), (noise, y) = weights["w"], self._images(data)
        fit = cross_entropy(self.logits(w, noise, y), (y < 0).long())
        return {"w": fit + self.decay / 2 * w.square().sum()}

    def gradients(self, weights: Weights, data: Data, players: Sequence[str]) -> Weights:
        """The closed form."""
        (w,), (noise, y) = weights["w"], self._images(data)
        features, memories = w[..., :1] * y, w @ noise.mT  # [2, m, B]
        logits = (self._activation(features) + self._activation(memories)).sum(dim=1)
        own = torch.stack([y > 0, y < 0]).to(w.dtype)
        excess = ((logits.softmax(dim=0) - own) / y.shape[0]).unsqueeze(1)
        gradient = (excess * self._slope(memories)) @ noise + self.decay * w
        feature = (excess * self._slope(features)) @ y
        first = torch.cat([feature.unsqueeze(-1), torch.zeros_like(gradient[..., 1:])], dim=-1)
        return dict.fromkeys(players, (gradient + first,))

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """Both errors ``[]``, ``feature [2]`` and ``noise [n]``."""
        (w,), noise = weights["w"], data["noise"]
        half = self.n // 2
        own = [w[0] @ noise[:half].mT, w[1] @ noise[half:].mT]
        return {
            "train_error": self._error(w, noise, self._labels),
            "test_error": self._error(w, *self._tests),
            "feature": torch.stack([w[0, :, 0].amax(), (-w[1, :, 0]).amax()]),
            "noise": torch.cat([inner.amax(dim=0) for inner in own]),
        }

    def _error(self, w: Tensor, noise: Tensor, y: Tensor) -> Tensor:
        logits = self.logits(w, noise, y)
        return ((1 - torch.sign((logits[:, 0] - logits[:, 1]) * y)) / 2).mean()


def labels(images: int) -> Array:
    """``[images]``: +1 for the first half, -1 for the second."""
    return np.where(np.arange(images) < images // 2, 1.0, -1.0)
