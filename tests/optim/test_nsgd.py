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
        NSGD(parameters, 0.7, scope=scope, unit="length").step()
        moved = sum((p - b).square().sum() for p, b in zip(parameters, before, strict=True)).sqrt()
        assert moved.item() == pytest.approx(length, rel=1e-13)


def test_adams_learning_rate_is_the_first_one_to_try(tensors):
    """Adam's first step moves each element by lr, and NSGD with nothing set moves a tensor as far."""
    parameters = tensors()
    before = [p.detach().clone() for p in parameters]
    optimizer = NSGD(parameters)
    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == torch.optim.Adam(tensors()).param_groups[0]["lr"]
    for p, b in zip(parameters, before, strict=True):
        assert (p.detach() - b).square().mean().sqrt().item() == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_in_units_of_the_rms_a_step_is_the_learning_rate(tensors, scope, dtype):
    parameters = tensors(dtype)
    before = [p.detach().clone() for p in parameters]
    NSGD(parameters, 0.01, scope=scope, unit="rms").step()
    moved = [(p.detach() - b).flatten() for p, b in zip(parameters, before, strict=True)]
    for part in moved if scope == "layer" else [torch.cat(moved)]:
        assert part.square().mean().sqrt().item() == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_relative_step_is_that_share_of_the_weights(tensors, scope, dtype):
    for factor in (1.0, 2.0):
        parameters = [torch.nn.Parameter(factor * p.detach()) for p in tensors(dtype)]
        for p, other in zip(parameters, tensors(dtype), strict=True):
            p.grad = other.grad
        before = [p.detach().clone() for p in parameters]
        NSGD(parameters, 0.01, scope=scope, relative=True).step()
        moved = [(p.detach() - b).flatten() for p, b in zip(parameters, before, strict=True)]
        pairs = list(zip(moved, (b.flatten() for b in before), strict=True))
        if scope == "global":
            pairs = [tuple(map(torch.cat, zip(*pairs, strict=True)))]
        for step, weights in pairs:
            assert (step.norm() / weights.norm()).item() == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("rows", [None, 2])
def test_a_relative_step_may_be_measured_in_rows(rows):
    """A row of zeros in a matrix with others moves from the floor, too."""
    weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.06, 0.08]][:rows]))
    before = weight.detach().clone()
    weight.grad = torch.ones_like(weight)
    NSGD([weight], 0.5, scope="row", relative=True).step()
    moved = (weight.detach() - before).norm(dim=1)
    torch.testing.assert_close(moved, torch.tensor([2.5, 0.5 * 0.02 * 2**0.5, 0.05][:rows]))


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_weights_at_zero_leave_it_by_the_floor(scope):
    """A bias and a gain that start at zero, of four and nine elements, and no weights at all."""
    parameters = [torch.nn.Parameter(torch.zeros(size)) for size in (4, 9, 0)]
    for p in parameters:
        p.grad = torch.ones_like(p)
    NSGD(parameters, 0.5, scope=scope, relative=True).step()
    for p in parameters:
        torch.testing.assert_close(p.detach(), torch.full_like(p, -0.5 * 0.02))


def test_zeros_count_nothing_beside_a_players_other_weights():
    """The floor is the whole player's: its step is lr times its norm to the last digit."""
    weight, bias = torch.nn.Parameter(torch.full((16,), 0.05)), torch.nn.Parameter(torch.zeros(16))
    weight.grad = bias.grad = torch.ones(16)
    NSGD([weight, bias], 0.1, scope="global", relative=True).step()
    assert bias.detach().norm().item() == pytest.approx(0.1 * 0.2 / 2**0.5, rel=1e-6)


def test_a_unit_beside_a_share_is_refused(tensors):
    with pytest.raises(ValueError, match="unit='length' would have no effect"):
        NSGD(tensors(), 0.1, unit="length", relative=True)
    group = {"params": tensors(), "relative": True}
    with pytest.raises(ValueError, match="cannot set relative"):
        NSGD([group], 0.1)


def test_momentum_of_a_relative_step_is_a_setting_of_groups(tensors):
    optimizer = NSGD(tensors(), relative=True, momentum=0.9)
    assert (optimizer.param_groups[0]["momentum"], optimizer.param_groups[0]["lr"]) == (0.9, 1e-2)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))], "momentum": 0.0})
    assert [group["momentum"] for group in optimizer.param_groups] == [0.9, 0.0]


def test_sgds_momentum_continues_in_shares(tensors):
    parameters = tensors()
    sgd = torch.optim.SGD(parameters, 0.1, momentum=0.9)
    sgd.step()
    optimizer = NSGD.from_sgd(sgd, 0.01, scope="layer", relative=True)
    before = [p.detach().clone() for p in parameters]
    directions = [0.9 * sgd.state[p]["momentum_buffer"] + p.grad for p in parameters]
    optimizer.step()
    for p, b, d in zip(parameters, before, directions, strict=True):
        torch.testing.assert_close(p.detach(), b - 0.01 * b.norm() * d / d.norm())


def test_nsgd_keeps_no_state(tensors):
    parameters = tensors()
    optimizer = NSGD(parameters, 0.1)
    steps(optimizer, parameters, 3)
    assert not optimizer.state
