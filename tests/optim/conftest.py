"""Every optimizer, and a small problem for it."""

import pytest
import torch
from tests.cases.rules import OPTIMIZERS


@pytest.fixture(params=OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def make(request):
    """A function of parameters (and lr, weight_decay, maximize) that makes the optimizer of one case."""
    return request.param


@pytest.fixture
def tensors():
    """A function that gives fresh, equal parameters and gradients of several shapes."""

    def fresh(dtype=torch.float64, seed=0):
        generator = torch.Generator().manual_seed(seed)
        shapes = [(3, 4), (5,), (), (2, 1, 3)]
        parameters = [torch.nn.Parameter(torch.randn(s, generator=generator, dtype=dtype)) for s in shapes]
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=dtype)
        return parameters

    return fresh
