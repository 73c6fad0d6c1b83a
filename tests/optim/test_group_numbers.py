"""The numbers of a rule (betas, momentum, eps) as settings of groups: read, set, scheduled, and refused."""

import pytest
import torch
from tests.cases.players import give_gradients, parameters_of, same, steps
from tests.cases.rules import FAST, NAMELESS, only
from torch import nn
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft, RuleOptimizer
from paripassu.optim.steps import WAYS, cpu, foreach, plain
from paripassu.rules import SGD, Adam, Normalize, RMSprop
from paripassu.rules.parts import numbers_of, with_numbers

NUMBERS = {"betas": [(0.3, 0.8), (0.0, 0.9), (0.6, 0.95)], "momentum": [0.7, 0.0, 0.4]}
VARIED = [(way, rule) for way in (cpu, foreach, plain) for rule in FAST if numbers_of(rule)]
VARIED += [(plain, rule) for rule in NAMELESS.values() if numbers_of(rule)]


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        (NSGD, {"momentum": 0.9}, {"momentum": 0.9}),
        (AdaNSGD, {"betas": (0.5, 0.9), "eps": 1e-6}, {"betas": (0.5, 0.9), "eps": 1e-6}),
        (AdaDir, {}, {"betas": (0.0, 0.9), "eps": 1e-8}),
        (
            Graft,
            {"magnitude": RMSprop(0.8), "direction": SGD(0.5)},
            {"alpha": 0.8, "eps": 1e-8, "momentum": 0.5},
        ),
        (Graft, {"magnitude": SGD(), "direction": SGD(0.5)}, {}),
        (RuleOptimizer, {"rule": Normalize(Adam())}, {"betas": (0.9, 0.999), "eps": 1e-8}),
    ],
)
def test_numbers_of_the_rule_are_in_every_group(kind, settings, expected):
    first, second = parameters_of(torch.float32), parameters_of(torch.float32)
    optimizer = kind([{"params": first}, {"params": second}], 0.1, **settings)
    for group in [optimizer.defaults, *optimizer.param_groups]:
        found = {name: group[name] for name in ("betas", "eps", "momentum", "alpha") if name in group}
        assert found == expected


