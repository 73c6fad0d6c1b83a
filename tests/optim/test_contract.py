"""What a trainer's other parts ask of an optimizer: dtypes, bad gradients, AMP, compilation, saved state."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases.rules import OPTIMIZERS
from torch import nn

from paripassu.optim import NSGD, AdaNSGD, RuleOptimizer
from paripassu.optim.steps import cpu
from paripassu.rules import SGD, Adam, Normalize

leaves = torch.utils._pytree.tree_leaves


def _grad(parameters, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    for p in parameters:
        p.grad = (scale * torch.randn(p.shape, generator=generator)).to(p.dtype)


def _parameters(*dtypes):
    generator = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(4, 3, generator=generator).to(dtype)) for dtype in dtypes]


def _snapshot(optimizer):
    return [
        t.clone()
        for t in leaves([optimizer.param_groups[0]["params"], dict(optimizer.state)])
        if torch.is_tensor(t)
    ]


def _same(left, right) -> bool:
    return len(left) == len(right) and all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


@settings(deadline=None, max_examples=200)
@given(
    name=st.sampled_from(sorted(OPTIMIZERS)),
    tensors=st.lists(
        st.tuples(
            st.lists(st.integers(0, 4), max_size=3),
            st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
            st.lists(st.booleans(), min_size=3, max_size=3),  # whether it has a gradient, step by step
            st.booleans(),  # of which group
        ),
        min_size=1,
        max_size=4,
    ),
    tensor_lr=st.booleans(),
    decay=st.sampled_from([0.0, 0.5]),
    maximize=st.booleans(),
    scale=st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
    seed=st.integers(0, 2**31),
)
def test_steps_are_the_rules_whatever_the_player(name, tensors, tensor_lr, decay, maximize, scale, seed):
    """As in float64: dtypes mixed, gradients missing, tensors empty, a group at a pace of its own."""
    generator = torch.Generator().manual_seed(seed)

    def normal(shape, dtype):
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    parameters = [nn.Parameter(normal(shape, dtype)) for shape, dtype, _, _ in tensors]
    second = [own for _, _, _, own in tensors]
    own = {"lr": torch.tensor(0.2) if tensor_lr else 0.2, "weight_decay": decay, "maximize": maximize}
    groups = [
        {"params": [p for p, its in zip(parameters, second, strict=True) if its is of]} | settings
        for of, settings in ((False, {}), (True, own))
    ]
    optimizer = OPTIMIZERS[name](groups, 0.1)
    exact = [p.detach().double() for p in parameters]
    states = [optimizer.rule.init(e) for e in exact]
    largest = [1.0] * len(exact)  # on the way, as each step is rounded
    for step in range(3):
        there = [k for k, (_, _, has, _) in enumerate(tensors) if has[step]]
        for k, p in enumerate(parameters):
            p.grad = scale * normal(p.shape, p.dtype) if k in there else None
        updates, following = optimizer.rule.update(
            [parameters[k].grad.double() for k in there],
            [states[k] for k in there],
            [exact[k] for k in there],
        )
        for k, update, state in zip(there, updates, following, strict=True):
            states[k] = state
            lr, weight, sign = (0.2, decay, -1 if maximize else 1) if second[k] else (0.1, 0.0, 1)
            exact[k] = exact[k] * (1 - lr * weight) - lr * sign * update
            largest[k] = max(largest[k], *exact[k].abs().flatten().tolist(), 0.0)
        optimizer.step()
    for p, e, most in zip(parameters, exact, largest, strict=True):
        relative = {torch.float64: 1e-6, torch.float32: 1e-4, torch.bfloat16: 2**-6}[p.dtype]
        torch.testing.assert_close(p.detach().double(), e, rtol=0, atol=relative * most)


def test_float16_is_refused_with_what_to_do(make):
    with pytest.raises(ValueError, match="autocast"):
        make(_parameters(torch.float16))


def test_float16_is_refused_where_a_network_turns_into_it(make):
    network = nn.Linear(2, 2)
    optimizer = make(network.parameters())
    network.half()
    _grad(network.parameters())
    with pytest.raises(ValueError, match="autocast"):
        optimizer.step()


def test_bfloat16_is_stepped_in_float32(make):
    """As the float32 twin that starts at the same numbers, rounded to bfloat16 once."""
    (coarse,), (fine,) = _parameters(torch.bfloat16), _parameters(torch.bfloat16)
    fine = nn.Parameter(fine.detach().float())
    optimizers = make([coarse]), make([fine])
    _grad([coarse])
    fine.grad = coarse.grad.float()
    for optimizer in optimizers:
        optimizer.step()
    torch.testing.assert_close(coarse.detach(), fine.detach().bfloat16(), rtol=2**-8, atol=0)
    assert all(t.dtype == torch.float32 for t in leaves(dict(optimizers[0].state)) if torch.is_tensor(t))


def test_dtypes_may_be_mixed(make):
    """One norm over float32, float64 and bfloat16 alike: what float64 gives for the same numbers."""
    mixed = _parameters(torch.float32, torch.float64, torch.bfloat16)
    exact = [nn.Parameter(p.detach().double()) for p in mixed]
    _grad(mixed)
    for p, e in zip(mixed, exact, strict=True):
        e.grad = p.grad.double()
    before = [p.detach().double() for p in mixed]
    make(mixed, 1.0).step()
    make(exact, 1.0).step()
    for p, e, b in zip(mixed, exact, before, strict=True):
        tolerance = 2**-8 if p.dtype == torch.bfloat16 else 1e-5
        torch.testing.assert_close(
            p.detach().double(), e.detach(), rtol=tolerance, atol=tolerance * b.abs().max().item()
        )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_devices_may_be_mixed(make):
    mixed, alone = _parameters(torch.float32, torch.float32), _parameters(torch.float32, torch.float32)
    mixed[1] = nn.Parameter(mixed[1].detach().cuda())
    optimizers = make(mixed), make(alone)
    for i in range(3):
        _grad(alone, seed=i)
        for m, a in zip(mixed, alone, strict=True):
            m.grad = a.grad.to(m.device)
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close([p.detach().cpu() for p in mixed], [p.detach() for p in alone])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_zero_gradients_move_nothing(make, dtype):
    parameters = _parameters(dtype, dtype)
    before = [p.detach().clone() for p in parameters]
    optimizer = make(parameters)
    _grad(parameters, scale=0.0)
    for _ in range(2):
        optimizer.step()
    assert _same(parameters, before)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bad_gradients_reach_the_parameters_unless_told_otherwise(make, bad, dtype):
    parameters = _parameters(dtype)
    _grad(parameters)
    parameters[0].grad[2, 1] = bad
    make(parameters).step()
    assert not parameters[0].isfinite().all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_with_a_bad_gradient_can_be_skipped(make, bad, dtype):
    parameters = _parameters(dtype, dtype)
    optimizer = make(parameters, nonfinite="skip")
    _grad(parameters)
    optimizer.step()
    before = _snapshot(optimizer)
    _grad(parameters, seed=1)
    parameters[1].grad[2, 1] = bad
    optimizer.step()
    assert _same(_snapshot(optimizer), before)


def test_a_first_step_that_is_skipped_makes_no_state(make):
    parameters = _parameters(torch.float32)
    optimizer = make(parameters, nonfinite="skip")
    parameters[0].grad = torch.full((4, 3), float("nan"))
    optimizer.step()
    assert not optimizer.state


def test_a_bad_gradient_can_be_an_error(make):
    parameters = _parameters(torch.float32)
    optimizer = make(parameters, nonfinite="raise")
    before = _snapshot(optimizer)
    parameters[0].grad = torch.full((4, 3), float("inf"))
    with pytest.raises(RuntimeError, match="no step was taken"):
        optimizer.step()
    assert _same(_snapshot(optimizer), before)


@pytest.mark.parametrize("nonfinite", ["skip", "raise"])
def test_finite_steps_are_the_same_whatever_is_done_about_others(make, nonfinite):
    """Squares of 1e30 overflow; the gradient is finite all the same."""
    watched, plain = _parameters(torch.float32), _parameters(torch.float32)
    for parameters, optimizer in ((watched, make(watched, nonfinite=nonfinite)), (plain, make(plain))):
        _grad(parameters, scale=1e30)
        optimizer.step()
    assert _same(watched, plain)


def test_other_words_for_nonfinite_are_refused(make):
    with pytest.raises(ValueError, match="'ignore'"):
        make(_parameters(torch.float32), nonfinite="ignore")


def test_a_grad_scaler_changes_no_step_and_skips_bad_ones(make):
    scaled, plain = _parameters(torch.float32, torch.float32), _parameters(torch.float32, torch.float32)
    optimizer, twin = make(scaled), make(plain)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    x = torch.linspace(-1, 1, 4).reshape(1, 4)

    def loss(parameters, weight=1.0):
        return weight * (x @ parameters[0] + (x @ parameters[1]).tanh()).square().sum()

    for _ in range(3):
        optimizer.zero_grad()
        twin.zero_grad()
        scaler.scale(loss(scaled)).backward()
        loss(plain).backward()
        scaler.step(optimizer)
        scaler.update()
        twin.step()
    assert _same(scaled, plain)
    before = _snapshot(optimizer)
    optimizer.zero_grad()
    scaler.scale(loss(scaled, float("inf"))).backward()
    scaler.step(optimizer)
    assert _same(_snapshot(optimizer), before)


def test_autocast_leaves_the_step_in_float32(make):
    network = nn.Linear(4, 3)
    optimizer = make(network.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.ones(2, 4)).square().mean().backward()
        optimizer.step()
    assert all(t.dtype == torch.float32 for t in leaves(dict(optimizer.state)) if torch.is_tensor(t))
    assert all(p.isfinite().all() for p in network.parameters())


@pytest.mark.filterwarnings("ignore")  # dynamo's own
def test_a_compiled_training_step_is_the_plain_one(make):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    compiled = copy.deepcopy(plain)
    x = torch.randn(5, 4)

    def train(network, optimizer):
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()

    one, other = make(plain.parameters()), make(compiled.parameters())
    torch._dynamo.reset()
    fast = torch.compile(train, backend="eager")
    for _ in range(3):
        train(plain, one)
        fast(compiled, other)
    assert _same(list(plain.parameters()), list(compiled.parameters()))


@pytest.mark.parametrize("to", [torch.float32, torch.bfloat16, torch.complex64])
def test_state_loads_onto_parameters_of_another_dtype(make, to):
    source = [nn.Parameter(torch.randn(4, 3, dtype=torch.float64))]
    if to.is_complex:
        source = [nn.Parameter(torch.view_as_complex(torch.randn(4, 3, 2, dtype=torch.float64)))]
    first = make(source)
    source[0].grad = torch.randn_like(source[0])
    first.step()
    target = [nn.Parameter(source[0].detach().to(to))]
    second = make(target)
    second.load_state_dict(first.state_dict())
    saved, loaded = (leaves(dict(o.state)) for o in (first, second))
    for a, b in zip(saved[: len(loaded)], loaded, strict=True):
        if torch.is_tensor(b):
            assert b.dtype == torch.float32
            torch.testing.assert_close(a.float(), b)
    target[0].grad = source[0].grad.to(to)
    second.step()
    assert target[0].isfinite().all()


def test_state_takes_the_layout_of_the_parameters_it_is_loaded_for():
    """Or the fast path would have to leave them to the plain one."""
    weight = torch.randn(4, 3, 2, 2)
    saved, parameter = (
        nn.Parameter(weight),
        nn.Parameter(weight.contiguous(memory_format=torch.channels_last)),
    )
    first, second = AdaNSGD([saved], 0.1), AdaNSGD([parameter], 0.1)
    saved.grad = torch.randn(4, 3, 2, 2)
    first.step()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    parameter.data.copy_(saved.data)
    parameter.grad = saved.grad
    assert cpu.plan(second._prepare(second._gradients())) is not None
    for optimizer in (first, second):
        optimizer.step()
    torch.testing.assert_close(saved, parameter)


def test_state_of_another_rule_is_refused_and_nothing_is_loaded():
    parameters = _parameters(torch.float32)
    adam = AdaNSGD(parameters, 0.1)
    _grad(parameters)
    adam.step()
    other = NSGD(_parameters(torch.float32), 0.2, momentum=0.9)
    with pytest.raises(ValueError, match="rule"):
        other.load_state_dict(adam.state_dict())
    assert other.param_groups[0]["lr"] == 0.2
    assert not other.state


@pytest.mark.parametrize("name", ["lr", "weight_decay", "maximize"])
def test_settings_that_a_file_is_too_old_to_have_are_the_defaults(make, name):
    saved = make(_parameters(torch.float32)).state_dict()
    del saved["param_groups"][0][name]
    parameters = _parameters(torch.float32)
    optimizer = make(parameters, 0.25, weight_decay=0.5, maximize=True)
    optimizer.load_state_dict(saved)
    expected = {"lr": 0.01, "weight_decay": 0.0, "maximize": False}
    expected[name] = {"lr": 0.25, "weight_decay": 0.5, "maximize": True}[name]
    assert {key: optimizer.param_groups[0][key] for key in expected} == expected
    _grad(parameters)
    optimizer.step()


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), torch.tensor(-0.1)])
@pytest.mark.parametrize("name", ["lr", "weight_decay"])
def test_settings_out_of_range_are_refused_and_nothing_is_loaded(make, name, value):
    first = make(_parameters(torch.float32))
    second = make(_parameters(torch.float32), 0.25)
    _grad(first.param_groups[0]["params"])
    first.step()
    saved = first.state_dict()
    saved["param_groups"][0][name] = value
    with pytest.raises(ValueError, match=f"saved {name} must be finite and >= 0"):
        second.load_state_dict(saved)
    assert second.param_groups[0]["lr"] == 0.25
    assert not second.state


def test_a_schedule_that_ended_at_zero_can_be_loaded(make):
    parameters = _parameters(torch.float32)
    first, second = make(parameters), make(_parameters(torch.float32))
    schedule = torch.optim.lr_scheduler.LinearLR(first, 1.0, 0.0, 1)
    _grad(parameters)
    first.step()
    schedule.step()
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["lr"] == 0.0


def test_the_rule_stays_the_constructors():
    """A file holds what a rule keeps, not what it is."""
    saved = RuleOptimizer(_parameters(torch.float32), 0.1, rule=Normalize(scope="layer")).state_dict()
    optimizer = NSGD(_parameters(torch.float32), 0.2, nonfinite="skip")
    optimizer.load_state_dict(saved)
    assert optimizer.rule == Normalize(scope="global")
    assert optimizer.nonfinite == "skip"
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_state_of_another_shape_is_refused():
    small, large = _parameters(torch.float32), [nn.Parameter(torch.zeros(5, 3))]
    first, second = AdaNSGD(small, 0.1), AdaNSGD(large, 0.1)
    _grad(small)
    first.step()
    with pytest.raises(ValueError, match=r"\(5, 3\)"):
        second.load_state_dict(first.state_dict())


def test_chains_of_schedulers_set_the_pace(make):
    parameters = _parameters(torch.float32)
    optimizer = make(parameters, 1.0)
    schedulers = torch.optim.lr_scheduler
    warm = schedulers.LinearLR(optimizer, 0.5, 1.0, 2)
    chain = schedulers.SequentialLR(optimizer, [warm, schedulers.ExponentialLR(optimizer, 0.1)], [2])
    rates = []
    for i in range(4):
        _grad(parameters, seed=i)
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        chain.step()
    assert rates == pytest.approx([0.5, 0.75, 1.0, 0.1])


@pytest.mark.parametrize("number", [float, torch.tensor])
def test_schedulers_set_a_learning_rate_in_either_form(make, number):
    """torch writes into a tensor and replaces a number."""
    parameters, twins = _parameters(torch.float32), _parameters(torch.float32)
    optimizer, twin = make(parameters, number(0.5)), make(twins, 0.5)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for i in range(3):
        _grad(parameters, seed=i)
        _grad(twins, seed=i)
        twin.param_groups[0]["lr"] = 0.5 * 0.5**i
        optimizer.step()
        twin.step()
        schedule.step()
    assert _same(parameters, twins)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_that_accumulate_are_one_gradient(make, dtype):
    """The batch in two halves, and twice as far: a step neither clears nor changes what it stepped from."""
    x = torch.linspace(-1, 1, 32, dtype=dtype).reshape(8, 4)
    halved, whole = _parameters(dtype), _parameters(dtype)
    for parameters, batches in ((halved, x.chunk(2)), (whole, [x])):
        optimizer = make(parameters)
        for _ in range(2):
            for batch in batches:
                (batch @ parameters[0]).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(halved, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_frozen_stays_and_joins_when_it_is_thawed(make, dtype):
    parameters, twins = _parameters(dtype, dtype), _parameters(dtype, dtype)
    frozen = parameters[1].requires_grad_(requires_grad=False)
    start = frozen.detach().clone()
    optimizer, twin = make(parameters), make(twins)
    _grad(parameters[:1])
    _grad(twins[:1])
    optimizer.step()
    twin.step()
    assert torch.equal(frozen, start)
    frozen.requires_grad_(requires_grad=True)
    for both in (parameters, twins):
        _grad(both, seed=1)
    optimizer.step()
    twin.step()
    assert not torch.equal(frozen, start)
    assert _same(parameters, twins)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
def test_a_player_may_have_nothing_but_empty_tensors(make, dtype):
    parameters = [nn.Parameter(torch.empty(s, dtype=dtype)) for s in ((0, 3), (0,))]
    for p in parameters:
        p.grad = torch.empty_like(p)
    make(parameters, nonfinite="raise").step()
    assert [p.shape for p in parameters] == [(0, 3), (0,)]


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_accumulated_gradients_need_no_division(scope):
    """nSGDA ignores the scale of the loss, so the sum over micro-batches is as good as their mean."""
    summed, averaged = _parameters(torch.float32), _parameters(torch.float32)
    for parameters, scale in ((summed, 8.0), (averaged, 1.0)):
        _grad(parameters, scale=scale)
        NSGD(parameters, 0.1, scope=scope).step()
    torch.testing.assert_close(summed, averaged)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_plain_rules_are_torchs_optimizers_in_float32(momentum):
    ours, theirs = _parameters(torch.float32, torch.float32), _parameters(torch.float32, torch.float32)
    pairs = [
        (RuleOptimizer(ours, 0.01, rule=SGD(momentum)), torch.optim.SGD(theirs, 0.01, momentum=momentum)),
        (RuleOptimizer(ours, 0.01, rule=Adam()), torch.optim.Adam(theirs, 0.01)),
    ]
    for mine, torchs in pairs:
        for i in range(20):
            _grad(ours, seed=i)
            _grad(theirs, seed=i)
            mine.step()
            torchs.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
@pytest.mark.filterwarnings("ignore:Sparse")  # torch's own: that some layouts are new
def test_sparse_gradients_of_any_layout_are_refused(make, layout):
    sparse = torch.eye(3, 4).to_sparse(layout=layout)
    # torch lets a compressed gradient belong to a parameter of its own layout alone.
    parameter = nn.Parameter(torch.ones(3, 4) if layout is torch.sparse_coo else sparse.clone())
    optimizer = make([parameter])
    parameter.grad = sparse
    with pytest.raises(RuntimeError, match="takes no sparse gradients"):
        optimizer.step()
    assert not optimizer.state


def test_views_that_a_step_would_copy_are_refused(make):
    values = torch.ones(3, dtype=torch.complex64)
    for view in (values.conj(), values.conj().imag):
        with pytest.raises(ValueError, match="resolve_conj"):
            make([view.detach().requires_grad_()])


def test_a_refused_group_leaves_the_player_as_it_was(make):
    optimizer = make(_parameters(torch.float32))
    for group in ({"lr": -1.0}, {"weight_decay": -1.0}, {"params": _parameters(torch.float16)}):
        with pytest.raises(ValueError, match=r"must be|autocast"):
            optimizer.add_param_group({"params": _parameters(torch.float32)} | group)
    assert len(optimizer.param_groups) == 1


def test_a_graph_that_a_step_made_stale_is_told_of(make):
    """A generator's loss built before the discriminator's step would get a wrong gradient in silence."""
    weight = nn.Parameter(torch.ones(4, 3))
    optimizer = make([weight])
    x = torch.ones(2, 4, requires_grad=True)
    loss = (x @ weight).square().sum()
    weight.grad = torch.ones(4, 3)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_settings_of_schedulers_in_groups_are_no_settings_of_ours(make):
    parameters = _parameters(torch.float32)
    optimizer = make(parameters)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10, cycle_momentum=False)
    make(optimizer.param_groups)
