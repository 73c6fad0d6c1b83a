"""torch's multi-tensor operations: where they serve, and what the host reads."""

import pytest
import torch
from tests.cases.rules import FAST, PARTS, only
from torch import nn

from paripassu.optim import NSGD, RuleOptimizer
from paripassu.optim.steps import cpu, foreach, plain
from paripassu.rules import Normalize


def _optimizer(rule, *tensors):
    parameters = [nn.Parameter(t) for t in tensors]
    for p in parameters:
        p.grad = torch.ones_like(p)
    return RuleOptimizer(parameters, 0.1, rule=rule), parameters


@pytest.mark.parametrize("rule", FAST, ids=repr)
def test_the_host_reads_nothing_back_from_a_device(rule, monkeypatch):
    """On the meta device there is nothing to read: a branch on a value, or a number made of it, raises."""
    optimizer, _ = _optimizer(rule, *(torch.empty(s, device="meta") for s in ((3, 4), (5,), ())))
    with torch.no_grad():
        step = optimizer._prepare(optimizer._gradients())
        states = torch.utils._pytree.tree_map(lambda t: t.to("meta"), step.states)
        arrays = step.decomposition.arrays(states)
        foreach.carry_out(step.decomposition, step, step.gradients, arrays)


def test_without_numba_it_serves(monkeypatch):
    """numba is optional: nothing of it is imported, and no step is slow."""
    monkeypatch.setattr(cpu, "_kernels", lambda: None)
    optimizer, (parameter,) = _optimizer(Normalize(), torch.zeros(4))
    step = optimizer._prepare(optimizer._gradients())
    assert cpu.plan(step) is None
    with only(cpu, foreach):
        optimizer.step()
    assert parameter.tolist() == pytest.approx([-0.05] * 4)


def test_a_step_of_normalised_sgd_allocates_little():
    """At most a float64 for each 4,096 elements: no array of the parameters' size."""
    parameter = nn.Parameter(torch.zeros(2**22))
    parameter.grad = torch.ones(2**22)
    optimizer = NSGD([parameter], 0.1)
    with only(foreach), torch.profiler.profile(profile_memory=True) as profile:
        optimizer.step()
    allocated = [e.self_cpu_memory_usage for e in profile.events() if e.self_cpu_memory_usage > 0]
    assert 0 < sum(allocated) <= 2**16


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(4, dtype=torch.float64),
        torch.zeros(4, dtype=torch.bfloat16),
        torch.zeros(4, 2)[:, 0],
        torch.zeros(1).expand(4),
        torch.zeros(4, device="meta"),
    ],
    ids=["float64", "bfloat16", "gaps", "expanded", "another device"],
)
def test_what_is_not_dense_float32_is_left_to_the_plain_way(tensor):
    optimizer, _ = _optimizer(Normalize(), tensor)
    step = optimizer._prepare(optimizer._gradients())
    assert foreach.plan(step) is None
    assert plain.plan(step) is not None


@pytest.mark.parametrize("rule", [PARTS[3], Normalize(PARTS[3])], ids=repr)
def test_strides_of_dimensions_with_one_element_make_no_difference(rule):
    """torch's fused kernels compare them."""
    plain_one, (parameter,) = _optimizer(rule, torch.linspace(-1, 1, 12).reshape(1, 3, 4))
    odd, (other,) = _optimizer(rule, torch.linspace(-1, 1, 12).reshape(1, 3, 4))
    other.grad = torch.ones(12).as_strided((1, 3, 4), (7, 4, 1))
    for optimizer in (plain_one, odd):
        with only(foreach):
            optimizer.step()
    assert torch.equal(parameter, other)
