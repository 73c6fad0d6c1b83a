r"""Networks whose logits do not change when their weights are multiplied by a number > 0.

ReLU, products and sums of terms of equal degree are homogeneous in the weights. What comes last is
:math:`\tau z / \lVert z \rVert`, which is of degree 0. So, with all weights w together,

.. math:: L(kw) = L(w), \qquad \langle \nabla L(w), w \rangle = 0, \qquad \nabla L(kw) = \nabla L(w) / k.

In a perceptron without biases this holds for each weight matrix by itself. In the attention block it holds
for all weights together, for W_Q and for W_K.

Source: Li, Bhojanapalli, Zaheer, Reddi & Kumar 2022, arXiv:2202.00980. There the output layer is left out of
the invariant part, and trained by another rule. Here logits are normalised, so that one rule trains all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from paripassu.classifiers.network import Network
from paripassu.data.digits import CLASSES, SIDE
from paripassu.sizes import check_sizes
from paripassu.theory.connected import he_normal
from paripassu.theory.problem import Array

TEMPERATURE = 10.0
"""τ, the length of all logits: the loss of a right answer can then be as small as 3e-4."""


def normalized(x: Tensor) -> Tensor:
    """``x / ‖x‖`` over the last dimension, 0 where x is 0. No epsilon, so the scale of x never matters."""
    square = x.square().sum(dim=-1, keepdim=True)
    is_zero = square == 0
    return torch.where(is_zero, 0.0, x / torch.where(is_zero, 1.0, square).sqrt())


def shares(scores: Tensor) -> Tensor:
    """Rows of ReLU(scores) over their sum: attention without a softmax.

    A row without a positive score is uniform, so that every row sums to 1. The paper leaves this case open.

    Args:
        scores: ``[..., n]``.

    Example:
        >>> import torch
        >>> shares(torch.tensor([[3.0, 1.0, -5.0], [-1.0, -2.0, 0.0]])).tolist()[0]
        [0.75, 0.25, 0.0]
    """
    positive = scores.relu()
    total = positive.sum(dim=-1, keepdim=True)
    is_zero = total == 0
    return torch.where(is_zero, 1 / scores.shape[-1], positive / torch.where(is_zero, 1.0, total))


def standardized(x: Tensor) -> Tensor:
    """Layer norm without parameters or epsilon, over the last dimension."""
    return normalized(x - x.mean(dim=-1, keepdim=True)) * x.shape[-1] ** 0.5


@dataclass(frozen=True)
class ScaleInvariantPerceptron(Network):
    """Fully connected layers without biases, ReLU between them, and logits of constant length.

    Args:
        widths: of the hidden layers, each >= 1.

    Raises:
        ValueError: a width below 1.

    Example:
        >>> import torch
        >>> net, images = ScaleInvariantPerceptron((32,)), torch.ones(3, 8, 8)
        >>> first, second = net.first(0)
        >>> scaled, own = net.logits([3 * first, second], images), net.logits([first, second], images)
        >>> torch.allclose(scaled, own, rtol=1e-4, atol=1e-4)
        True
    """

    widths: tuple[int, ...] = (32, 32)

    def __post_init__(self) -> None:
        check_sizes(1, **{f"width {n + 1}": width for n, width in enumerate(self.widths)})

    def start(self, rng: np.random.Generator) -> list[Array]:
        """He's weights ``[inputs, outputs]``, layer by layer."""
        sizes = [SIDE**2, *self.widths, CLASSES]
        return [he_normal(rng, fan_in, width, inputs=fan_in) for fan_in, width in pairwise(sizes)]

    def logits(self, weights: Sequence[Tensor], images: Tensor) -> Tensor:
        """``[B, 10]``, each row of length `TEMPERATURE`."""
        hidden = images.flatten(1)
        for weight in weights[:-1]:
            hidden = (hidden @ weight).relu()
        return TEMPERATURE * normalized(hidden @ weights[-1])


@dataclass(frozen=True)
class ScaleInvariantAttention(Network):
    """One block of attention and two layers, for the eight rows of an image as tokens.

    With X the rows, P a learned position, N `shares`, and LN `standardized`::

        h0 = (X E + P) W                                    tokens, of degree 2 in the weights
        h1 = h0 + sum over heads of N(LN(h0) Q (LN(h0) K)ᵀ) LN(h0) V O
        h2 = h1 + ReLU(LN(h1) A) B
        logits = τ z / ‖z‖ with z = mean over tokens of h2, times H

    Each summand is of degree 2 in the weights, as in the paper, so that z is of degree 3.

    Args:
        width: of a token, divisible by ``heads``.
        heads: of the attention, >= 1.

    Raises:
        ValueError: a number below 1, or a width that heads do not divide.

    Example:
        >>> import torch
        >>> net = ScaleInvariantAttention(width=8, heads=2)
        >>> weights, images = net.first(0), torch.rand(3, 8, 8)
        >>> scaled = [3 * weight for weight in weights]
        >>> torch.allclose(net.logits(scaled, images), net.logits(weights, images), rtol=1e-4)
        True
    """

    width: int = 16
    heads: int = 2

    def __post_init__(self) -> None:
        check_sizes(1, width=self.width, heads=self.heads)
        if self.width % self.heads:
            raise ValueError(f"heads must divide the width {self.width}, got {self.heads}")

    def start(self, rng: np.random.Generator) -> list[Array]:
        """E, P, W, Q, K, V, O, A, B and H."""
        width, many = self.width, 2 * self.width
        shapes = [(SIDE, width), (SIDE, width), *[(width, width)] * 5, (width, many), (many, width)]
        return [he_normal(rng, *shape, inputs=shape[0]) for shape in [*shapes, (width, CLASSES)]]

    def logits(self, weights: Sequence[Tensor], images: Tensor) -> Tensor:
        """``[B, 10]``, each row of length `TEMPERATURE`."""
        embed, position, mix, *attention, up, down, head = weights
        tokens = (images @ embed + position) @ mix
        seen = standardized(tokens)
        values = self._split(seen @ attention[2])
        attended = (self.attention(attention[:2], seen) @ values).transpose(-3, -2)
        tokens = tokens + attended.reshape(tokens.shape) @ attention[3]
        tokens = tokens + (standardized(tokens) @ up).relu() @ down
        return TEMPERATURE * normalized(tokens.mean(dim=-2) @ head)

    def attention(self, weights: Sequence[Tensor], tokens: Tensor) -> Tensor:
        """How much each token looks at each other: rows that sum to 1.

        Args:
            weights: Q and K.
            tokens: ``[B, 8, width]``.

        Returns:
            ``[B, heads, 8, 8]``.
        """
        queries, keys = (self._split(tokens @ weight) for weight in weights)
        return shares(queries @ keys.mT)

    def _split(self, tokens: Tensor) -> Tensor:
        """``[B, 8, width]`` to ``[B, heads, 8, width / heads]``."""
        return tokens.unflatten(-1, (self.heads, -1)).transpose(-3, -2)
