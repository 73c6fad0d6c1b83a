"""The ways of CUDA against the pure rules in float64: on a GPU if there is one, else on the CPU.

On the CPU Triton interprets its kernels, if it is installed (``make test-triton``).
"""

import importlib.util
import inspect
import math
from functools import partial

import pytest
import torch
from tests.cases.rules import EPS, FAST, PARTS, SLOW, only
from torch import nn

from paripassu.optim import RuleOptimizer
from paripassu.optim.steps import cuda, foreach, plain
from paripassu.optim.steps.decomposition import StateArrays, decompose
from paripassu.optim.steps.flat import flat_memory
from paripassu.rules import SGD, Adam, Graft, Normalize
from paripassu.rules.parts import numbers_of, with_numbers

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PATHS = [
    "foreach",
    "plain",
    pytest.param(
        "triton",
        marks=[
            pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed"),
            pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),  # of its interpreter
        ],
    ),
]


FAST_AND_SLOW = [
    *(
        pytest.param(*getattr(path, "values", [path]), rule, marks=getattr(path, "marks", ()))
        for path in PATHS
        for rule in FAST
    ),
    *(pytest.param("plain", rule) for rule in SLOW),
]


@pytest.fixture(params=PATHS)
def path(request, monkeypatch):
    """Carry out every step in one way of CUDA."""
    ways = {"triton": cuda, "foreach": foreach, "plain": plain}
    if DEVICE == "cpu":
        monkeypatch.setattr(foreach, "_reads_numbers", lambda _: False)
        monkeypatch.setattr(cuda, "plan", _interpreted)
    with only(ways[request.param]):
        yield request.param


def _interpreted(step):
    """What `cuda.plan` returns, for tensors on the CPU."""
    memory = flat_memory(step.decomposition, step, -1)
    return partial(cuda.carry_out, step.decomposition, step, memory)


def _parameter(values: torch.Tensor, gradient: torch.Tensor) -> nn.Parameter:
    parameter = nn.Parameter(values.to(DEVICE, copy=True))
    parameter.grad = gradient.to(DEVICE, copy=True)
    return parameter


@pytest.mark.parametrize("rule", FAST, ids=repr)
@pytest.mark.parametrize(("scale", "tensor_lr"), [(1e-12, True), (1e12, False)])
def test_steps_are_the_rules(path, rule, scale, tensor_lr):
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (5,), (), (2, 1, 3), (0, 2), (9, 1000)]  # the last is longer than a chunk
    parameters = [nn.Parameter(torch.randn(s, generator=generator).to(DEVICE)) for s in shapes]
    rates, decays, signs = [0.1, 0.1, *[0.2] * 4], [0.0, 0.0, *[0.5] * 4], [1, 1, *[-1] * 4]

    def wrap(rate):
        return torch.tensor(rate, device=DEVICE) if tensor_lr else rate

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
    for _ in range(2):
        gradients = [scale * torch.randn(s, generator=generator).to(DEVICE) for s in shapes]
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g.clone()
        updates, states = rule.update([g.double() for g in gradients], states, exact)
        exact = [
            e * (1 - r * d) - r * s * u
            for e, u, r, d, s in zip(exact, updates, rates, decays, signs, strict=True)
        ]
        optimizer.step()
        assert all(torch.equal(p.grad, g) for p, g in zip(parameters, gradients, strict=True))
        for p, e, u in zip(parameters, exact, updates, strict=True):
            largest = max(t.abs().max().item() for t in (e, u)) if e.numel() else 0.0
            torch.testing.assert_close(p.detach().double(), e, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize(("path", "rule"), FAST_AND_SLOW, indirect=["path"])
def test_a_float64_rate_moves_as_its_number_bit_by_bit(path, rule):
    """So a graph that reads rates from the device has the bits of steps without it, also with shape ()."""
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(shape, generator=generator) for shape in [(3, 4), (5,), ()]]
    rates = (0.1, torch.tensor(0.1, dtype=torch.float64, device=DEVICE))
    moved = [[_parameter(v, v.flip(-1) if v.ndim else v) for v in values] for _ in rates]
    for parameters, rate in zip(moved, rates, strict=True):
        optimizer = RuleOptimizer(parameters, rate, rule=rule, weight_decay=0.3)
        for _ in range(2):
            optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(*moved, strict=True))


@pytest.mark.parametrize("path", PATHS[2:], indirect=True)  # the other has torch's, in float32
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.9999, 1 - 1e-7])
@pytest.mark.parametrize("steps", [0, 10, 100_000])
def test_bias_corrections_hold_at_any_step(path, beta, steps):
    """The update of a gradient that is the same for ever is its sign, divided by its own correction."""
    parameter = _parameter(torch.zeros(2), torch.tensor([3.0, -4.0]))
    optimizer = RuleOptimizer([parameter], 1.0, rule=Adam((beta, beta), EPS))
    state = {"step": torch.tensor(float(steps)), "exp_avg_sq": torch.zeros(2)}
    if beta:
        state["exp_avg"] = torch.zeros(2)
    optimizer.state[parameter] = {name: value.to(DEVICE) for name, value in state.items()}
    optimizer.step()
    correction = -math.expm1((steps + 1) * math.log(beta)) if beta else 1.0
    expected = math.sqrt((1 - beta) / correction)
    torch.testing.assert_close(
        parameter.detach().cpu(), torch.tensor([-expected, expected]), rtol=2e-6, atol=0
    )


