"""The compiled kernels on a CPU: memory, threads, forks, failing compilers, and which tensors they take."""

import builtins
import os
import signal
import threading
import time
import tracemalloc
import warnings

import pytest
import torch
from tests.cases.rules import FAST
from torch import nn

from paripassu.optim import RuleOptimizer
from paripassu.optim.steps import cpu
from paripassu.optim.steps import schedule as schedules
from paripassu.rules import SGD, Adam, Graft, Normalize


def make(rule, tensors, lr=0.1, **more):
    """The optimizer, its parameters and their twins in float64."""
    parameters = [nn.Parameter(t) for t in tensors]
    return RuleOptimizer(parameters, lr, rule=rule, **more), parameters, [t.double() for t in tensors]


def is_fast(optimizer) -> bool:
    return cpu.plan(optimizer._prepare(optimizer._gradients())) is not None


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
def test_a_failing_numba_gives_a_warning_and_another_way_serves(monkeypatch, failure):
    def fail(name, *_):
        if name == "paripassu.optim.steps.cpu_kernels" or "cpu_kernels" in (_[2] or ()):
            raise failure
        return original(name, *_)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", fail)
    cpu._kernels.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="run slower, because numba"):
            assert cpu._kernels() is None
    finally:
        monkeypatch.undo()
        cpu._kernels.cache_clear()


@pytest.fixture
def short_runs(monkeypatch):
    """Runs of two chunks at most, so that few elements are many runs."""
    monkeypatch.setattr(schedules, "RUN", 2 * schedules.CHUNK)
    cpu._scheduled.cache_clear()
    yield
    cpu._scheduled.cache_clear()


@pytest.mark.parametrize("rule", FAST, ids=repr)
def test_many_chunks_on_many_threads_are_one_tensor(rule, short_runs):
    """More elements than a chunk, more chunks than a run; and the same bits on one thread as on three."""
    generator = torch.Generator().manual_seed(0)
    sizes = [schedules.FOR_A_THREAD * 4 + 5, schedules.CHUNK, schedules.CHUNK + 1, 1]
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


def test_players_may_step_in_several_threads():
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
def test_what_is_not_dense_float32_is_left_to_another_way(tensor):
    optimizer, (parameter,), _ = make(Normalize(), [tensor])
    parameter.grad = torch.ones(4, dtype=tensor.dtype)
    assert not is_fast(optimizer)


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
