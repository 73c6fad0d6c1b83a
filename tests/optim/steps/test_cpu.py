"""The fast path on a CPU against the pure rules in float64: random shapes, layouts, scopes and scales."""

import builtins
import math
import os
import signal
import threading
import time
import tracemalloc
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases.rules import PARTS
from torch import nn

from paripassu.optim import NSGD, RuleOptimizer
from paripassu.optim.steps import cpu, threads
from paripassu.optim.steps import schedule as way
from paripassu.optim.steps.decomposition import form_of
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop
from paripassu.rules.rule import TensorwiseRule

SERVED = [
    *PARTS,
    *(Normalize(part, scope) for part in PARTS for scope in ("global", "layer")),
    *(
        graft
        for scope in ("global", "layer")
        for sgd in PARTS[:2]
        for adam in PARTS[2:]
        for graft in (Graft(sgd, adam, scope), Graft(adam, sgd, scope))
    ),
]
PLAIN = [
    RMSprop(),
    Normalize(RMSprop()),
    Graft(SGD(), SGD(0.9)),
    Graft(RMSprop(), SGD()),
    Normalize(Normalize()),
]


@st.composite
def layouts(draw, max_side=6):
    """A shape, an order of its dimensions in memory, and whether memory has gaps."""
    shape = tuple(draw(st.lists(st.integers(0, max_side), max_size=4)))
    return shape, draw(st.permutations(range(len(shape)))), draw(st.booleans())


def laid_out(values: torch.Tensor, order, gaps: bool) -> torch.Tensor:
    """``values`` with its dimensions in the given order of memory, with or without gaps."""
    dense = values.permute(order).contiguous()
    if gaps and dense.dim():
        wide = torch.zeros((*dense.shape[:-1], 2 * dense.shape[-1]), dtype=values.dtype)
        wide[..., ::2] = dense
        dense = wide[..., ::2]
    return dense.permute([order.index(i) for i in range(len(order))])


def make(rule, tensors, lr=0.1, **more):
    """The optimizer, its parameters and their twins in float64."""
    parameters = [torch.nn.Parameter(t) for t in tensors]
    return RuleOptimizer(parameters, lr, rule=rule, **more), parameters, [t.double() for t in tensors]


def is_fast(optimizer) -> bool:
    form = form_of(optimizer.rule)
    return form is not None and cpu.serves(form, optimizer._turn(optimizer._stepped())) is not None


