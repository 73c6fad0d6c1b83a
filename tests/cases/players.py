"""Small players for optimizers: parameters of several dtypes, gradients by seed, and what a step changed."""

import torch
from torch import nn

leaves = torch.utils._pytree.tree_leaves


def parameters_of(*dtypes) -> list[nn.Parameter]:
    """One matrix for each dtype."""
    generator = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(4, 3, generator=generator).to(dtype)) for dtype in dtypes]


def give_gradients(parameters, seed=0, scale=1.0) -> None:
    """Random gradients; those of equal seeds are equal in all dtypes, but for rounding."""
    generator = torch.Generator().manual_seed(seed)
    for p in parameters:
        p.grad = (scale * torch.randn(p.shape, generator=generator, dtype=torch.float64)).to(p.dtype)


def steps(optimizer, parameters, count: int, seed: int = 10) -> None:
    """Steps from as many random gradients."""
    for i in range(count):
        give_gradients(parameters, seed + i)
        optimizer.step()


def snapshot(optimizer) -> list[torch.Tensor]:
    """Copies of the first group's parameters and of all states."""
    tensors = leaves([optimizer.param_groups[0]["params"], dict(optimizer.state)])
    return [t.clone() for t in tensors if torch.is_tensor(t)]


def same(left, right) -> bool:
    """Whether both are the same tensors, bit by bit."""
    return len(left) == len(right) and all(torch.equal(a, b) for a, b in zip(left, right, strict=True))