@pytest.mark.parametrize(
    ("way", "rule"), VARIED, ids=[f"{way.__name__.split('.')[-1]} {rule}" for way, rule in VARIED]
)
def test_scheduled_numbers_are_the_rules_of_that_step(way, rule):
    """Also where they become 0 and more again, so that states begin late."""
    if way is cpu:
        pytest.importorskip("numba")
    generator = torch.Generator().manual_seed(0)
    exact = [torch.randn(s, generator=generator, dtype=torch.float64) for s in ((3, 4), (5,))]
    parameters = [nn.Parameter(e.float()) for e in exact]
    optimizer = RuleOptimizer(parameters, 0.1, rule=rule)
    states = []
    for step in range(6):
        numbers = {name: NUMBERS[name][step // 2] for name in NUMBERS if name in numbers_of(rule)}
        optimizer.param_groups[0].update(numbers)
        now = with_numbers(rule, numbers)
        gradients = [torch.randn(e.shape, generator=generator, dtype=torch.float64) for e in exact]
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g.float()
        if step == 0:
            states = [now.init(e) for e in exact]
        states = [now.complete(s, g) if step else s for s, g in zip(states, gradients, strict=True)]
        updates, states = now.update(gradients, states, exact)
        exact = [e - 0.1 * u for e, u in zip(exact, updates, strict=True)]
        with only(way):
            optimizer.step()
    torch.testing.assert_close([p.detach().double() for p in parameters], exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_norm_is_taken_over_groups_with_other_momentum(dtype):
    first, second = parameters_of(dtype, dtype)
    groups = [{"params": [first], "momentum": 0.5}, {"params": [second]}]
    optimizer = NSGD(groups, 0.1, scope="global", unit="length")
    start, buffers = [p.detach().clone() for p in (first, second)], [0.0, 0.0]
    for seed in range(3):
        give_gradients([first, second], seed)
        buffers = [m * b + p.grad for m, b, p in zip((0.5, 0.0), buffers, (first, second), strict=True)]
        length = torch.cat([b.flatten() for b in buffers]).norm()
        start = [s - 0.1 * b / length for s, b in zip(start, buffers, strict=True)]
        optimizer.step()
    torch.testing.assert_close([first.detach(), second.detach()], start, rtol=1e-5, atol=1e-6)
    assert second not in optimizer.state


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_groups_with_other_betas_are_two_optimizers_if_layers_are_alone(dtype):
    joined, alone = parameters_of(dtype, dtype), parameters_of(dtype, dtype)
    optimizer = AdaNSGD([{"params": joined[:1], "betas": [0.5, 0.99]}, {"params": joined[1:]}], 0.1)
    twins = [AdaNSGD(alone[:1], 0.1, betas=(0.5, 0.99)), AdaNSGD(alone[1:], 0.1)]
    for seed in range(3):
        give_gradients(joined, seed)
        give_gradients(alone, seed)
        for o in (optimizer, *twins):
            o.step()
    torch.testing.assert_close(joined, alone)
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.99)


CYCLES = {
    "OneCycleLR": lambda o: OneCycleLR(o, max_lr=0.05, total_steps=12),
    "CyclicLR": lambda o: CyclicLR(o, 0.01, 0.05, step_size_up=3),
}


@pytest.mark.parametrize("cycle", CYCLES.values(), ids=CYCLES)
@pytest.mark.parametrize(
    ("rule", "theirs"),
    [(SGD(0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)), (Adam(), torch.optim.Adam)],
    ids=["SGD", "Adam"],
)
def test_schedulers_that_cycle_momentum_do_as_with_torchs_optimizers(cycle, rule, theirs):
    mine, torchs = parameters_of(torch.float32, torch.float32), parameters_of(torch.float32, torch.float32)
    optimizers = RuleOptimizer(mine, 0.1, rule=rule), theirs(torchs)
    schedulers = [cycle(optimizer) for optimizer in optimizers]
    for seed in range(10):
        for parameters, optimizer, scheduler in zip((mine, torchs), optimizers, schedulers, strict=True):
            give_gradients(parameters, seed)
            optimizer.step()
            scheduler.step()
    torch.testing.assert_close(mine, torchs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [NSGD, AdaNSGD, AdaDir])
@pytest.mark.parametrize("cycle", CYCLES.values(), ids=CYCLES)
def test_schedulers_that_cycle_momentum_work_at_their_defaults(kind, cycle):
    parameters = parameters_of(torch.float32)
    optimizer = kind(parameters)
    scheduler = cycle(optimizer)
    seen = set()
    for seed in range(6):
        give_gradients(parameters, seed)
        optimizer.step()
        scheduler.step()
        group = optimizer.param_groups[0]
        seen.add(group["momentum"] if "momentum" in group else group["betas"])
    assert len(seen) > 3
    assert all(p.isfinite().all() for p in parameters)


def test_a_number_that_is_changed_within_a_list_is_seen():
    lists, tuples = parameters_of(torch.float32), parameters_of(torch.float32)
    one, other = AdaNSGD(lists, 0.1), AdaNSGD(tuples, 0.1)
    one.param_groups[0]["betas"] = betas = [0.5, 0.9]
    other.param_groups[0]["betas"] = (0.5, 0.9)
    for parameters, optimizer in ((lists, one), (tuples, other)):
        steps(optimizer, parameters, 2)
    assert one.param_groups[0]["betas"] == (0.5, 0.9)
    assert betas == [0.5, 0.9]
    assert same(lists, tuples)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("momentum", 1.0, r"momentum must be in \[0, 1\)"),
        ("momentum", "0.9", "got the text '0.9'"),
        ("momentum", None, "momentum must be a number"),
        ("lr", "1e-3", "got the text '1e-3'"),
        ("lr", torch.ones(2), "must be 1-element"),
        ("weight_decay", "0.1", "got the text '0.1'"),
    ],
)
def test_a_setting_that_is_no_number_is_refused_wherever_it_comes_from(name, value, message):
    optimizer = NSGD(parameters_of(torch.float32), 0.1)
    with pytest.raises(ValueError, match=message):
        NSGD(parameters_of(torch.float32), **({"lr": 0.1} | {name: value}))
    with pytest.raises(ValueError, match=message):
        optimizer.add_param_group({"params": parameters_of(torch.float32), name: value})
    assert len(optimizer.param_groups) == 1
    optimizer.param_groups[0][name] = value
    parameters = optimizer.param_groups[0]["params"]
    before = [p.detach().clone() for p in parameters]
    give_gradients(parameters)
    with pytest.raises(ValueError, match=message):
        optimizer.step()
    assert same([p.detach() for p in parameters], before)


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("way", WAYS[-1:] + WAYS, ids=lambda way: way.__name__.split(".")[-1])
def test_a_learning_rate_may_be_a_tensor_of_one_element(shape, way):
    number, tensor = parameters_of(torch.float32), parameters_of(torch.float32)
    for parameters, lr in ((number, 0.25), (tensor, torch.full(shape, 0.25))):
        give_gradients(parameters)
        scalar = nn.Parameter(torch.tensor(1.0))
        scalar.grad = torch.tensor(2.0)
        optimizer = NSGD([*parameters, scalar], lr, weight_decay=0.5)
        with only(*([way] if way is plain else WAYS)):
            optimizer.step()
    torch.testing.assert_close(number, tensor)


def test_a_learning_rate_of_other_shapes_is_refused(make, tensors):
    for lr in (torch.ones(2), torch.ones(1, 1), torch.ones(0)):
        with pytest.raises(ValueError, match="must be 1-element"):
            make(tensors(), lr)


