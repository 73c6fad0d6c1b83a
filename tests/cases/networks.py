"""A small network, its training on a stream of batches that the seed decides, and networks without values."""

from unittest.mock import patch

import torch
from torch.nn.utils import parametrizations


def network_of(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def train(network, optimizer, steps: int, seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(8, 3, generator=generator)).square().mean().backward()
        optimizer.step()


def without_values(model, shape: tuple[int, ...]):
    """An architecture's networks for samples of ``shape``, of tensors that have a shape and no memory.

    A spectral norm begins with fifteen power iterations of its weight, which here would take seconds.
    """
    with patch.object(parametrizations._SpectralNorm, "_power_method"), torch.device("meta"):
        return model.build(shape)


def step_on(network, optimizer, batch, *, closed) -> None:
    """One step on the mean square of the outputs, by a closure or after the gradients."""

    def closure():
        optimizer.zero_grad()
        loss = network(batch).square().mean()
        loss.backward()
        return loss

    if closed:
        optimizer.step(closure)
    else:
        closure()
        optimizer.step()
