"""Every way to step on a CPU against the pure rules in float64: shapes, layouts, scopes and scales."""

import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.cases.rules import FAST, PARTS, SLOW, only
from torch import nn

from paripassu.optim import NSGD, RuleOptimizer, steps
from paripassu.optim.steps import cpu, foreach, plain
from paripassu.rules import SGD, Graft, Normalize

leaves = torch.utils._pytree.tree_leaves
WAYS = {"cpu": cpu, "foreach": foreach, "plain": plain}
if find_spec("numba") is None:
    del WAYS["cpu"]
FAST_BY_WAY = [pytest.param(way, rule, id=f"{name} {rule}") for name, way in WAYS.items() for rule in FAST]


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def way(request):
    """Steps are carried out in this way alone."""
    with only(request.param):
        yield request.param


def laid_out(values: torch.Tensor, order, gaps: bool) -> torch.Tensor:
    """``values`` with its dimensions in the given order of memory, with or without gaps."""
    dense = values.permute(order).contiguous()
    if gaps and dense.dim():
        wide = torch.zeros((*dense.shape[:-1], 2 * dense.shape[-1]), dtype=values.dtype)
        wide[..., ::2] = dense
        dense = wide[..., ::2]
    return dense.permute([order.index(i) for i in range(len(order))])


@st.composite
def layouts(draw, max_side=6):
    """A shape, an order of its dimensions in memory, and whether memory has gaps."""
    shape = tuple(draw(st.lists(st.integers(0, max_side), max_size=4)))
    return shape, draw(st.permutations(range(len(shape)))), draw(st.booleans())


def make(rule, tensors, lr=0.1, **more):
    """The optimizer, its parameters and their twins in float64."""
    parameters = [nn.Parameter(t) for t in tensors]
    return RuleOptimizer(parameters, lr, rule=rule, **more), parameters, [t.double() for t in tensors]