def test_a_group_may_stand_still(make, tensors):
    parameters = tensors()
    before = parameters[0].detach().clone()
    make([{"params": parameters[:1], "lr": 0.0}, {"params": parameters[1:]}], 0.1).step()
    assert torch.equal(parameters[0], before)
    make(tensors(), 0.0).step()


def test_keys_of_ones_own_stay_in_groups_and_files(make, tensors):
    own = {"name": "body", "lr_scale": 0.1, "mult": 2, "initial_lr": 0.3}
    optimizer = make([{"params": tensors()} | own])
    optimizer.add_param_group({"params": tensors()} | own)
    optimizer.step()
    again = make([{"params": tensors()}, {"params": tensors()}])
    again.load_state_dict(optimizer.state_dict())
    for group in (*optimizer.param_groups, *again.param_groups):
        assert {key: group[key] for key in own} == own


REFUSED = {
    "amsgrad": True, "nesterov": True, "dampening": 0.1, "fused": True, "foreach": True, "capturable": True,
    "differentiable": True, "scope": "neither", "unit": "neither", "nonfinite": "neither", "rule": SGD(0.123),
    "centered": True,
}  # fmt: skip


def test_settings_without_effect_are_refused_in_groups_and_when_set_later(make, tensors):
    for name in REFUSED:
        with pytest.raises(ValueError, match=f"cannot set {name}"):
            make([{"params": tensors(), name: REFUSED[name]}])
        optimizer = make(tensors())
        with pytest.raises(ValueError, match=f"cannot set {name}"):
            optimizer.add_param_group({"params": tensors(), name: REFUSED[name]})
        optimizer.param_groups[0][name] = REFUSED[name]
        with pytest.raises(ValueError, match=f"cannot set {name}"):
            optimizer.step()


@pytest.mark.parametrize(
    ("make_one", "name", "value"),
    [
        (NSGD, "betas", (0.5, 0.9)),
        (NSGD, "eps", 1e-8),
        (AdaNSGD, "momentum", 0.9),
        (AdaDir, "momentum", 0.9),
        (lambda p: Graft(p, 0.1, magnitude=SGD(), direction=SGD(0.9)), "momentum", 0.5),
        (lambda p: RuleOptimizer(p, 0.1, rule=SGD()), "alpha", 0.9),
    ],
)
def test_numbers_that_the_rule_has_not_or_twice_are_refused(tensors, make_one, name, value):
    with pytest.raises(ValueError, match=f"cannot set {name}"):
        make_one([{"params": tensors(), name: value}])


def test_settings_that_ask_for_nothing_or_for_what_is_done_are_no_error(make, tensors):
    optimizer = make(tensors())
    nothing = {
        "amsgrad": False,
        "foreach": None,
        "fused": None,
        "dampening": 0,
        "decoupled_weight_decay": True,
    }
    optimizer.add_param_group(
        {"params": tensors(), "rule": optimizer.rule, "nonfinite": "propagate"} | nothing
    )
    optimizer.step()


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        *((kind, name, "leave it out") for kind in (NSGD, AdaNSGD, AdaDir) for name in
          ("fused", "foreach", "capturable", "differentiable", "amsgrad", "nesterov", "dampening")),
        (NSGD, "betas", "take AdaNSGD"),
        (NSGD, "eps", "no epsilon"),
        (AdaNSGD, "momentum", "direction=SGD"),
    ],
)  # fmt: skip
def test_arguments_of_torchs_optimizers_are_refused_with_what_to_do(tensors, kind, name, message):
    with pytest.raises(TypeError, match=rf"{kind.__name__} has no argument '{name}': .*{message}"):
        kind(tensors(), 0.1, **{name: 0.5})


class _Logged(NSGD):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)


class _Named(_Logged):
    """With a name of its own, and one more class between."""

    def __init__(self, params, lr=0.1, *, name="", **settings):
        super().__init__(params, lr, **settings)


class _Fixed(NSGD):
    def __init__(self, params):
        super().__init__(params, 0.1)


def test_a_subclass_that_hands_on_arguments_takes_those_of_its_parents(tensors):
    for kind in (_Logged, _Named):
        assert kind(tensors(), lr=0.1, momentum=0.9).defaults["momentum"] == 0.9
        with pytest.raises(TypeError, match=f"{kind.__name__} has no argument 'betas': .*take AdaNSGD"):
            kind(tensors(), lr=0.1, betas=(0.5, 0.9))
    with pytest.raises(TypeError, match="_Fixed has no argument 'momentum'"):
        _Fixed(tensors(), momentum=0.9)


def test_learning_rates_have_the_defaults_that_their_units_suggest(tensors):
    assert NSGD(tensors()).defaults["lr"] == 1e-3
    assert NSGD(tensors(), unit="length").defaults["lr"] == 1e-2
    assert NSGD(tensors(), relative=True).defaults["lr"] == 1e-2
    assert AdaNSGD(tensors()).defaults["lr"] == AdaDir(tensors()).defaults["lr"] == 1e-3
