"""State through files and copies, and which saved states are refused."""

import copy
import io
import pickle
from importlib.util import find_spec

import pytest
import torch
from tests.cases.players import give_gradients, leaves, parameters_of, same, steps
from torch import nn

from paripassu.optim import NSGD, AdaNSGD, RuleOptimizer
from paripassu.optim.steps import cpu
from paripassu.rules import SGD, Graft, Normalize, RMSprop


def test_state_loads_onto_parameters_of_another_dtype(make):
    for to in [torch.float32, torch.bfloat16, torch.complex64]:
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


@pytest.mark.skipif(find_spec("numba") is None, reason="needs numba")
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
    parameters = parameters_of(torch.float32)
    adam = AdaNSGD(parameters, 0.1)
    give_gradients(parameters)
    adam.step()
    other = NSGD(parameters_of(torch.float32), 0.2, momentum=0.9)
    with pytest.raises(ValueError, match="rule"):
        other.load_state_dict(adam.state_dict())
    assert other.param_groups[0]["lr"] == 0.2
    assert not other.state


def test_settings_that_a_file_is_too_old_to_have_are_the_defaults(make):
    for name in ["lr", "weight_decay", "maximize"]:
        saved = make(parameters_of(torch.float32)).state_dict()
        del saved["param_groups"][0][name]
        parameters = parameters_of(torch.float32)
        optimizer = make(parameters, 0.25, weight_decay=0.5, maximize=True)
        optimizer.load_state_dict(saved)
        expected = {"lr": 0.01, "weight_decay": 0.0, "maximize": False}
        expected[name] = {"lr": 0.25, "weight_decay": 0.5, "maximize": True}[name]
        assert {key: optimizer.param_groups[0][key] for key in expected} == expected
        give_gradients(parameters)
        optimizer.step()


def test_settings_out_of_range_are_refused_and_nothing_is_loaded(make):
    for name in ["lr", "weight_decay"]:
        for value in [-0.1, float("nan"), float("inf"), torch.tensor(-0.1)]:
            first = make(parameters_of(torch.float32))
            second = make(parameters_of(torch.float32), 0.25)
            give_gradients(first.param_groups[0]["params"])
            first.step()
            saved = first.state_dict()
            saved["param_groups"][0][name] = value
            with pytest.raises(ValueError, match=f"saved {name} must be finite and >= 0"):
                second.load_state_dict(saved)
            assert second.param_groups[0]["lr"] == 0.25
            assert not second.state


def test_a_schedule_that_ended_at_zero_can_be_loaded(make):
    parameters = parameters_of(torch.float32)
    first, second = make(parameters), make(parameters_of(torch.float32))
    schedule = torch.optim.lr_scheduler.LinearLR(first, 1.0, 0.0, 1)
    give_gradients(parameters)
    first.step()
    schedule.step()
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["lr"] == 0.0


def test_the_rule_stays_the_constructors():
    """A file holds what a rule keeps, not what it is."""
    saved = RuleOptimizer(parameters_of(torch.float32), 0.1, rule=Normalize(scope="layer")).state_dict()
    optimizer = NSGD(parameters_of(torch.float32), 0.2, nonfinite="skip")
    optimizer.load_state_dict(saved)
    assert optimizer.rule == Normalize(scope="layer", unit="rms")
    assert optimizer.nonfinite == "skip"
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_state_of_another_shape_is_refused():
    small, large = parameters_of(torch.float32), [nn.Parameter(torch.zeros(5, 3))]
    first, second = AdaNSGD(small, 0.1), AdaNSGD(large, 0.1)
    give_gradients(small)
    first.step()
    with pytest.raises(ValueError, match=r"\(5, 3\)"):
        second.load_state_dict(first.state_dict())


def test_complex_state_for_a_real_parameter_is_refused():
    parameters = parameters_of(torch.float32)
    optimizer = AdaNSGD(parameters, 0.1)
    give_gradients(parameters)
    optimizer.step()
    saved = copy.deepcopy(optimizer.state_dict())
    part = saved["state"][0]["magnitude"]
    part["exp_avg_sq"] = part["exp_avg_sq"].to(torch.complex64)
    with pytest.raises(ValueError, match="saved exp_avg_sq is complex, the parameter is real"):
        optimizer.load_state_dict(saved)


def test_state_survives_the_way_through_a_file(make, tensors):
    straight, saved = tensors(), tensors()
    steps(make(straight), straight, 6)
    first = make(saved)
    steps(first, saved, 3)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = make(saved)
    second.load_state_dict(torch.load(file, weights_only=True))
    steps(second, saved, 3, seed=13)
    assert same(straight, saved)


def test_copies_go_on_alike(make, tensors):
    for way in [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]:
        parameters = tensors()
        optimizer = make(parameters)
        steps(optimizer, parameters, 2)
        other, theirs = way((optimizer, parameters))
        steps(optimizer, parameters, 2)
        steps(other, theirs, 2)
        assert same(parameters, theirs)
        assert other.rule == optimizer.rule


def test_step_counts_survive_low_precision():
    """torch casts loaded state to the parameter's dtype, but not a counter: 257 is no bfloat16."""
    parameter = torch.nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    optimizer = AdaNSGD([parameter], 0.1)
    steps(optimizer, [parameter], 257)
    again = AdaNSGD([parameter], 0.1)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert again.state[parameter]["magnitude"]["step"].item() == 257