@settings(deadline=None, max_examples=150)
@given(
    rule=st.sampled_from(SERVED),
    shapes=st.lists(st.tuples(layouts(), layouts()), min_size=1, max_size=4),
    scale=st.sampled_from([1e-15, 1e-3, 1.0, 1e12]),
    decay=st.sampled_from([0.0, 0.1]),
    maximize=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_steps_are_the_rules(rule, shapes, scale, decay, maximize, seed):
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
        assert is_fast(optimizer)
        before = [p.grad.clone() for p in parameters]
        updates, states = rule.update([p.grad.double() for p in parameters], states, exact)
        exact = [p - 0.1 * ((-u if maximize else u) + decay * p) for p, u in zip(exact, updates, strict=True)]
        optimizer.step()
        assert all(torch.equal(p.grad, b) for p, b in zip(parameters, before, strict=True))
        for p, e, u in zip(parameters, exact, updates, strict=True):
            tolerance = 1e-5 * (u.abs().max().item() + e.abs().max().item()) if u.numel() else 0.0
            torch.testing.assert_close(p.detach().double(), e, rtol=0, atol=tolerance)


@pytest.mark.parametrize("rule", SERVED, ids=repr)
def test_groups_added_later_and_missing_gradients_are_the_rules(rule):
    """Rates, decays and signs of each group's own, a tensor among the rates, in float32 against float64."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (5,), (), (2, 3), (7,)]
    rates, decays, signs = [0.1, 0.1, 0.3, 0.3, 0.2], [0.0, 0.0, 0.5, 0.5, 0.1], [1, 1, -1, -1, 1]
    optimizer, parameters, exact = make(rule, [torch.randn(s, generator=generator) for s in shapes[:2]])
    added = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in shapes[2:]]
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
        assert is_fast(optimizer)
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


def test_temporary_memory_is_small():
    """At most 64 KiB, with a real player's number of tensors: StyleGAN2's generator has 110."""
    optimizer, parameters, _ = make(Normalize(), [torch.zeros(4000) for _ in range(110)])
    for p in parameters:
        p.grad = torch.ones(4000)
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most <= 64 * 2**10


@pytest.mark.parametrize("failure", [OSError(28, "No space left"), NotImplementedError(), ValueError("llvm")])
def test_whatever_numba_fails_of_is_told_and_the_plain_rule_serves(monkeypatch, failure):
    def fail(name, *_):
        if name == "paripassu.optim.steps.cpu_kernels" or "cpu_kernels" in (_[2] or ()):
            raise failure
        return original(name, *_)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", fail)
    cpu._kernels.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="several times slower"):
            assert cpu._kernels() is None
    finally:
        monkeypatch.undo()
        cpu._kernels.cache_clear()


@pytest.mark.parametrize("rule", PLAIN, ids=repr)
def test_other_rules_run_as_written(rule):
    assert form_of(rule) is None


def test_a_rule_of_ones_own_runs_as_written():
    class Doubled(TensorwiseRule):
        def init(self, tensor):
            return {}

        def update_tensor(self, gradient, state, weight):
            return 2 * gradient, state

    optimizer, (parameter,), _ = make(Doubled(), [torch.zeros(3)])
    parameter.grad = torch.ones(3)
    optimizer.step()
    assert parameter.tolist() == pytest.approx([-0.2] * 3)


@pytest.fixture
def short_runs(monkeypatch):
    """Runs of two chunks at most, so that few elements are many runs."""
    monkeypatch.setattr(way, "RUN", 2 * way.CHUNK)
    cpu._planned.cache_clear()
    yield
    cpu._planned.cache_clear()


@given(
    sizes=st.lists(st.sampled_from([0, 1, 7, way.CHUNK, way.CHUNK + 1, 9 * way.CHUNK]), max_size=9),
    as_one=st.booleans(),
    threads=st.integers(1, 64),
)
@settings(deadline=None)
def test_every_chunk_is_taken_in_and_then_moved(sizes, as_one, threads):
    """Before a run is moved, all that is measured with it has been given to a thread: none waits for ever."""
    run, way.RUN = way.RUN, 4 * way.CHUNK
    try:
        order = way.way_through(tuple(sizes), threads, as_one=as_one, rescale=True, takes_in=True)
    finally:
        way.RUN = run
    assert sum(order.chunks[:, 2]) == sum(sizes)
    advanced, moved = set(), set()
    for what, first, last in order.visits.tolist():
        chunks = set(range(first, last))
        assert sum(order.chunks[first:last, 2]) <= 4 * way.CHUNK + way.CHUNK
        if what == way.ADVANCE:
            assert not chunks & advanced
            advanced |= chunks
        else:
            assert what == way.MOVE
            assert not chunks & moved
            for unit in order.chunks[first:last, 3]:
                assert set(range(order.units[unit], order.units[unit + 1])) <= advanced
            moved |= chunks
    assert advanced == moved == set(range(len(order.chunks)))


@pytest.mark.parametrize("rule", SERVED, ids=repr)
def test_many_chunks_on_many_threads_are_one_tensor(rule, short_runs):
    """More elements than a chunk, more chunks than a run; and the same bits on one thread as on three."""
    generator = torch.Generator().manual_seed(0)
    sizes = [way.FOR_A_THREAD * 4 + 5, way.CHUNK, way.CHUNK + 1, 1]
    starts = [torch.randn(size, generator=generator) for size in sizes]
    gradients = [torch.randn(size, generator=generator) for size in sizes]
    before, ended = torch.get_num_threads(), []
    for count in (1, 3):
        optimizer, parameters, exact = make(rule, [s.clone() for s in starts])
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g
        torch.set_num_threads(count)
        try:
            optimizer.step()
        finally:
            torch.set_num_threads(before)
        ended.append(parameters)
    updates, _ = rule.update([g.double() for g in gradients], [rule.init(e) for e in exact], exact)
    for one, three, e, u in zip(*ended, exact, updates, strict=True):
        assert torch.equal(one, three)
        torch.testing.assert_close(
            one.detach().double(), e - 0.1 * u, rtol=1e-5, atol=1e-6 * u.abs().max().item()
        )


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e-24, 1.0, 1e22, 1e30, 1e37])
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_lengths_hold_at_any_scale(scale, scope):
    """1e-40 is subnormal: there the gradient itself has but 17 bits."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, -4.0]) * scale
    NSGD([parameter], 0.5, scope=scope).step()
    torch.testing.assert_close(
        parameter.detach(), torch.tensor([-0.3, 0.4]), rtol=1e-4 if scale < 1e-37 else 1e-6, atol=0
    )


def test_lengths_are_accurate_over_25_million_elements():
    parameter = torch.nn.Parameter(torch.zeros(25_000_000))
    parameter.grad = torch.randn(25_000_000, generator=torch.Generator().manual_seed(0))
    NSGD([parameter], 2.0).step()
    moved = np.linalg.norm(parameter.detach().numpy().astype(np.float64))
    assert moved == pytest.approx(2.0, rel=1e-6)


@pytest.mark.parametrize("rule", SERVED, ids=repr)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nonfinite_gradients_reach_the_parameters(rule, bad):
    optimizer, parameters, _ = make(rule, [torch.ones(3), torch.ones(2)])
    parameters[0].grad, parameters[1].grad = torch.tensor([1.0, bad, 2.0]), torch.ones(2)
    optimizer.step()
    # Adam's inf / sqrt(inf) is NaN too; only plain SGD hands an inf on as it is.
    assert not parameters[0].isfinite().all()


@pytest.mark.parametrize("rule", SERVED, ids=repr)
def test_zero_gradients_move_nothing(rule):
    optimizer, (parameter,), _ = make(rule, [torch.ones(3)])
    parameter.grad = torch.zeros(3)
    optimizer.step()
    assert parameter.tolist() == [1.0] * 3


def test_a_gradient_may_be_kept_as_its_negative():
    """The imaginary part of a conjugate is a view of memory that holds the opposite sign."""
    optimizer, (parameter,), _ = make(Normalize(), [torch.zeros(2)])
    parameter.grad = torch.tensor([1 - 3j, 1 + 4j]).conj().imag
    assert parameter.grad.is_neg()
    optimizer.step()
    assert parameter.tolist() == pytest.approx([-0.06, 0.08])


def test_gradients_may_move_between_steps():
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


def test_players_may_step_in_threads_of_their_own():
    def train(result, index):
        optimizer, parameters, _ = make(Graft(Adam(), SGD()), [torch.ones(600_000)])
        for i in range(10):
            parameters[0].grad = torch.full((600_000,), 1.0 + i)
            optimizer.step()
        result[index] = parameters[0].detach()

    results = [torch.empty(0)] * 4
    players = [threading.Thread(target=train, args=(results, i)) for i in range(4)]
    for player in players:
        player.start()
    for player in players:
        player.join()
    assert all(torch.equal(results[0], other) for other in results[1:])


def test_without_numba_the_plain_rule_serves(monkeypatch):
    monkeypatch.setattr(cpu, "_kernels", lambda: None)
    optimizer, (parameter,), _ = make(Normalize(), [torch.zeros(2)])
    parameter.grad = torch.tensor([3.0, 4.0])
    assert not is_fast(optimizer)
    optimizer.step()
    assert parameter.tolist() == pytest.approx([-0.06, -0.08])


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(4, dtype=torch.float64),
        torch.zeros(4, dtype=torch.bfloat16),
        torch.zeros(4, 2)[:, 0],
        torch.zeros(1).expand(4),
    ],
    ids=["float64", "bfloat16", "gaps", "expanded"],
)
def test_what_is_not_dense_float32_is_not_served(tensor):
    optimizer, (parameter,), _ = make(Normalize(), [tensor])
    parameter.grad = torch.ones(4, dtype=tensor.dtype)
    assert not is_fast(optimizer)


