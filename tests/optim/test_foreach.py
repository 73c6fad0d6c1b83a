"""The path of CUDA, run here on the CPU against the pure rules in float64; its speed is not measured here."""

import math

import pytest
import torch
from torch import nn

from paripassu.optim import RuleOptimizer, foreach
from paripassu.optim.form import form_of
from paripassu.rules import SGD, Adam, Graft, Normalize

EPS = 1e-30
PARTS = [SGD(), SGD(0.9), Adam((0.0, 0.9), EPS), Adam((0.5, 0.999), EPS)]
RULES = [
    *PARTS,
    *(Normalize(part, scope) for part in PARTS for scope in ("global", "layer")),
    *(Graft(PARTS[i], PARTS[j], s) for i, j in ((0, 2), (2, 1), (1, 3), (3, 0)) for s in ("global", "layer")),
]


@pytest.fixture
def on_this_path(monkeypatch):
    """Send every step of a rule that has a form along the path of CUDA."""
    monkeypatch.setattr("paripassu.optim.flat.serves", lambda *_: None)
    monkeypatch.setattr(foreach, "serves", lambda _: True)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("tensor_lr", [False, True])
def test_steps_are_the_rules(on_this_path, rule, scale, tensor_lr):
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (5,), (), (2, 1, 3), (0, 2)]
    parameters = [nn.Parameter(torch.randn(s, generator=generator)) for s in shapes]
    rates, decays, signs = [0.1, 0.1, 0.2, 0.2, 0.2], [0.0, 0.0, 0.5, 0.5, 0.5], [1, 1, -1, -1, -1]
    wrap = torch.tensor if tensor_lr else float
    optimizer = RuleOptimizer(
        [
            {"params": parameters[:2], "lr": wrap(0.1)},
            {"params": parameters[2:], "lr": wrap(0.2), "weight_decay": 0.5, "maximize": True},
        ],
        0.1,
        rule=rule,
    )
    exact = [p.detach().double() for p in parameters]
    states = [rule.init(e) for e in exact]
    for _ in range(3):
        gradients = [scale * torch.randn(s, generator=generator) for s in shapes]
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g.clone()
        updates, states = rule.update([g.double() for g in gradients], states)
        exact = [
            e * (1 - r * d) - r * s * u
            for e, u, r, d, s in zip(exact, updates, rates, decays, signs, strict=True)
        ]
        optimizer.step()
        assert all(torch.equal(p.grad, g) for p, g in zip(parameters, gradients, strict=True))
        for p, e, u in zip(parameters, exact, updates, strict=True):
            largest = max(t.abs().max().item() for t in (e, u)) if e.numel() else 0.0
            torch.testing.assert_close(p.detach().double(), e, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_zero_gradients_move_nothing(on_this_path, rule):
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.zeros(3)
    RuleOptimizer([parameter], 0.1, rule=rule).step()
    assert parameter.tolist() == [1.0] * 3


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("scale", [1e-40, 1e-36, 1e36])
def test_lengths_hold_as_far_as_one_factor_does(on_this_path, scale, scope):
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, -4.0]) * scale
    RuleOptimizer([parameter], 0.01, rule=Normalize(scope=scope)).step()
    torch.testing.assert_close(parameter.detach(), torch.tensor([-0.006, 0.008]), rtol=1e-4, atol=0)


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_gradient_that_is_hardly_there_makes_no_infinite_step(on_this_path, scope):
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3e-42, -4e-42])
    RuleOptimizer([parameter], 1.0, rule=Normalize(scope=scope)).step()
    x, y = parameter.tolist()
    assert 1e-4 < math.hypot(x, y) < 1
    assert x / y == pytest.approx(-0.75, rel=1e-3)


@pytest.mark.parametrize("shared", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
def test_groups_that_share_a_rate_have_decays_of_their_own(on_this_path, shared):
    """As weights that decay and biases that do not, both at the optimizer's own rate."""
    weight, bias = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    for p in (weight, bias):
        p.grad = torch.zeros(2)
    groups = [{"params": [weight], "weight_decay": 0.5}, {"params": [bias]}]
    RuleOptimizer(groups, shared, rule=Normalize()).step()
    assert weight.tolist() == pytest.approx([0.95] * 2)
    assert bias.tolist() == [1.0] * 2


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_host_reads_nothing_back(rule):
    """On the meta device there is nothing to read: a branch on a value, or a number made of it, raises."""
    parameters = [nn.Parameter(torch.empty(s, device="meta")) for s in ((3, 4), (5,), ())]
    for p in parameters:
        p.grad = torch.empty_like(p)
    optimizer = RuleOptimizer(parameters, 0.1, rule=rule)
    with torch.no_grad():
        turn = optimizer._turn(optimizer._stepped())
        turn.states[:] = torch.utils._pytree.tree_map(lambda t: t.to("meta"), turn.states)
        foreach.step(form_of(rule), turn)


def test_tensors_on_the_cpu_are_not_served():
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    optimizer = RuleOptimizer([parameter], 0.1, rule=SGD())
    assert not foreach.serves(optimizer._turn(optimizer._stepped()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_captured_step_replays(rule):
    def make():
        parameter = nn.Parameter(torch.linspace(-1, 1, 5, device="cuda"))
        parameter.grad = torch.linspace(1, 2, 5, device="cuda")
        return parameter, RuleOptimizer([parameter], 0.1, rule=rule)

    (plain, one), (captured, other) = make(), make()
    for _ in range(4):
        one.step()
    other.step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        other.step()
    for _ in range(3):
        graph.replay()
    torch.testing.assert_close(plain, captured)
