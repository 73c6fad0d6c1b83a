"""Runs of torch's optimizers that ours continue, and their files, which are refused or converted."""

import copy

import pytest
import torch
from tests.cases.players import give_gradients, leaves, parameters_of, same, steps
from torch import nn

from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft, RuleOptimizer
from paripassu.rules import SGD, Adam, Clip, Normalize, Optimistic, Orthogonal, RMSprop, Sign

TORCHS = {
    "Adam": (lambda p: torch.optim.Adam(p, 0.01, betas=(0.5, 0.9), eps=1e-6), Adam((0.5, 0.9), 1e-6)),
    "AdamW": (lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1), Adam()),
    "SGD": (lambda p: torch.optim.SGD(p, 0.01, momentum=0.9), SGD(0.9)),
    "RMSprop": (lambda p: torch.optim.RMSprop(p, 0.01), RMSprop()),
}


def _moves(optimizer, parameters, seed) -> list[torch.Tensor]:
    before = [p.detach().clone() for p in parameters]
    give_gradients(parameters, seed)
    optimizer.step()
    return [p.detach() - b for p, b in zip(parameters, before, strict=True)]


@pytest.mark.parametrize("decoupled", [False, True])
def test_an_adam_goes_on_with_its_lengths_and_the_gradients_directions(decoupled):
    parameters, twins = parameters_of(*[torch.float64] * 2), parameters_of(*[torch.float64] * 2)
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    groups = [
        {"params": [("first", parameters[0])], "betas": (0.5, 0.9), "initial_lr": 0.3, "name": "body"},
        {"params": [("second", parameters[1])], "lr": 0.02, "eps": 1e-6},
    ]
    adam = kind(groups, 0.01, betas=(0.0, 0.99), weight_decay=0.0)
    steps(adam, parameters, 3)
    for twin, parameter in zip(twins, parameters, strict=True):
        twin.data.copy_(parameter.detach())
    optimizer = AdaNSGD.from_adam(copy.deepcopy(adam))
    optimizer = AdaNSGD.from_adam(adam)
    first, second = optimizer.param_groups
    assert (first["lr"], first["betas"], first["name"], first["initial_lr"]) == (
        0.01,
        (0.5, 0.9),
        "body",
        0.3,
    )
    assert (second["lr"], second["betas"], second["eps"]) == (0.02, (0.0, 0.99), 1e-6)
    assert (first["param_names"], second["param_names"]) == (["first"], ["second"])
    assert not {"amsgrad", "foreach"} & first.keys()
    # Without a first moment nothing stores the last gradient.
    assert "exp_avg" not in optimizer.state[parameters[1]]["magnitude"]
    start = copy.deepcopy(adam.state_dict())
    ours = _moves(optimizer, parameters, 7)
    gradients = [p.grad for p in parameters]
    for p, twin in zip(parameters, twins, strict=True):
        p.data.copy_(twin.detach())
    adam.load_state_dict(start)
    theirs = _moves(adam, parameters, 7)
    for our, their, g in zip(ours, theirs, gradients, strict=True):
        torch.testing.assert_close(our, -g / g.norm() * their.norm())


def test_adadir_goes_on_in_adams_direction():
    parameters = parameters_of(torch.float64)
    adam = torch.optim.Adam(parameters, 0.01, betas=(0.5, 0.9))
    steps(adam, parameters, 3)
    optimizer = AdaDir.from_adam(adam, 0.2)
    start = [p.detach().clone() for p in parameters]
    (our,) = _moves(optimizer, parameters, 7)
    parameters[0].data.copy_(start[0])
    (their,) = _moves(adam, parameters, 7)
    torch.testing.assert_close(our, their / their.norm() * 0.2 * parameters[0].grad.norm())


def test_normalised_sgd_goes_on_with_the_momentum():
    parameters = parameters_of(torch.float64)
    sgd = torch.optim.SGD(parameters, 0.01, momentum=0.9)
    steps(sgd, parameters, 3)
    optimizer = NSGD.from_sgd(sgd, 0.2, unit="length")
    assert optimizer.param_groups[0]["momentum"] == 0.9
    start = [p.detach().clone() for p in parameters]
    (our,) = _moves(optimizer, parameters, 7)
    parameters[0].data.copy_(start[0])
    (their,) = _moves(sgd, parameters, 7)
    torch.testing.assert_close(our, their / their.norm() * 0.2)


