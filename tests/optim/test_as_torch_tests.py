"""What torch tests of its optimizers and schedulers, for all four classes with torch's kinds of settings.

Written anew in the form of torch's test/test_optim.py and test/optim/test_lrscheduler.py. Their table of
inputs cannot be imported without packages that only torch's own tests need.
"""

import copy
import importlib
import math
import pickle
from typing import Any

import pytest
import torch
from tests.cases.players import same
from torch import nn
from torch.optim import lr_scheduler as schedulers

from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft
from paripassu.rules import SGD, Adam

# As torch's table of inputs: what to make an optimizer of, and with which settings.
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "NSGD": (NSGD, {}),
    "AdaNSGD": (AdaNSGD, {}),
    "AdaDir": (AdaDir, {}),
    "Graft": (lambda p, lr=1e-3, **more: Graft(p, lr, magnitude=Adam(), direction=SGD(0.9), **more), {}),
}
INPUTS: dict[str, dict[str, Any]] = {
    "default": {},
    "non-default lr": {"lr": 0.01},
    "zero lr": {"lr": 0.0},
    "Tensor lr": {"lr": torch.tensor(0.01)},
    "1-element Tensor lr": {"lr": torch.tensor([0.01])},
    "weight decay": {"lr": 0.01, "weight_decay": 0.1},
    "maximize": {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
}
OWN = {
    "NSGD": {
        "layer": {"scope": "layer"},
        "rms": {"unit": "rms"},
        "momentum": {"momentum": 0.9, "lr": 0.01},
        "all": {"momentum": 0.5, "scope": "layer", "unit": "rms", "maximize": True},
    },
    "AdaNSGD": {"betas": {"betas": (0.9, 0.999)}, "eps": {"eps": 1e-6}, "global": {"scope": "global"}},
    "AdaDir": {"betas": {"betas": (0.9, 0.999)}, "eps": {"eps": 1e-6}, "global": {"scope": "global"}},
    "Graft": {"global": {"scope": "global"}},
}
CASES = [
    pytest.param(KINDS[kind][0], copy.deepcopy(settings), id=f"{kind} {name}")
    for kind in KINDS
    for name, settings in (INPUTS | OWN[kind]).items()
]
every = pytest.mark.parametrize(("kind", "settings"), CASES)
kinds = pytest.mark.parametrize("kind", [kind for kind, _ in KINDS.values()], ids=KINDS)


def _problem(dtype=torch.float32, *, contiguous=True):
    """A layer of one row, as torch's tests have it, and its loss."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 10, generator=generator, dtype=dtype)
    bias = torch.randn(5, generator=generator, dtype=dtype)
    x = torch.randn(10, generator=generator, dtype=dtype)
    if not contiguous:
        weight, bias = weight.t().contiguous().t(), torch.stack([bias, bias], 1)[:, 0]
    weight, bias = nn.Parameter(weight), nn.Parameter(bias)
    return weight, bias, lambda: (weight.mv(x) + bias).abs().square().sum()


def _train(optimizer, loss, steps, *schedules):
    for _ in range(steps):
        optimizer.step(lambda: (optimizer.zero_grad(), value := loss(), value.backward())[1])
        for schedule in schedules:
            schedule.step(*([1.0] if isinstance(schedule, schedulers.ReduceLROnPlateau) else []))


@every
def test_steps_go_in_the_right_direction(kind, settings):
    for dtype, contiguous in [(torch.float32, True), (torch.float64, False), (torch.complex64, True)]:
        weight, bias, loss = _problem(dtype, contiguous=contiguous)
        optimizer = kind([weight, bias], **copy.deepcopy(settings))
        before = loss().item()
        _train(optimizer, loss, 5)
        if optimizer.param_groups[0]["lr"] == 0:
            assert loss().item() == before
        elif settings.get("maximize"):
            assert loss().item() > before
        else:
            assert loss().item() < before


@every
def test_groups_with_a_schedule_go_in_the_right_direction(kind, settings):
    weight, bias, loss = _problem()
    params = [{"params": [weight]}, {"params": [bias], "lr": 0.01}]
    optimizer = kind(params, **copy.deepcopy(settings))
    before, minimize = loss().item(), not settings.get("maximize")
    plan = [schedulers.StepLR(optimizer, 3, 0.9), schedulers.ReduceLROnPlateau(optimizer)]
    _train(optimizer, loss, 6, *plan)
    assert (loss().item() < before) == minimize


@every
def test_a_step_without_gradients_or_with_zero_ones_is_no_step(kind, settings):
    weight, bias, _ = _problem()
    optimizer = kind([weight, bias], **copy.deepcopy(settings) | {"weight_decay": 0.0})
    before = [weight.detach().clone(), bias.detach().clone()]
    optimizer.step()
    weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
    for _ in range(3):
        optimizer.step()
    assert same([weight.detach(), bias.detach()], before)


@every
def test_it_can_be_printed_copied_and_pickled(kind, settings):
    weight, bias, loss = _problem()
    optimizer = kind([weight, bias], **copy.deepcopy(settings))
    _train(optimizer, loss, 1)
    again = kind([weight, bias], **copy.deepcopy(settings))
    again.load_state_dict(optimizer.state_dict())
    for other in (again, copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert repr(other) == repr(optimizer)
        assert other.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
        other.load_state_dict(other.state_dict())


@every
def test_a_saved_state_is_deterministic_and_loads_equal(kind, settings, tmp_path):
    for named in [False, True]:
        weight, bias, loss = _problem()
        params = [("weight", weight), ("bias", bias)] if named else [weight, bias]
        optimizer = kind(params, **copy.deepcopy(settings))
        _train(optimizer, loss, 3)
        torch.save(optimizer.state_dict(), tmp_path / "state.pt")
        saved = [weight.detach().clone(), bias.detach().clone()]
        ends = []
        for _ in range(2):
            weight.data.copy_(saved[0])
            bias.data.copy_(saved[1])
            again = kind(params, **copy.deepcopy(settings))
            again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
            _train(again, loss, 3)
            ends.append([weight.detach().clone(), bias.detach().clone()])
        weight.data.copy_(saved[0])
        bias.data.copy_(saved[1])
        _train(optimizer, loss, 3)
        assert same(ends[0], ends[1])
        assert same(ends[0], [weight.detach(), bias.detach()])


@kinds
def test_hooks_run_in_torchs_order(kind):
    weight, bias, loss = _problem()
    optimizer, called = kind([weight, bias]), []
    step = importlib.import_module("torch.optim.optimizer")
    handles = [
        step.register_optimizer_step_pre_hook(lambda *_: called.append("global pre")),
        step.register_optimizer_step_post_hook(lambda *_: called.append("global post")),
        optimizer.register_step_pre_hook(lambda *_: called.append("pre")),
        optimizer.register_step_post_hook(lambda *_: called.append("post")),
        optimizer.register_state_dict_pre_hook(lambda *_: called.append("save pre")),
        optimizer.register_state_dict_post_hook(lambda *_: called.append("save post")),
        optimizer.register_load_state_dict_pre_hook(lambda *_: called.append("load pre")),
        optimizer.register_load_state_dict_post_hook(lambda *_: called.append("load post")),
    ]
    _train(optimizer, loss, 1)
    optimizer.load_state_dict(optimizer.state_dict())
    for handle in handles:
        handle.remove()
    optimizer.step()
    copied = copy.deepcopy(optimizer)
    copied.step()
    assert called == [
        *("global pre", "pre", "post", "global post"),
        *("save pre", "save post", "load pre", "load post"),
    ]


@kinds
def test_a_hook_may_replace_what_is_loaded(kind):
    weight, bias, loss = _problem()
    optimizer = kind([weight, bias], lr=0.01)
    _train(optimizer, loss, 1)
    saved = optimizer.state_dict()

    def halve(_, state):
        groups = [group | {"lr": group["lr"] / 2} for group in state["param_groups"]]
        return state | {"param_groups": groups}

    optimizer.register_load_state_dict_pre_hook(halve)
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] == 0.005


@kinds
def test_bad_arguments_are_errors(kind):
    weight, bias, _ = _problem()
    for error, params, settings in (
        (ValueError, [weight], {"lr": -1.0}),
        (ValueError, [weight], {"lr": "0.1"}),
        (ValueError, [weight], {"lr": torch.tensor([0.1, 0.1])}),
        (ValueError, [weight], {"weight_decay": -1.0}),
        (TypeError, weight, {}),
        (ValueError, [], {}),
        (ValueError, [{"params": [weight]}, {"params": [weight]}], {}),
        (ValueError, [weight * 1, bias], {}),  # no leaf
        (TypeError, [weight], {"fused": True}),
    ):
        with pytest.raises(error):
            kind(params, **settings)
    for betas in ((1.0, 0.5), (0.5, 1.0), (0.5,), 0.5, "ab", (-0.1, 0.5)):
        if kind in (AdaNSGD, AdaDir):
            with pytest.raises(ValueError, match=r"betas|number"):
                kind([weight], betas=betas)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        kind([weight, weight])


@kinds
def test_the_default_dtype_of_others_changes_nothing(kind):
    ends = []
    for default in (torch.float32, torch.float64):
        torch.set_default_dtype(default)
        try:
            weight, bias, loss = _problem()
            _train(kind([weight, bias], lr=0.01), loss, 3)
        finally:
            torch.set_default_dtype(torch.float32)
        ends.append([weight.detach(), bias.detach()])
    assert same(*ends)


SCHEDULES = {
    "LambdaLR": lambda o: schedulers.LambdaLR(o, lambda epoch: 0.95**epoch),
    "MultiplicativeLR": lambda o: schedulers.MultiplicativeLR(o, lambda _: 0.9),
    "StepLR": lambda o: schedulers.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda o: schedulers.MultiStepLR(o, [2, 5], 0.1),
    "ConstantLR": lambda o: schedulers.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda o: schedulers.LinearLR(o, 0.25, 1.0, 5),
    "ExponentialLR": lambda o: schedulers.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: schedulers.PolynomialLR(o, 8, 2.0),
    "CosineAnnealingLR": lambda o: schedulers.CosineAnnealingLR(o, 6),
    "CosineAnnealingWarmRestarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 3, 2),
    "CyclicLR": lambda o: schedulers.CyclicLR(o, 0.01, 0.1, step_size_up=3),
    "CyclicLR of lr alone": lambda o: schedulers.CyclicLR(o, 0.01, 0.1, 3, cycle_momentum=False),
    "OneCycleLR": lambda o: schedulers.OneCycleLR(o, 0.1, total_steps=12),
    "ReduceLROnPlateau": lambda o: schedulers.ReduceLROnPlateau(o, patience=1),
    "SequentialLR": lambda o: schedulers.SequentialLR(
        o, [schedulers.ConstantLR(o, 0.1, 3), schedulers.ExponentialLR(o, 0.9)], [3]
    ),
    "ChainedScheduler": lambda o: schedulers.ChainedScheduler(
        [schedulers.ConstantLR(o, 0.1, 3), schedulers.ExponentialLR(o, 0.9)]
    ),
    "SWALR": lambda o: torch.optim.swa_utils.SWALR(o, 0.02, 4),
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@kinds
def test_schedules_give_the_rates_that_torchs_sgd_gets(kind, schedule):
    """Also after the schedule and the optimizer have gone through their state dicts half way."""
    rates = {}
    for name, make in (("ours", kind), ("SGD", lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9))):
        weight, bias, loss = _problem()
        params = [{"params": [weight]}, {"params": [bias], "lr": 0.02}]
        optimizer = make(params, lr=0.05)
        plan, rates[name] = schedule(optimizer), []
        for step in range(10):
            if step == 5:
                saved = copy.deepcopy((optimizer.state_dict(), plan.state_dict()))
                optimizer = make([{"params": [weight]}, {"params": [bias]}], lr=0.05)
                plan = schedule(optimizer)
                optimizer.load_state_dict(saved[0])
                plan.load_state_dict(saved[1])
            _train(optimizer, loss, 1, plan)
            rates[name] += [group["lr"] for group in optimizer.param_groups]
    assert rates["ours"] == pytest.approx(rates["SGD"], abs=1e-12)
    assert all(map(math.isfinite, rates["ours"]))