def test_complex_numbers_are_served_as_pairs():
    parameter = nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    parameter.grad = torch.tensor([3.0 + 0j, 4.0j])
    assert is_fast(RuleOptimizer([parameter], 0.1, rule=Normalize()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_steps_as_its_parent():
    """A child has none of the OpenMP threads its parent used, and waiting for them never ends."""
    optimizer, (parameter,), _ = make(Normalize(), [torch.zeros(600_000)])
    parameter.grad = torch.ones(600_000)
    optimizer.step()
    moved = parameter[0].item()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: what is tested
        child = os.fork()
    if child == 0:
        optimizer.step()
        os._exit(0 if parameter.detach()[0].item() == pytest.approx(2 * moved) else 1)
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)


def test_without_torchs_openmp_a_pool_serves(monkeypatch):
    monkeypatch.setattr(threads, "_openmp", lambda: None)
    calls = []
    work = SimpleNamespace(address=0, ctypes=calls.append)
    threads.together(work, 7, 3)
    assert calls == [7] * 3
    threads.together(work, 7, 1)
    assert len(calls) == 4


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
def test_memory_that_a_person_changes_is_looked_at_again(monkeypatch, rule, change, states_too):
    """Between two steps, behind autograd's back."""
    ends = []
    for as_written in (False, True):
        if as_written:
            monkeypatch.setattr(cpu, "serves", lambda *_: None)
        generator = torch.Generator().manual_seed(0)
        parameter = nn.Parameter(torch.randn(4, 4, generator=generator))
        whole = parameter.data
        optimizer = RuleOptimizer([parameter], 0.1, rule=rule)
        for step in range(4):
            if step == 2:
                states = torch.utils._pytree.tree_leaves(dict(optimizer.state)) if states_too else []
                for tensor in [parameter, *states]:
                    if torch.is_tensor(tensor) and tensor.dim():
                        tensor.data = change(tensor.data)
                parameter.grad = None
            parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
            optimizer.step()
        ends.append((parameter.detach(), whole))
    for ours, theirs in zip(*ends, strict=True):
        torch.testing.assert_close(ours, theirs)