def test_a_graft_takes_over_both_its_parts():
    parameters = parameters_of(torch.float32)
    adam, sgd = torch.optim.Adam(parameters), torch.optim.SGD(parameters, 0.1, momentum=0.9)
    for optimizer in (adam, sgd):
        steps(optimizer, parameters, 2)
    graft = Graft(parameters, 0.1, magnitude=Adam(), direction=SGD(0.9))
    graft.take_over(adam)
    graft.take_over(sgd)
    assert same(leaves(graft.state[parameters[0]]["magnitude"]), leaves(
        {name: adam.state[parameters[0]][name] for name in ("step", "exp_avg_sq", "exp_avg")}
    ))  # fmt: skip
    assert same(leaves(graft.state[parameters[0]]["direction"]), leaves(dict(sgd.state[parameters[0]])))


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (Clip(Adam(), 0.1), lambda state: state),
        (Sign(Normalize(Adam())), lambda state: state),
        (Optimistic(Adam()), lambda state: state["rule"]),
        (Orthogonal(SGD(), Adam()), lambda state: state.get("otherwise")),
        (Orthogonal(Adam(), SGD()), lambda state: state.get("rule")),
    ],
    ids=["clip", "sign", "optimistic", "otherwise", "orthogonal"],
)
def test_a_part_takes_over_wherever_it_is_in_a_rule(rule, part):
    parameters = [*parameters_of(torch.float64), nn.Parameter(torch.ones(3))]
    adam = torch.optim.Adam(parameters, 0.01)
    steps(adam, parameters, 3)
    optimizer = RuleOptimizer(parameters, 0.01, rule=rule)
    optimizer.take_over(adam)
    found = [state for p in parameters if (state := part(optimizer.state[p]))]
    assert found
    assert all(state["step"] == 3 and state["exp_avg_sq"].all() for state in found)
    steps(optimizer, parameters, 1)
    assert all(state["step"] == 4 for state in found)


@pytest.mark.parametrize(
    ("other", "go_on", "start"),
    [
        (lambda p: torch.optim.SGD(p, 0.5), lambda o: NSGD.from_sgd(o, 1e-3), 1e-3),
        (lambda p: torch.optim.Adam(p, 0.5), lambda o: AdaDir.from_adam(o, 1e-3), 1e-3),
        (lambda p: torch.optim.Adam(p, 0.5), AdaNSGD.from_adam, 0.5),
    ],
    ids=["NSGD", "AdaDir", "AdaNSGD"],
)
def test_a_new_schedule_starts_from_the_new_rate_or_as_the_old_one(other, go_on, start):
    optimizer = other(parameters_of(torch.float32))
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 0.1)
    ours = go_on(optimizer)
    torch.optim.lr_scheduler.LambdaLR(ours, lambda _: 0.1)
    assert ours.param_groups[0]["lr"] == pytest.approx(0.1 * start)


@pytest.mark.parametrize(
    ("kind", "decay", "go_on"),
    [
        (torch.optim.AdamW, 0.3, AdaNSGD.from_adam),
        (torch.optim.AdamW, 0.3, lambda o: AdaDir.from_adam(o, 0.1)),
        (torch.optim.Adam, 0.0, AdaNSGD.from_adam),
        (torch.optim.SGD, 0.0, lambda o: NSGD.from_sgd(o, 0.1)),
    ],
)
def test_a_group_that_is_added_later_has_the_settings_it_would_have_had(kind, decay, go_on):
    """A decay that is added to gradients was 0 in all groups, and is no decoupled one."""
    first, second = parameters_of(torch.float32, torch.float32)
    other = kind([first], lr=0.1, weight_decay=0.3, maximize=True)
    other.param_groups[0].update({"weight_decay": decay})
    optimizer = go_on(other)
    optimizer.add_param_group({"params": [second]})
    assert optimizer.param_groups[1]["weight_decay"] == decay
    assert optimizer.param_groups[1]["maximize"]