@pytest.mark.parametrize("way", WAYS)
@given(
    rule=st.sampled_from(FAST),
    shapes=st.lists(st.tuples(layouts(), layouts()), min_size=1, max_size=4),
    scale=st.sampled_from([1e-15, 1e-3, 1.0, 1e12]),
    decay=st.sampled_from([0.0, 0.1]),
    maximize=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_steps_are_the_rules(way, rule, shapes, scale, decay, maximize, seed):
    generator = torch.Generator().manual_seed(seed)

    def normal(shape):
        return torch.randn(shape, generator=generator)

    starts = [laid_out(normal(shape), order, gaps=False) for (shape, order, _), _ in shapes]
    optimizer, parameters, exact = make(rule, starts, weight_decay=decay, maximize=maximize)
    states = [rule.init(p) for p in exact]
    for _ in range(3):
        for p, (_, (_, order, gaps)) in zip(parameters, shapes, strict=True):
            layout = order if len(order) == p.dim() else range(p.dim())
            p.grad = laid_out(scale * normal(p.shape), list(layout), gaps)
        before = [p.grad.clone() for p in parameters]
        updates, states = rule.update([p.grad.double() for p in parameters], states, exact)
        exact = [p - 0.1 * ((-u if maximize else u) + decay * p) for p, u in zip(exact, updates, strict=True)]
        with only(WAYS[way]):
            optimizer.step()
        assert all(torch.equal(p.grad, b) for p, b in zip(parameters, before, strict=True))
        for p, e, u in zip(parameters, exact, updates, strict=True):
            tolerance = 1e-5 * (u.abs().max().item() + e.abs().max().item()) if u.numel() else 0.0
            torch.testing.assert_close(p.detach().double(), e, rtol=0, atol=tolerance)


@pytest.mark.parametrize("rule", FAST, ids=repr)
def test_groups_added_later_and_missing_gradients_are_the_rules(way, rule):
    """Each group has a rate, decay and sign, a tensor among the rates; float32 against float64."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (5,), (), (2, 3), (7,)]
    rates, decays, signs = [0.1, 0.1, 0.3, 0.3, 0.2], [0.0, 0.0, 0.5, 0.5, 0.1], [1, 1, -1, -1, 1]
    optimizer, parameters, exact = make(rule, [torch.randn(s, generator=generator) for s in shapes[:2]])
    added = [nn.Parameter(torch.randn(s, generator=generator)) for s in shapes[2:]]
    second = {"params": added[:2], "lr": torch.tensor(0.3), "weight_decay": 0.5, "maximize": True}
    groups = [second, {"params": added[2:], "lr": 0.2, "weight_decay": 0.1}]
    states = [rule.init(e) for e in exact]
    for i in range(4):
        if i == 1:
            for group in groups:
                optimizer.add_param_group(group)
            parameters += added
            exact += [p.detach().double() for p in added]
            states += [rule.init(p) for p in exact[2:]]
        for p in parameters:
            p.grad = torch.randn(p.shape, generator=generator)
        if i == 2:
            parameters[1].grad = parameters[3].grad = None
        there = [k for k, p in enumerate(parameters) if p.grad is not None]
        updates, following = rule.update(
            [parameters[k].grad.double() for k in there],
            [states[k] for k in there],
            [exact[k] for k in there],
        )
        for k, u, state in zip(there, updates, following, strict=True):
            states[k] = state
            exact[k] = exact[k] * (1 - rates[k] * decays[k]) - rates[k] * signs[k] * u
        optimizer.step()
        for p, e in zip(parameters, exact, strict=True):
            largest = e.abs().max().item() + 1.0
            torch.testing.assert_close(p.detach().double(), e, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize("rule", FAST, ids=repr)
def test_states_are_the_rules(way, rule):
    """So that a run may go on in another way, after an update of its libraries or on another machine."""
    generator = torch.Generator().manual_seed(0)
    optimizer, parameters, exact = make(rule, [torch.randn(s, generator=generator) for s in ((3, 4), (5,))])
    states = [rule.init(e) for e in exact]
    for _ in range(3):
        for p in parameters:
            p.grad = torch.randn(p.shape, generator=generator)
        _, states = rule.update([p.grad.double() for p in parameters], states, exact)
        optimizer.step()
    for p, state in zip(parameters, states, strict=True):
        for ours, theirs in zip(leaves(optimizer.state.get(p, {})), leaves(state), strict=True):
            torch.testing.assert_close(ours.double(), theirs.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("way", "rule"),
    [*FAST_BY_WAY, *(pytest.param(plain, rule, id=f"plain {rule}") for rule in SLOW)],
)
def test_parameters_and_states_are_written_in_place(way, rule):
    """A CUDA graph replays a step at the addresses it recorded."""
    optimizer, parameters, _ = make(rule, [torch.ones(3, 4), torch.ones(5)], weight_decay=0.1)
    seen = []
    for _ in range(3):
        for p in parameters:
            p.grad = torch.randn(p.shape)
        with only(way):
            optimizer.step()
        tensors = [*parameters, *leaves(dict(optimizer.state))]
        seen.append([(id(t), t.data_ptr()) for t in tensors])
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e-24, 1.0, 1e22, 1e30, 1e37])
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_lengths_hold_at_any_scale(way, scale, scope):
    """1e-40 is subnormal: there the gradient itself has but 17 bits."""
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, -4.0]) * scale
    NSGD([parameter], 0.5, scope=scope, unit="length").step()
    torch.testing.assert_close(
        parameter.detach(), torch.tensor([-0.3, 0.4]), rtol=1e-4 if scale < 1e-37 else 1e-6, atol=0
    )


@pytest.mark.parametrize("scale", [1e-24, 1.0, 1e22])
@pytest.mark.parametrize("outlier", [0.0, 1e-30, 1e25])
def test_lengths_hold_beside_elements_of_other_scales(way, scale, outlier):
    """In tensors of one run of memory, of several, and of several with a rest."""
    generator = torch.Generator().manual_seed(0)
    parameters = [nn.Parameter(torch.zeros(size)) for size in (3, 4096, 9000)]
    for p in parameters:
        p.grad = scale * torch.randn(p.shape, generator=generator)
        p.grad[:2] = outlier
    RuleOptimizer(parameters, 1.0, rule=Normalize(SGD(), "layer")).step()
    for p in parameters:
        assert p.detach().double().norm().item() == pytest.approx(1.0, rel=1e-6)


def test_lengths_are_accurate_over_25_million_elements(way):
    parameter = nn.Parameter(torch.zeros(25_000_000))
    parameter.grad = torch.randn(25_000_000, generator=torch.Generator().manual_seed(0))
    NSGD([parameter], 2.0, unit="length").step()
    moved = np.linalg.norm(parameter.detach().numpy().astype(np.float64))
    assert moved == pytest.approx(2.0, rel=1e-6)


@pytest.mark.parametrize("rule", FAST, ids=repr)
def test_nonfinite_gradients_reach_the_parameters(way, rule):
    for bad in [math.nan, math.inf]:
        optimizer, parameters, _ = make(rule, [torch.ones(3), torch.ones(2)])
        parameters[0].grad, parameters[1].grad = torch.tensor([1.0, bad, 2.0]), torch.ones(2)
        optimizer.step()
        # Adam's inf / sqrt(inf) is NaN too; only plain SGD hands an inf on as it is.
        assert not parameters[0].isfinite().all()


@pytest.mark.parametrize("rule", FAST, ids=repr)
def test_zero_gradients_move_nothing(way, rule):
    optimizer, (parameter,), _ = make(rule, [torch.ones(3)])
    parameter.grad = torch.zeros(3)
    optimizer.step()
    assert parameter.tolist() == [1.0] * 3


def test_a_gradient_may_be_stored_as_its_negative(way):
    """The imaginary part of a conjugate is a view of memory that holds the opposite sign."""
    optimizer, (parameter,), _ = make(Normalize(), [torch.zeros(2)])
    parameter.grad = torch.tensor([1 - 3j, 1 + 4j]).conj().imag
    assert parameter.grad.is_neg()
    optimizer.step()
    assert parameter.tolist() == pytest.approx([-0.06, 0.08])


def test_gradients_may_move_between_steps(way):
    """zero_grad(set_to_none=True) gives every gradient new memory."""
    optimizer, (parameter,), (exact,) = make(Normalize(), [torch.ones(4)])
    kept = []
    for i in range(5):
        optimizer.zero_grad(set_to_none=True)
        kept.append(torch.full((4,), float(i + 1)))  # alive, so that no address comes twice
        parameter.grad = kept[-1]
        optimizer.step()
        exact = exact - 0.05
    torch.testing.assert_close(parameter.detach().double(), exact)


def test_complex_numbers_are_pairs(way):
    parameter = nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    parameter.grad = torch.tensor([3.0 + 0j, 4.0j])
    RuleOptimizer([parameter], 0.1, rule=Normalize()).step()
    torch.testing.assert_close(parameter.detach(), torch.tensor([-0.06 + 0j, -0.08j]))


CHANGES = {
    "order of memory": lambda t: t.t(),
    "place": lambda t: t.clone(),
    "dtype": lambda t: t.double(),
    "layout": lambda t: t.t().contiguous().t(),
    "part of itself": lambda t: t[:2],
}


@pytest.mark.parametrize(
    ("change", "states_too"),
    [
        *(pytest.param(change, True, id=name) for name, change in CHANGES.items()),
        pytest.param(CHANGES["order of memory"], False, id="order of memory, not of states"),
        pytest.param(CHANGES["layout"], False, id="layout, not of states"),
    ],
)
@pytest.mark.parametrize("rule", [Normalize(), Normalize(SGD(0.9)), Graft(PARTS[3], SGD())], ids=repr)
def test_memory_that_a_person_changes_is_checked_again(rule, change, states_too):
    """Between two steps, without autograd's knowledge; the first way that supports the rest serves."""
    ends = []
    for ways in ((plain,), (foreach, plain), steps.WAYS):
        generator = torch.Generator().manual_seed(0)
        parameter = nn.Parameter(torch.randn(4, 4, generator=generator))
        whole = parameter.data
        optimizer = RuleOptimizer([parameter], 0.1, rule=rule)
        for step in range(4):
            if step == 2:
                states = leaves(dict(optimizer.state)) if states_too else []
                for tensor in [parameter, *states]:
                    if torch.is_tensor(tensor) and tensor.dim():
                        tensor.data = change(tensor.data)
                parameter.grad = None
            parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
            with only(*ways):
                optimizer.step()
        ends.append((parameter.detach(), whole))
    for other in ends[1:]:
        for ours, theirs in zip(other, ends[0], strict=True):
            torch.testing.assert_close(ours, theirs)


SIZES = {"more": (8, 64), "one to many": (1, 64), "fewer": (64, 8)}


@pytest.mark.parametrize(("before", "after"), SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("rule", [r for r in FAST if leaves(r.init(torch.zeros(1)))], ids=repr)
def test_a_parameter_of_another_size_at_its_old_address_is_refused(way, rule, before, after):
    """As torch refuses it: its states have the old size, and kernels would write beyond them."""
    with only(way, plain):
        memory = torch.zeros(64)
        optimizer, (parameter,), _ = make(rule, [memory[:before]])
        for _ in range(2):
            parameter.grad = torch.ones(before)
            optimizer.step()
        parameter.grad = None
        parameter.data = memory[:after]
        parameter.grad = torch.ones(after)
        with pytest.raises((RuntimeError, ValueError), match=r"size|shape"):
            optimizer.step()


def test_another_layout_at_the_old_address_is_checked_again(way):
    """Of a parameter that is contiguous neither before nor after: states keep the old order of memory."""
    ends = []
    for ways in ((plain,), (way, plain)):
        memory = torch.arange(8.0)
        parameter = nn.Parameter(memory.view(2, 2, 2).permute(2, 1, 0))
        optimizer = RuleOptimizer([parameter], 0.1, rule=SGD(0.9))
        for order in ((2, 1, 0), (2, 1, 0), (1, 0, 2), (1, 0, 2)):
            parameter.data = memory.view(2, 2, 2).permute(order)
            parameter.grad = torch.arange(8.0).view(2, 2, 2)
            with only(*ways):
                optimizer.step()
        ends.append(memory)
    torch.testing.assert_close(*ends)
