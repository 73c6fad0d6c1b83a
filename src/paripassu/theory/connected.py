"""Fully connected layers of players: first weights drawn by numpy, and a pure function in torch."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from paripassu.theory.problem import Array


def he_normal(rng: np.random.Generator, *shape: int, inputs: int) -> Array:
    """Weights of variance 2 / ``inputs``: He et al. 2015, arXiv:1502.01852."""
    return np.sqrt(2 / inputs) * rng.standard_normal(shape)


def connected_start(rng: np.random.Generator, sizes: Sequence[int]) -> list[Array]:
    """First weights of fully connected layers: He's ``[inputs, outputs]`` and zero biases, in turn."""
    pairs = [
        (he_normal(rng, fan_in, width, inputs=fan_in), np.zeros(width)) for fan_in, width in pairwise(sizes)
    ]
    return [tensor for pair in pairs for tensor in pair]


def connected(
    weights: Sequence[Tensor], x: Tensor, between: Callable[[Tensor], Tensor] = torch.relu
) -> Tensor:
    """Fully connected layers of vectors ``[B, inputs]``, with the function ``between`` between them.

    Example:
        >>> import torch
        >>> weights = [torch.eye(2), torch.zeros(2), torch.ones(2, 1), torch.ones(1)]
        >>> connected(weights, torch.tensor([[-3.0, 2.0]]))
        tensor([[3.]])
    """
    *before, last = zip(weights[::2], weights[1::2], strict=True)
    for weight, bias in before:
        x = between(x @ weight + bias)
    return x @ last[0] + last[1]
