"""Which groups and parameters are refused, by what name."""

import math

import pytest
import torch
from tests.cases.players import give_gradients, parameters_of
from torch import nn


def test_float16_is_refused_with_what_to_do(make):
    with pytest.raises(ValueError, match="autocast"):
        make(parameters_of(torch.float16))


def test_float16_is_refused_where_a_network_turns_into_it(make):
    network = nn.Linear(2, 2)
    optimizer = make(network.parameters())
    network.half()
    give_gradients(network.parameters())
    with pytest.raises(ValueError, match="autocast"):
        optimizer.step()


def test_views_that_a_step_would_copy_are_refused(make):
    values = torch.ones(3, dtype=torch.complex64)
    for view in (values.conj(), values.conj().imag):
        with pytest.raises(ValueError, match="resolve_conj"):
            make([view.detach().requires_grad_()])


def test_a_refused_group_leaves_the_player_as_it_was(make):
    optimizer = make(parameters_of(torch.float32))
    for group in ({"lr": -1.0}, {"weight_decay": -1.0}, {"params": parameters_of(torch.float16)}):
        with pytest.raises(ValueError, match=r"must be|autocast"):
            optimizer.add_param_group({"params": parameters_of(torch.float32)} | group)
    assert len(optimizer.param_groups) == 1


def test_settings_of_schedulers_in_groups_are_no_settings_of_ours(make):
    parameters = parameters_of(torch.float32)
    optimizer = make(parameters)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10, cycle_momentum=False)
    make(optimizer.param_groups).step()


def test_learning_rates_are_finite_and_positive(make, tensors):
    for lr in [-0.1, math.nan, math.inf]:
        with pytest.raises(ValueError, match="lr must be"):
            make(tensors(), lr)


def test_weight_decay_is_finite_and_positive(make, tensors):
    for decay in [-1.0, math.nan, math.inf]:
        with pytest.raises(ValueError, match="weight_decay must be"):
            make(tensors(), weight_decay=decay)
