"""The contract with a trainer: dtypes, bad gradients, AMP, schedules and layouts, for every optimizer."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.cases.players import give_gradients, leaves, parameters_of, same, snapshot
from tests.cases.rules import OPTIMIZERS
from torch import nn

from paripassu.optim import RuleOptimizer
from paripassu.rules import SGD, Adam


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
    states = [optimizer.rule.init(p.detach().double()) for p in parameters]
    relative = {torch.float64: 1e-6, torch.float32: 1e-4, torch.bfloat16: 2**-6}
    for step in range(3):
        # From the weights as they are: a rule that reads them passes one tensor's rounding on to the others.
        weights = [p.detach().to(torch.float64, copy=True) for p in parameters]
        there = [k for k, (_, _, has, _) in enumerate(tensors) if has[step]]
        for k, p in enumerate(parameters):
            p.grad = scale * normal(p.shape, p.dtype) if k in there else None
        updates, following = optimizer.rule.update(
            [parameters[k].grad.double() for k in there],
            [states[k] for k in there],
            [weights[k] for k in there],
        )
        optimizer.step()
        expected = list(weights)
        for k, update, state in zip(there, updates, following, strict=True):
            states[k] = state
            lr, weight, sign = (0.2, decay, -1 if maximize else 1) if second[k] else (0.1, 0.0, 1)
            expected[k] = weights[k] * (1 - lr * weight) - lr * sign * update
        for p, before, e in zip(parameters, weights, expected, strict=True):
            most = max([1.0, *(float(w.abs().max()) for w in (before, e) if w.numel())])
            torch.testing.assert_close(p.detach().double(), e, rtol=0, atol=relative[p.dtype] * most)


def test_bfloat16_is_stepped_in_float32(make):
    """As the float32 twin that starts at the same numbers, rounded to bfloat16 once."""
    (coarse,), (fine,) = parameters_of(torch.bfloat16), parameters_of(torch.bfloat16)
    fine = nn.Parameter(fine.detach().float())
    optimizers = make([coarse]), make([fine])
    give_gradients([coarse])
    fine.grad = coarse.grad.float()
    for optimizer in optimizers:
        optimizer.step()
    torch.testing.assert_close(coarse.detach(), fine.detach().bfloat16(), rtol=2**-8, atol=0)
    assert all(t.dtype == torch.float32 for t in leaves(dict(optimizers[0].state)) if torch.is_tensor(t))


def test_dtypes_may_be_mixed(make):
    """One norm over float32, float64 and bfloat16 alike: what float64 gives for the same numbers."""
    mixed = parameters_of(torch.float32, torch.float64, torch.bfloat16)
    exact = [nn.Parameter(p.detach().double().clone()) for p in mixed]
    give_gradients(mixed)
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
    mixed, alone = parameters_of(torch.float32, torch.float32), parameters_of(torch.float32, torch.float32)
    mixed[1] = nn.Parameter(mixed[1].detach().cuda())
    optimizers = make(mixed), make(alone)
    for i in range(3):
        give_gradients(alone, seed=i)
        for m, a in zip(mixed, alone, strict=True):
            m.grad = a.grad.to(m.device)
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close([p.detach().cpu() for p in mixed], [p.detach() for p in alone])


def test_zero_gradients_move_nothing(make):
    for dtype in [torch.float32, torch.float64, torch.bfloat16]:
        parameters = parameters_of(dtype, dtype)
        before = [p.detach().clone() for p in parameters]
        optimizer = make(parameters)
        give_gradients(parameters, scale=0.0)
        for _ in range(2):
            optimizer.step()
        assert same(parameters, before)


def test_bad_gradients_reach_the_parameters_unless_told_otherwise(make):
    for dtype in [torch.float32, torch.float64]:
        for bad in [float("nan"), float("inf"), -float("inf")]:
            parameters = parameters_of(dtype)
            give_gradients(parameters)
            parameters[0].grad[2, 1] = bad
            make(parameters).step()
            assert not parameters[0].isfinite().all()


def test_steps_with_a_bad_gradient_can_be_skipped(make):
    for dtype in [torch.float32, torch.float64]:
        for bad in [float("nan"), float("inf"), -float("inf")]:
            parameters = parameters_of(dtype, dtype)
            optimizer = make(parameters, nonfinite="skip")
            give_gradients(parameters)
            optimizer.step()
            before = snapshot(optimizer)
            give_gradients(parameters, seed=1)
            parameters[1].grad[2, 1] = bad
            optimizer.step()
            assert same(snapshot(optimizer), before)


def test_a_first_step_that_is_skipped_makes_no_state(make):
    parameters = parameters_of(torch.float32)
    optimizer = make(parameters, nonfinite="skip")
    parameters[0].grad = torch.full((4, 3), float("nan"))
    optimizer.step()
    assert not optimizer.state


def test_a_bad_gradient_can_be_an_error(make):
    parameters = parameters_of(torch.float32)
    optimizer = make(parameters, nonfinite="raise")
    before = snapshot(optimizer)
    parameters[0].grad = torch.full((4, 3), float("inf"))
    with pytest.raises(RuntimeError, match="no step was taken"):
        optimizer.step()
    assert same(snapshot(optimizer), before)


def _bad_and_good(optimizer, parameters, pattern: str) -> None:
    for seed, kind in enumerate(pattern):
        give_gradients(parameters, seed=seed)
        if kind == "x":
            parameters[0].grad[0, 0] = float("nan")
        optimizer.step()


def test_skipped_steps_are_counted_also_through_files_and_copies(make):
    parameters = parameters_of(torch.float32)
    optimizer = make([{"params": parameters}, {"params": parameters_of(torch.float32)}], nonfinite="skip")
    _bad_and_good(optimizer, parameters, "xx.xx.x")
    assert optimizer.skipped == (5, 1)
    again = make([{"params": parameters}, {"params": parameters_of(torch.float32)}], nonfinite="skip")
    again.load_state_dict(optimizer.state_dict())
    for other in (again, copy.deepcopy(optimizer)):
        assert other.skipped == (5, 1)
    _bad_and_good(again, parameters, "x")
    assert again.skipped == (6, 2)
    assert make(parameters).skipped == (0, 0)


def test_an_optimizer_gives_up_after_as_many_skipped_steps_in_a_row_as_it_may(make):
    parameters = parameters_of(torch.float32)
    optimizer = make(parameters, nonfinite="skip", give_up_after=3)
    _bad_and_good(optimizer, parameters, "xx.xx")
    before = snapshot(optimizer)
    with pytest.raises(RuntimeError, match="3 steps in a row were skipped"):
        _bad_and_good(optimizer, parameters, "x")
    assert optimizer.skipped == (5, 3)
    assert same(snapshot(optimizer), before)


def test_a_limit_of_skipped_steps_that_has_no_effect_is_refused(make):
    for nonfinite, after in [("propagate", 3), ("raise", 3), ("skip", 0)]:
        with pytest.raises(ValueError, match="give_up_after must be >= 1 and needs"):
            make(parameters_of(torch.float32), nonfinite=nonfinite, give_up_after=after)


def test_finite_steps_are_the_same_whatever_is_done_about_others(make):
    """Squares of 1e30 overflow; the gradient is finite all the same."""
    for nonfinite in ["skip", "raise"]:
        watched, plain = parameters_of(torch.float32), parameters_of(torch.float32)
        for parameters, optimizer in ((watched, make(watched, nonfinite=nonfinite)), (plain, make(plain))):
            give_gradients(parameters, scale=1e30)
            optimizer.step()
        assert same(watched, plain)


def test_a_grad_scaler_changes_no_step_and_skips_bad_ones(make):
    scaled, plain = parameters_of(torch.float32, torch.float32), parameters_of(torch.float32, torch.float32)
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
    assert same(scaled, plain)
    before = snapshot(optimizer)
    optimizer.zero_grad()
    scaler.scale(loss(scaled, float("inf"))).backward()
    scaler.step(optimizer)
    assert same(snapshot(optimizer), before)


def test_autocast_leaves_the_step_in_float32(make):
    network = nn.Linear(4, 3)
    optimizer = make(network.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.ones(2, 4)).square().mean().backward()
        optimizer.step()
    assert all(t.dtype == torch.float32 for t in leaves(dict(optimizer.state)) if torch.is_tensor(t))
    assert all(p.isfinite().all() for p in network.parameters())


def test_chains_of_schedulers_set_the_pace(make):
    parameters = parameters_of(torch.float32)
    optimizer = make(parameters, 1.0)
    schedulers = torch.optim.lr_scheduler
    warm = schedulers.LinearLR(optimizer, 0.5, 1.0, 2)
    chain = schedulers.SequentialLR(optimizer, [warm, schedulers.ExponentialLR(optimizer, 0.1)], [2])
    rates = []
    for i in range(4):
        give_gradients(parameters, seed=i)
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        chain.step()
    assert rates == pytest.approx([0.5, 0.75, 1.0, 0.1])


def test_schedulers_set_a_learning_rate_in_either_form(make):
    """torch writes into a tensor and replaces a number."""
    for number in [float, torch.tensor]:
        parameters, twins = parameters_of(torch.float32), parameters_of(torch.float32)
        optimizer, twin = make(parameters, number(0.5)), make(twins, 0.5)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        for i in range(3):
            give_gradients(parameters, seed=i)
            give_gradients(twins, seed=i)
            twin.param_groups[0]["lr"] = 0.5 * 0.5**i
            optimizer.step()
            twin.step()
            schedule.step()
        assert same(parameters, twins)


def test_gradients_that_accumulate_are_one_gradient(make):
    """The batch in two halves, and twice as far: a step neither clears nor changes what it stepped from."""
    for dtype in [torch.float32, torch.float64]:
        x = torch.linspace(-1, 1, 32, dtype=dtype).reshape(8, 4)
        halved, whole = parameters_of(dtype), parameters_of(dtype)
        for parameters, batches in ((halved, x.chunk(2)), (whole, [x])):
            optimizer = make(parameters)
            for _ in range(2):
                for batch in batches:
                    (batch @ parameters[0]).square().sum().backward()
                optimizer.step()
        torch.testing.assert_close(halved, whole, rtol=1e-4, atol=1e-6)


def test_what_is_frozen_stays_and_joins_when_it_is_thawed(make):
    for dtype in [torch.float32, torch.float64]:
        parameters, twins = parameters_of(dtype, dtype), parameters_of(dtype, dtype)
        frozen = parameters[1].requires_grad_(requires_grad=False)
        start = frozen.detach().clone()
        optimizer, twin = make(parameters), make(twins)
        give_gradients(parameters[:1])
        give_gradients(twins[:1])
        optimizer.step()
        twin.step()
        assert torch.equal(frozen, start)
        frozen.requires_grad_(requires_grad=True)
        for both in (parameters, twins):
            give_gradients(both, seed=1)
        optimizer.step()
        twin.step()
        assert not torch.equal(frozen, start)
        assert same(parameters, twins)


def test_a_player_may_have_nothing_but_empty_tensors(make):
    for dtype in [torch.float32, torch.float64, torch.bfloat16, torch.complex64]:
        parameters = [nn.Parameter(torch.empty(s, dtype=dtype)) for s in ((0, 3), (0,))]
        for p in parameters:
            p.grad = torch.empty_like(p)
        make(parameters, nonfinite="raise").step()
        assert [p.shape for p in parameters] == [(0, 3), (0,)]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_plain_rules_are_torchs_optimizers_in_float32(momentum):
    ours, theirs = parameters_of(torch.float32, torch.float32), parameters_of(torch.float32, torch.float32)
    pairs = [
        (RuleOptimizer(ours, 0.01, rule=SGD(momentum)), torch.optim.SGD(theirs, 0.01, momentum=momentum)),
        (RuleOptimizer(ours, 0.01, rule=Adam()), torch.optim.Adam(theirs, 0.01)),
    ]
    for mine, torchs in pairs:
        for i in range(20):
            give_gradients(ours, seed=i)
            give_gradients(theirs, seed=i)
            mine.step()
            torchs.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Sparse")  # torch's own: that some layouts are new
def test_sparse_gradients_of_any_layout_are_refused(make):
    for layout in [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]:
        sparse = torch.eye(3, 4).to_sparse(layout=layout)
        # torch lets a compressed gradient belong to a parameter of its own layout alone.
        parameter = nn.Parameter(torch.ones(3, 4) if layout is torch.sparse_coo else sparse.clone())
        optimizer = make([parameter])
        parameter.grad = sparse
        with pytest.raises(RuntimeError, match="takes no sparse gradients"):
            optimizer.step()
        assert not optimizer.state