@pytest.mark.parametrize("name", TORCHS)
def test_a_torch_optimizer_without_steps_is_taken_over_too(name):
    make, rule = TORCHS[name]
    parameters = parameters_of(torch.float32)
    optimizer = RuleOptimizer(parameters, 0.1, rule=rule)
    optimizer.take_over(make(parameters))
    assert not optimizer.state


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (lambda p: torch.optim.Adam(p, amsgrad=True), ValueError, "cannot|another algorithm"),
        (lambda p: torch.optim.Adam(p, weight_decay=0.1), ValueError, "decoupled"),
        (lambda p: torch.optim.SGD(p, 0.1), TypeError, "a Adam is needed, got SGD"),
        (lambda p: torch.optim.Adagrad(p), TypeError, "a Adam is needed, got Adagrad"),
    ],
)
def test_what_another_algorithm_did_is_not_taken_over(other, error, message):
    parameters = parameters_of(torch.float32)
    optimizer = other(parameters)
    steps(optimizer, parameters, 1)
    with pytest.raises(error, match=message):
        AdaNSGD.from_adam(optimizer)


def test_a_rule_without_the_part_or_with_other_parameters_takes_nothing_over():
    parameters = parameters_of(torch.float32)
    adam = torch.optim.Adam(parameters)
    steps(adam, parameters, 1)
    for rule in (SGD(), RMSprop()):
        with pytest.raises(ValueError, match="0 parts that continue Adam"):
            RuleOptimizer(parameters, 0.1, rule=rule).take_over(adam)
    with pytest.raises(ValueError, match="2 parts"):
        Graft(parameters, 0.1, magnitude=Adam(), direction=Adam()).take_over(adam)
    with pytest.raises(ValueError, match="same parameters"):
        AdaNSGD(parameters_of(torch.float32)).take_over(adam)


@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("name", TORCHS)
def test_a_file_of_torchs_is_refused_where_its_lr_has_another_unit(name, stepped):
    parameters = parameters_of(torch.float32)
    other = TORCHS[name][0](parameters)
    if stepped:
        steps(other, parameters, 1)
    for optimizer in (
        NSGD(parameters, 0.25),
        NSGD(parameters, 0.25, momentum=0.9),
        AdaNSGD(parameters, 0.25),
    ):
        with pytest.raises(ValueError, match=r"of another optimizer.*take_over, from_adam or from_sgd"):
            optimizer.load_state_dict(other.state_dict())
        assert optimizer.param_groups[0]["lr"] == 0.25
        assert not optimizer.state


@pytest.mark.parametrize("name", TORCHS)
@pytest.mark.parametrize("counts", [lambda step: step, float], ids=["as now", "torch before 1.12"])
def test_a_rule_that_is_torchs_own_loads_torchs_file(name, counts):
    make, rule = TORCHS[name]
    ours, theirs = parameters_of(torch.float32), parameters_of(torch.float32)
    other = make(theirs)
    steps(other, theirs, 2)
    saved = copy.deepcopy(other.state_dict())
    for state in saved["state"].values():
        state.update({"step": counts(state["step"])} if "step" in state else {})
    optimizer = RuleOptimizer(ours, 0.5, rule=rule)
    optimizer.load_state_dict(saved)
    assert not {"amsgrad", "foreach", "nesterov"} & optimizer.param_groups[0].keys()
    for p, q in zip(ours, theirs, strict=True):
        p.data.copy_(q.detach())
    steps(optimizer, ours, 2)
    steps(other, theirs, 2)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_variant_in_a_file_is_refused():
    parameters = parameters_of(torch.float32)
    optimizer = RuleOptimizer(parameters, 0.1, rule=Adam())
    for other, name in (
        (torch.optim.Adam(parameters, amsgrad=True), "amsgrad"),
        (torch.optim.Adam(parameters, weight_decay=0.1), "decoupled_weight_decay"),
    ):
        with pytest.raises(ValueError, match=f"of another optimizer or rule: .*cannot set {name}"):
            optimizer.load_state_dict(other.state_dict())


@pytest.mark.parametrize(
    ("kind", "rule"),
    [(torch.optim.Adam, Adam()), (torch.optim.SGD, SGD()), (torch.optim.RMSprop, RMSprop())],
)
def test_a_file_with_a_decay_that_is_added_to_gradients_is_refused(kind, rule):
    """A group of any place; here it would be decoupled."""
    parameters = parameters_of(torch.float32, torch.float32)
    groups = [{"params": parameters[:1]}, {"params": parameters[1:], "weight_decay": 0.1}]
    other = kind(groups, lr=0.01)
    steps(other, parameters, 1)
    optimizer = RuleOptimizer([{"params": parameters[:1]}, {"params": parameters[1:]}], 0.5, rule=rule)
    with pytest.raises(ValueError, match="decoupled"):
        optimizer.load_state_dict(other.state_dict())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, 0.0]
    assert not optimizer.state


