"""Normalised SGD: the length of its steps."""

import math

import pytest
import torch
from tests.cases.players import give_gradients, parameters_of, steps

from paripassu.optim import NSGD


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_accumulated_gradients_need_no_division(scope):
    """nSGDA ignores the scale of the loss, so the sum over micro-batches is as good as their mean."""
    summed, averaged = parameters_of(torch.float32), parameters_of(torch.float32)
    for parameters, scale in ((summed, 8.0), (averaged, 1.0)):
        give_gradients(parameters, scale=scale)
        NSGD(parameters, 0.1, scope=scope).step()
    torch.testing.assert_close(summed, averaged)


def test_nsgd_steps_have_exactly_their_length(tensors):
    for scope, length in (("global", 0.7), ("layer", 0.7 * math.sqrt(4))):
        parameters = tensors()
        before = [p.detach().clone() for p in parameters]
        NSGD(parameters, 0.7, scope=scope).step()
        moved = sum((p - b).square().sum() for p, b in zip(parameters, before, strict=True)).sqrt()
        assert moved.item() == pytest.approx(length, rel=1e-13)


def test_nsgd_keeps_no_state(tensors):
    parameters = tensors()
    optimizer = NSGD(parameters, 0.1)
    steps(optimizer, parameters, 3)
    assert not optimizer.state
