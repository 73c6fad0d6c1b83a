"""What a torch optimizer must do, for every optimizer of ours."""

import copy

import pytest
import torch
from tests.cases.players import parameters_of, same, steps
from tests.cases.rules import OPTIMIZERS
from torch import nn

from paripassu.optim import RuleOptimizer
from paripassu.rules import SGD

SCHEDULERS = {
    "linear": lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.5, 0.1, 5),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 5),
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 0.9**step),
}


def test_other_words_for_nonfinite_are_refused(make):
    with pytest.raises(ValueError, match="'ignore'"):
        make(parameters_of(torch.float32), nonfinite="ignore")


# One of each kind: dynamo takes long, and sees the same Python for every scope and unit.
@pytest.mark.filterwarnings("ignore")  # dynamo's own
@pytest.mark.parametrize(
    "name",
    ["NSGD global", "NSGD layer momentum", "AdaNSGD layer", "AdaDir global", "Graft layer", "rule SGD"],
)
def test_a_compiled_training_step_is_the_plain_one(name):
    make = OPTIMIZERS[name]
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
    assert same(list(plain.parameters()), list(compiled.parameters()))


def test_going_backwards_through_an_outdated_graph_raises(make):
    """A generator's loss built before the discriminator's step would get a wrong gradient in silence."""
    weight = nn.Parameter(torch.ones(4, 3))
    optimizer = make([weight])
    x = torch.ones(2, 4, requires_grad=True)
    loss = (x @ weight).square().sum()
    weight.grad = torch.ones(4, 3)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_step_is_the_rules_update_times_the_learning_rate(make, tensors):
    parameters, optimizer = tensors(), None
    optimizer = make(parameters, 0.3)
    before = [p.detach().clone() for p in parameters]
    gradients = [p.grad.clone() for p in parameters]
    updates, _ = optimizer.rule.update(gradients, [optimizer.rule.init(g) for g in gradients], before)
    optimizer.step()
    for p, b, u in zip(parameters, before, updates, strict=True):
        torch.testing.assert_close(p.detach(), b - 0.3 * u, rtol=1e-12, atol=1e-14)


def test_gradients_are_left_as_they_are(make, tensors):
    parameters = tensors()
    before = [p.grad.clone() for p in parameters]
    make(parameters, weight_decay=0.1).step()
    assert same([p.grad for p in parameters], before)


def test_maximize_ascends_what_minimize_descends(make, tensors):
    up, down = tensors(), tensors()
    optimizers = make(up, maximize=True), make(down)
    start = [p.detach().clone() for p in up]
    for optimizer in optimizers:
        optimizer.step()
    for a, b, s in zip(up, down, start, strict=True):
        torch.testing.assert_close(a - s, s - b, rtol=1e-12, atol=1e-15)


def test_weight_decay_shrinks_when_maximizing_too(make, tensors):
    plain, decayed = tensors(), tensors()
    start = [p.detach().clone() for p in plain]
    make(plain, 0.1, maximize=True).step()
    make(decayed, 0.1, weight_decay=0.5, maximize=True).step()
    for p, d, s in zip(plain, decayed, start, strict=True):
        torch.testing.assert_close(d.detach(), p.detach() - 0.1 * 0.5 * s, rtol=1e-12, atol=1e-14)


def test_weight_decay_is_decoupled_and_outside_the_norms(make, tensors):
    plain, decayed = tensors(), tensors()
    start = [p.detach().clone() for p in plain]
    make(plain, 0.1).step()
    make(decayed, 0.1, weight_decay=0.5).step()
    for p, d, s in zip(plain, decayed, start, strict=True):
        torch.testing.assert_close(d.detach(), p.detach() - 0.1 * 0.5 * s, rtol=1e-12, atol=1e-14)


def test_parameters_without_gradients_are_left_out(make, tensors):
    some, alone = tensors(), tensors()
    some[1].grad = None
    frozen = some[1].detach().clone()
    make(some).step()
    make([alone[0], *alone[2:]]).step()
    assert torch.equal(some[1], frozen)
    assert same([some[0], *some[2:]], [alone[0], *alone[2:]])


def test_a_step_without_any_gradient_does_nothing(make, tensors):
    parameters = tensors()
    before = [p.detach().clone() for p in parameters]
    for p in parameters:
        p.grad = None
    make(parameters, weight_decay=0.1).step()
    assert same(parameters, before)