@pytest.mark.parametrize(
    "rule", [SGD(0.9), Normalize(SGD(0.9), "global"), Graft(RMSprop(), SGD(0.9), "layer")]
)
def test_a_state_without_its_momentum_buffer_is_damaged(rule):
    source = RuleOptimizer(parameters_of(torch.float32), 0.1, rule=rule)
    give_gradients(source.param_groups[0]["params"])
    source.step()
    saved = source.state_dict()
    state = saved["state"][0]
    del state.get("direction", state)["momentum_buffer"]
    other = RuleOptimizer(parameters_of(torch.float32), 0.2, rule=rule)
    with pytest.raises(ValueError, match=r"the saved state has .* where this optimizer's rule has"):
        other.load_state_dict(saved)
    assert other.param_groups[0]["lr"] == 0.2
    assert not other.state


@pytest.mark.parametrize("rule", [SGD(), Normalize(SGD(), "global"), Graft(RMSprop(), SGD(), "layer")])
def test_momentum_that_began_after_the_last_step_is_saved(rule):
    parameters = parameters_of(torch.float32)
    source = RuleOptimizer(parameters, 0.1, rule=rule)
    give_gradients(parameters)
    source.step()
    source.param_groups[0]["momentum"] = 0.9
    copies = [nn.Parameter(p.detach().clone()) for p in parameters]
    other = RuleOptimizer(copies, 0.2, rule=rule)
    other.load_state_dict(source.state_dict())
    for _ in range(2):
        for optimizer in (source, other):
            give_gradients(optimizer.param_groups[0]["params"])
            optimizer.step()
    assert same(parameters, copies)


def _set(entry, name, value):
    entry[name] = value


_ODD = {
    "no states": lambda saved: saved.pop("state"),
    "no groups": lambda saved: saved.pop("param_groups"),
    "states in a list": lambda saved: _set(saved, "state", [1]),
    "groups in a text": lambda saved: _set(saved, "param_groups", "text"),
    "no group": lambda saved: _set(saved, "param_groups", [None]),
    "no parameters": lambda saved: _set(saved["param_groups"][0], "params", None),
    "parameters without keys": lambda saved: _set(saved["param_groups"][0], "params", [[1]]),
    "text as rate": lambda saved: _set(saved["param_groups"][0], "lr", "1e-3"),
    "a list as decay": lambda saved: _set(saved["param_groups"][0], "weight_decay", [0.1]),
    "text as maximize": lambda saved: _set(saved["param_groups"][0], "maximize", "yes"),
    "no state": lambda saved: _set(saved["state"], 0, None),
    "text as state": lambda saved: _set(saved["state"], 0, "text"),
    "a list as state": lambda saved: _set(saved["state"], 0, [1.0]),
    "an empty state": lambda saved: _set(saved["state"], 0, {}),
    "text as a part": lambda saved: _set(saved["state"][0], "magnitude", "text"),
    "a list as tensor": lambda saved: _set(saved["state"][0]["magnitude"], "exp_avg_sq", [1.0]),
    "no betas": lambda saved: _set(saved["param_groups"][0], "betas", None),
}


@pytest.mark.parametrize("change", _ODD.values(), ids=_ODD)
def test_a_file_of_odd_types_is_refused_and_nothing_is_loaded(change):
    source = AdaNSGD(parameters_of(torch.float32), 0.1)
    give_gradients(source.param_groups[0]["params"])
    source.step()
    saved = copy.deepcopy(source.state_dict())
    change(saved)
    other = AdaNSGD(parameters_of(torch.float32), 0.2)
    with pytest.raises(ValueError, match=r"saved|betas must be two"):
        other.load_state_dict(saved)
    assert other.param_groups[0]["lr"] == 0.2
    assert not other.state


def test_hooks_that_run_after_loading_see_the_states():
    """Also hooks that were registered before; nothing of ours stays registered."""
    parameters = parameters_of(torch.float32)
    first = NSGD(parameters, 0.1, momentum=0.9)
    steps(first, parameters, 1)
    second, seen = NSGD(parameters_of(torch.float32), 0.1), []
    second.register_load_state_dict_post_hook(lambda o: seen.append(len(o.state)))
    second.load_state_dict(first.state_dict())
    with pytest.raises(ValueError, match="saved"):
        second.load_state_dict({})
    assert seen == [1]
    assert len(second._optimizer_load_state_dict_post_hooks) == 1
    assert not second._optimizer_load_state_dict_pre_hooks
    assert not first._optimizer_state_dict_post_hooks


def test_where_new_tensors_go_by_default_changes_nothing(make, tensors):
    """`torch.set_default_device`, while a step is taken, saved and loaded."""
    ends = []
    for place in ("cpu", "meta"):
        parameters = tensors(torch.float32)
        gradients = [p.grad for p in parameters]
        first = make(parameters)
        with torch.device(place):
            first.step()
            second = make(parameters)
            second.load_state_dict(copy.deepcopy(first.state_dict()))
            for p, g in zip(parameters, gradients, strict=True):
                p.grad = g
            second.step()
        ends.append(parameters)
    assert same(*ends)