@pytest.mark.parametrize("rule", [Normalize(), Graft(PARTS[3], PARTS[0])], ids=repr)
def test_memory_may_begin_and_lie_anyhow(path, rule):
    """Views that begin between multiples of 16 bytes, and gradients laid out unlike their parameters."""
    generator = torch.Generator().manual_seed(0)
    values, gradients = (torch.randn(4, 6, generator=generator) for _ in range(2))
    shifted = torch.zeros(25, device=DEVICE)[1:].view(4, 6).copy_(gradients)
    odd = [
        _parameter(values, gradients),
        _parameter(values.t().contiguous().t(), gradients),
        _parameter(values, gradients.t().contiguous().t()),
    ]
    odd[0].grad = shifted
    plain = [_parameter(values, gradients) for _ in odd]
    for parameters in (odd, plain):
        RuleOptimizer(parameters, 0.1, rule=rule).step()
    for ours, theirs in zip(odd, plain, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("rule", FAST, ids=repr)
def test_zero_gradients_move_nothing(path, rule):
    parameter = _parameter(torch.ones(3), torch.zeros(3))
    RuleOptimizer([parameter], 0.1, rule=rule).step()
    assert parameter.tolist() == [1.0] * 3


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("scale", [1e-40, 1e-36, 1e36])
def test_lengths_hold_as_far_as_one_factor_does(path, scale, scope):
    parameter = _parameter(torch.zeros(2), torch.tensor([3.0, -4.0]) * scale)
    RuleOptimizer([parameter], 0.01, rule=Normalize(scope=scope)).step()
    torch.testing.assert_close(parameter.detach().cpu(), torch.tensor([-0.006, 0.008]), rtol=1e-4, atol=0)


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_gradient_that_is_hardly_there_makes_no_infinite_step(path, scope):
    parameter = _parameter(torch.zeros(2), torch.tensor([3e-42, -4e-42]))
    RuleOptimizer([parameter], 1.0, rule=Normalize(scope=scope)).step()
    x, y = parameter.tolist()
    assert 1e-4 < math.hypot(x, y) < (1 if path == "foreach" else 1.0001)
    assert x / y == pytest.approx(-0.75, rel=1e-3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_reaches_the_parameters(path, bad):
    parameter = _parameter(torch.zeros(2), torch.tensor([bad, 1.0]))
    RuleOptimizer([parameter], 1.0, rule=Normalize()).step()
    assert parameter[0].isnan()


@pytest.mark.parametrize("as_tensor", [False, True])
def test_groups_that_share_a_rate_have_decays_of_their_own(path, as_tensor):
    """As weights that decay and biases that do not, both at the optimizer's own rate."""
    weight, bias = (_parameter(torch.ones(2), torch.zeros(2)) for _ in range(2))
    groups = [{"params": [weight], "weight_decay": 0.5}, {"params": [bias]}]
    RuleOptimizer(groups, torch.tensor(0.1, device=DEVICE) if as_tensor else 0.1, rule=Normalize()).step()
    assert weight.tolist() == pytest.approx([0.95] * 2)
    assert bias.tolist() == [1.0] * 2


def test_tensors_on_the_cpu_are_left_to_other_ways():
    optimizer = RuleOptimizer([nn.Parameter(torch.ones(3))], 0.1, rule=SGD())
    optimizer.param_groups[0]["params"][0].grad = torch.ones(3)
    assert cuda.plan(optimizer._prepare(optimizer._gradients())) is None


@pytest.mark.parametrize("path", PATHS[2:], indirect=True)
@pytest.mark.parametrize("count", [1, 50])
def test_a_step_is_two_launches(path, monkeypatch, count):
    made = []
    launch = cuda._Launch.__call__
    monkeypatch.setattr(cuda._Launch, "__call__", lambda self, *all_: made.append(launch(self, *all_)))
    parameters = [_parameter(torch.ones(3), torch.ones(3)) for _ in range(count)]
    optimizer = RuleOptimizer(parameters, 0.1, rule=Graft(PARTS[3], PARTS[0]))
    optimizer.step()  # on a GPU the first also compiles
    made.clear()
    optimizer.step()
    assert len(made) == 2


def test_if_triton_cannot_compile_another_way_serves(monkeypatch):
    """And nothing has moved before that is known."""
    decomposition, device = decompose(SGD()), torch.device("cuda", 0)
    kind = cuda._kind(decomposition, StateArrays([], [], [], []))

    def fails(*_):
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(cuda, "_compiled", {})
    monkeypatch.setattr(cuda, "_step_of_one", fails)
    with pytest.warns(
        RuntimeWarning, match="several times slower, because Triton cannot compile.*no C compiler"
    ):
        assert not cuda._is_compiled(decomposition, kind, device, record=False)
    assert not cuda._is_compiled(decomposition, kind, device, record=False)  # warns once


def test_no_graph_records_what_is_not_compiled(monkeypatch):
    monkeypatch.setattr(cuda, "_compiled", {})
    decomposition = decompose(SGD())
    kind = cuda._kind(decomposition, StateArrays([], [], [], []))
    assert not cuda._is_compiled(decomposition, kind, torch.device("cuda", 0), record=True)
    assert not cuda._compiled


@pytest.mark.parametrize("path", PATHS[2:], indirect=True)
def test_settings_have_the_kernels_names_and_order(path):
    of_move = "log1", "log2", "eps"
    for kernel, numbers, flags in (
        ("advance", cuda._Numbers._fields, cuda._AdvanceFlags),
        ("move", of_move, cuda._MoveFlags),
    ):
        names = list(inspect.signature(getattr(cuda._kernels(), kernel).fn).parameters)
        assert names == ["table", "scratch", "n", "chunks", *numbers, *flags._fields]


@pytest.mark.parametrize("path", PATHS[2:], indirect=True)
def test_scheduled_numbers_compile_nothing_anew(path):
    """A kernel takes them as arguments: a schedule would fill the memory with kernels."""
    cuda._launches.cache_clear()
    parameter = _parameter(torch.ones(3), torch.ones(3))
    optimizer = RuleOptimizer([parameter], 0.1, rule=Graft(PARTS[3], PARTS[1]))
    for step in range(5):
        optimizer.param_groups[0].update(momentum=0.5 + step / 20, betas=(0.5 + step / 20, 0.9))
        optimizer.step()
    assert cuda._launches.cache_info().currsize == 1


@pytest.mark.parametrize("rule", [rule for rule in FAST if numbers_of(rule)], ids=repr)
def test_scheduled_numbers_are_the_rules_of_that_step(path, rule):
    """Also where they become 0 and more again, so that states begin late."""
    generator = torch.Generator().manual_seed(0)
    exact = torch.randn(5, generator=generator, dtype=torch.float64)
    parameter = nn.Parameter(exact.float().to(DEVICE))
    optimizer = RuleOptimizer([parameter], 0.1, rule=rule)
    state = None
    for betas, momentum in (((0.3, 0.8), 0.7), ((0.0, 0.9), 0.0), ((0.6, 0.95), 0.4)):
        numbers = {"betas": betas, "momentum": momentum}
        numbers = {name: numbers[name] for name in numbers if name in numbers_of(rule)}
        optimizer.param_groups[0].update(numbers)
        now = with_numbers(rule, numbers)
        gradient = torch.randn(5, generator=generator, dtype=torch.float64)
        parameter.grad = gradient.float().to(DEVICE)
        state = now.complete(state, gradient) if state else now.init(exact)
        (update,), (state,) = now.update([gradient], [state], [exact])
        exact = exact - 0.1 * update
        optimizer.step()
    torch.testing.assert_close(parameter.detach().double().cpu(), exact, rtol=1e-4, atol=1e-4)


on_gpu = pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device")


@on_gpu
@pytest.mark.parametrize(("path", "rule"), FAST_AND_SLOW, indirect=["path"])
def test_nothing_waits_for_the_device(path, rule):
    parameters = [_parameter(torch.ones(3), torch.ones(3)) for _ in range(2)]
    optimizer = RuleOptimizer(parameters, torch.tensor(0.1, device=DEVICE), rule=rule, weight_decay=0.1)
    optimizer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@on_gpu
@pytest.mark.parametrize(("path", "rule"), FAST_AND_SLOW, indirect=["path"])
def test_a_captured_step_replays(path, rule):
    """With the rate that a tensor has by then, and whatever steps other optimizers took in between."""

    def make():
        parameters = [_parameter(torch.linspace(-1, 1, 5), torch.linspace(1, 2, 5)) for _ in range(2)]
        rate = torch.tensor(0.1, device=DEVICE)
        return parameters, rate, RuleOptimizer(parameters, rate, rule=rule)

    (plain, plain_rate, one), (captured, rate, other), (_, _, stranger) = make(), make(), make()
    for step in range(5):
        plain_rate.fill_(0.1 if step < 3 else 0.3)
        one.step()
    other.step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        other.step()
    for step in range(1, 5):
        rate.fill_(0.1 if step < 3 else 0.3)
        stranger.step()
        graph.replay()
    torch.testing.assert_close(plain, captured)


@on_gpu
@pytest.mark.parametrize("path", PATHS[2:], indirect=True)
@pytest.mark.parametrize(("rule", "kib"), [(Normalize(), 64), (Graft(PARTS[3], PARTS[0]), 4096)])
def test_norms_and_memory_of_25_million_elements(path, rule, kib):
    parameter = _parameter(torch.zeros(25_000_000), torch.randn(25_000_000))
    optimizer = RuleOptimizer([parameter], 1.0, rule=rule)
    optimizer.step()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    optimizer.step()
    assert torch.cuda.max_memory_allocated() - before <= kib * 1024
    if isinstance(rule, Normalize):
        assert parameter.double().norm().item() == pytest.approx(2, rel=1e-6)