def test_groups_have_a_pace_of_their_own_and_a_norm_in_common(make, tensors):
    grouped, whole = tensors(), tensors()
    start = [p.detach().clone() for p in grouped]
    make([{"params": grouped[:2]}, {"params": grouped[2:], "lr": 0.02}], 0.01).step()
    make(whole, 0.01).step()
    for p, w, s, factor in zip(grouped, whole, start, (1, 1, 2, 2), strict=True):
        torch.testing.assert_close(p - s, factor * (w - s), rtol=1e-10, atol=1e-14)


def test_a_group_added_later_joins_the_player(make, tensors):
    """As if it had been there from the start and without gradients."""
    parameters, twins = tensors(), tensors()
    optimizer = make(parameters[:2])
    twin = make([{"params": twins[:2]}, {"params": twins[2:], "lr": 0.5}])
    for p in twins[2:]:
        p.grad = None
    steps(optimizer, parameters[:2], 2)
    steps(twin, twins[:2], 2)
    optimizer.add_param_group({"params": parameters[2:], "lr": 0.5})
    steps(optimizer, parameters, 2)
    steps(twin, twins, 2)
    assert same(parameters, twins)


def test_schedulers_set_the_pace(make, tensors):
    for schedule in SCHEDULERS.values():
        scheduled, by_hand = tensors(), tensors()
        optimizer, twin = make(scheduled, 0.1), make(by_hand, 0.1)
        scheduler = schedule(optimizer)
        for i in range(4):
            twin.param_groups[0]["lr"] = scheduler.get_last_lr()[0]
            steps(optimizer, scheduled, 1, seed=i)
            steps(twin, by_hand, 1, seed=i)
            scheduler.step()
        assert same(scheduled, by_hand)


def test_closures_and_hooks_are_called(make, tensors):
    parameters = tensors()
    optimizer = make(parameters)
    called = []
    optimizer.register_step_pre_hook(lambda *_: called.append("before"))
    optimizer.register_step_post_hook(lambda *_: called.append("after"))

    def closure():
        called.append("closure")
        optimizer.zero_grad()
        loss = sum(p.square().sum() for p in parameters)
        loss.backward()
        return loss

    expected = sum(p.square().sum() for p in parameters).item()
    assert optimizer.step(closure).item() == expected
    assert called == ["before", "closure", "after"]


def test_a_tensor_learning_rate_is_the_number_it_holds(make, tensors):
    number, tensor = tensors(), tensors()
    make(number, 0.25).step()
    make(tensor, torch.tensor(0.25, dtype=torch.float64)).step()
    assert same(number, tensor)


def test_strides_make_no_difference(make):
    generator = torch.Generator().manual_seed(0)
    weight, gradient = (torch.randn(4, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    parameters = [torch.nn.Parameter(weight.clone()), torch.nn.Parameter(weight.t().contiguous().t())]
    for parameter, g in zip(parameters, (gradient, gradient.t().contiguous().t()), strict=True):
        parameter.grad = g
        make([parameter]).step()
    torch.testing.assert_close(parameters[0], parameters[1], rtol=1e-13, atol=0)


def test_complex_parameters_are_pairs_of_real_ones(make):
    generator = torch.Generator().manual_seed(0)
    values, gradients = (torch.randn(5, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    real, complex_ = (
        torch.nn.Parameter(values.clone()),
        torch.nn.Parameter(torch.view_as_complex(values.clone())),
    )
    real.grad, complex_.grad = gradients.clone(), torch.view_as_complex(gradients.clone())
    for parameter in (real, complex_):
        make([parameter]).step()
    assert torch.equal(torch.view_as_real(complex_.detach()), real.detach())


def test_empty_parameters_do_no_harm(make, tensors):
    with_empty, without = tensors(), tensors()
    empty = torch.nn.Parameter(torch.empty(0, 3, dtype=torch.float64))
    empty.grad = torch.empty(0, 3, dtype=torch.float64)
    make([*with_empty, empty]).step()
    make(without).step()
    assert same(with_empty, without)


def test_sparse_gradients_are_refused(make):
    embedding = torch.nn.Embedding(4, 2, sparse=True)
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="sparse=False"):
        make(embedding.parameters()).step()


def test_what_is_printed_names_the_rule(make, tensors):
    optimizer = make(tensors(), 0.25, nonfinite="skip")
    lines = repr(optimizer).split("\n")
    assert lines[0] == f"{type(optimizer).__name__} ("
    assert lines[1:4] == [f"rule: {optimizer.rule}", "nonfinite: skip", "Parameter Group 0"]
    assert "    lr: 0.25" in lines


def test_torchs_training_accepts_named_parameters():
    network = torch.nn.Linear(3, 2)
    optimizer = RuleOptimizer(network.named_parameters(), 0.1, rule=SGD())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