def test_a_step_count_that_is_not_torchs_is_refused():
    parameters = parameters_of(torch.float32)
    optimizer = RuleOptimizer(parameters, 0.1, rule=RMSprop())
    steps(optimizer, parameters, 1)
    saved = copy.deepcopy(optimizer.state_dict())
    saved["state"][0]["step"] = torch.tensor(1.0)
    with pytest.raises(ValueError, match=r"\['square_avg', 'step'\]"):
        optimizer.load_state_dict(saved)


def test_states_find_their_parameters_by_name():
    """Where both optimizers have names; torch's own go by position."""
    saved, loaded = ({"a": nn.Parameter(torch.ones(2)), "b": nn.Parameter(torch.ones(2))} for _ in range(2))
    first = AdaNSGD(list(saved.items()), 0.1)
    saved["a"].grad = torch.ones(2)  # b keeps nothing
    first.step()
    second = AdaNSGD([("b", loaded["b"]), ("a", loaded["a"])], 0.1)
    second.load_state_dict(first.state_dict())
    assert list(second.state) == [loaded["a"]]
    assert second.param_groups[0]["param_names"] == ["b", "a"]
    other = AdaNSGD([("b", loaded["b"]), ("c", loaded["a"])], 0.1)
    with pytest.raises(ValueError, match="the first is 'a'"):
        other.load_state_dict(first.state_dict())


@pytest.mark.parametrize("empty", [{}, None])
def test_empty_parts_of_a_state_may_be_absent(empty):
    parameters = parameters_of(torch.float32)
    first = AdaNSGD(parameters, 0.1)
    steps(first, parameters, 1)
    saved = copy.deepcopy(first.state_dict())
    for state in saved["state"].values():
        del state["direction"]
        state.update({"direction": empty} if empty is None else {"other": {}})
    second = AdaNSGD(parameters, 0.1)
    second.load_state_dict(saved)
    assert second.state[parameters[0]].keys() == {"magnitude", "direction"}


def test_a_file_holds_the_numbers_of_its_groups_and_what_they_need():
    """A schedule that has just begun a momentum, and one that has just ended it."""
    for before, after in ((0.0, 0.9), (0.9, 0.0)):
        straight, through = parameters_of(torch.float32), parameters_of(torch.float32)
        ones = NSGD(straight, 0.1, momentum=before), NSGD(through, 0.1, momentum=before)
        for parameters, optimizer in zip((straight, through), ones, strict=True):
            steps(optimizer, parameters, 2)
            optimizer.param_groups[0]["momentum"] = after
        second = NSGD(through, 0.5, momentum=0.3)
        second.load_state_dict(copy.deepcopy(ones[1].state_dict()))
        steps(ones[0], straight, 2)
        steps(second, through, 2)
        assert same(straight, through)
        for optimizer in (ones[0], second):
            optimizer.param_groups[0]["momentum"] = 0.5
        steps(ones[0], straight, 1)
        steps(second, through, 1)
        assert same(straight, through)


def test_a_file_without_numbers_is_refused_if_its_states_need_others():
    parameters = parameters_of(torch.float32)
    first = NSGD(parameters, 0.1, momentum=0.9)
    steps(first, parameters, 1)
    saved = first.state_dict()
    del saved["param_groups"][0]["momentum"]
    with pytest.raises(ValueError, match="momentum_buffer"):
        NSGD(parameters, 0.1).load_state_dict(saved)


@pytest.mark.parametrize("nonsense", ["text", [1.0]])
def test_a_state_that_is_no_tensor_is_refused(nonsense):
    parameters = parameters_of(torch.float32)
    first = AdaNSGD(parameters, 0.1)
    steps(first, parameters, 1)
    saved = copy.deepcopy(first.state_dict())
    saved["state"][0]["magnitude"]["step"] = nonsense
    with pytest.raises(ValueError, match="the saved step must be a tensor"):
        AdaNSGD(parameters, 0.1).load_state_dict(saved)
