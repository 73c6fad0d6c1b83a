"""The table of addresses and rates, on the CPU."""

import pytest
import torch
from torch import nn

from paripassu.optim import RuleOptimizer
from paripassu.optim.steps import cuda_table
from paripassu.optim.steps.flat import flat_memory
from paripassu.rules import SGD, Graft, Normalize, Weight


@pytest.mark.parametrize("rule", [SGD(), Normalize(SGD(0.9), "layer"), Graft(Weight(), SGD())], ids=repr)
def test_a_table_is_where_the_parameters_are_whatever_the_default_device(rule):
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    optimizer = RuleOptimizer([parameter], 0.1, rule=rule)
    step = optimizer._prepare(optimizer._gradients())
    memory = flat_memory(step.decomposition, step, -1)
    expected = cuda_table.send(step.decomposition, step, memory)
    with torch.device("meta"):
        table = cuda_table.send(step.decomposition, step, memory)
    assert torch.equal(table.words, expected.words)
    assert table.scratch.device.type == "cpu"
