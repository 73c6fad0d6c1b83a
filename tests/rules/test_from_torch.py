"""Torch's optimizers as rules, against torch's own steps."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn, optim
from torch._subclasses.fake_tensor import FakeTensorMode

from paripassu.optim import RuleOptimizer
from paripassu.probe import Probe
from paripassu.rules import SGD, Adam, FromTorch, Graft, RMSprop

KINDS = {
    "SGD": (optim.SGD, {"momentum": 0.9, "dampening": 0.5}, 0.01),
    "SGD nesterov": (optim.SGD, {"momentum": 0.9, "nesterov": True}, 0.01),
    "SGD plain": (optim.SGD, {}, 0.01),
    "Adam": (optim.Adam, {"betas": (0.5, 0.99), "amsgrad": True}, 0.01),
    "AdamW": (optim.AdamW, {}, 0.01),
    "RMSprop": (optim.RMSprop, {"momentum": 0.9, "centered": True}, 0.01),
    "Adagrad": (optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.3}, 0.01),
    "Adadelta": (optim.Adadelta, {}, 0.01),
    "NAdam": (optim.NAdam, {}, 0.01),
    "RAdam": (optim.RAdam, {}, 0.01),
    "Adamax": (optim.Adamax, {}, 0.01),
    "ASGD": (optim.ASGD, {"lambd": 0.0}, 1.0),
    "Rprop": (optim.Rprop, {}, 1.0),
}
if hasattr(optim, "Muon"):  # from torch 2.9 on
    KINDS["Muon"] = (optim.Muon, {"momentum": 0.8}, 0.01)


def _parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64)) for s in ((3, 4), (5, 2))]


def _step(optimizer, parameters, seed: int) -> None:
    """The second tensor has no gradient in the second step."""
    generator = torch.Generator().manual_seed(seed)
    for k, p in enumerate(parameters):
        gradient = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        p.grad = None if (seed, k) == (1, 1) else gradient
    optimizer.step()


@pytest.mark.parametrize(("kind", "settings", "lr"), KINDS.values(), ids=KINDS.keys())
def test_steps_are_torchs(kind, settings, lr):
    """Through a copy and a file on the way."""
    no_decay = {} if kind is optim.Rprop else {"weight_decay": 0.0}
    ours, theirs = _parameters(), _parameters()
    rule = FromTorch(kind, **settings)
    optimizer, reference = RuleOptimizer(ours, lr, rule=rule), kind(theirs, lr=lr, **settings, **no_decay)
    for seed in range(10):
        if seed == 5:
            saved = copy.deepcopy(optimizer.state_dict())
            optimizer = RuleOptimizer(ours, lr, rule=rule)
            optimizer.load_state_dict(saved)
        _step(optimizer, ours, seed)
        _step(reference, theirs, seed)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("extreme", [3e38, -3e38, 1e30, 1e-45])
@pytest.mark.parametrize(("kind", "settings", "lr"), KINDS.values(), ids=KINDS.keys())
def test_what_overflows_is_what_overflows_in_torch(kind, settings, lr, extreme):
    no_decay = {} if kind is optim.Rprop else {"weight_decay": 0.0}
    ours, theirs = nn.Parameter(torch.ones(4, 3)), nn.Parameter(torch.ones(4, 3))
    optimizer = RuleOptimizer([ours], lr, rule=FromTorch(kind, **settings))
    reference = kind([theirs], lr=lr, **settings, **no_decay)
    for seed in range(3):
        gradient = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
        if seed == 1:
            gradient[0, 0] = extreme
        ours.grad, theirs.grad = gradient, gradient.clone()
        optimizer.step()
        reference.step()
    torch.testing.assert_close(ours, theirs, equal_nan=True)


@pytest.mark.parametrize(
    ("torchs", "ours"),
    [
        (FromTorch(optim.SGD, momentum=0.9), SGD(0.9)),
        (FromTorch(optim.Adam), Adam()),
        (FromTorch(optim.RMSprop), RMSprop()),
        (Graft(FromTorch(optim.Adam), FromTorch(optim.SGD)), Graft(Adam(), SGD())),
    ],
)
def test_torchs_own_are_the_packages_rules(torchs, ours):
    ends = []
    for rule in (torchs, ours):
        parameters = _parameters()
        optimizer = RuleOptimizer(parameters, 0.01, rule=rule)
        for seed in range(4):
            _step(optimizer, parameters, seed)
        ends.append(parameters)
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-11, atol=1e-12)


def test_equal_settings_make_equal_rules():
    rule = FromTorch(optim.RAdam, eps=1e-6, betas=[0.5, 0.9], weight_decay=0, maximize=False)
    assert rule == FromTorch("RAdam", betas=(0.5, 0.9), eps=1e-6) != FromTorch(optim.RAdam)
    assert hash(rule) == hash(replace(rule))
    assert copy.deepcopy(rule) == rule
    assert repr(rule) == "FromTorch(RAdam, betas=(0.5, 0.9), eps=1e-06)"


class Own(optim.SGD):
    """An optimizer of another library."""


class Counts(optim.SGD):
    """One that keeps a number that is no tensor."""

    def step(self, closure=None):
        """One step."""
        self.state[self.param_groups[0]["params"][0]]["count"] = 1
        super().step(closure)


def test_an_optimizer_of_another_module_is_named_in_full():
    rule = FromTorch(Own, momentum=0.5)
    assert rule.optimizer == f"{__name__}.Own"


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (optim.LBFGS, {}, "cannot step from gradients alone .*closure"),
        (optim.SparseAdam, {}, "cannot step from gradients alone .*dense"),
        (optim.Adafactor, {}, "depend on the weights"),
        (optim.ASGD, {}, "depend on the weights"),
        (Counts, {}, "'count' in its state, which is no tensor"),
        (optim.Adam, {"lr": 0.1}, "leave lr out"),
        (optim.AdamW, {"weight_decay": 0.1}, "leave weight_decay out"),
        (optim.Adam, {"maximize": True}, "leave maximize out"),
        (optim.Adam, {"fused": True}, "leave fused out"),
        (optim.Adam, {"beta": 0.1}, "unexpected keyword argument 'beta'"),
        (optim.Adam, {"betas": (0.5, 2.0)}, "Invalid beta"),
        (SGD, {}, "needs an optimizer's class"),
        (optim.Optimizer, {}, "needs an optimizer's class"),
        ("Adan", {}, "no optimizer 'Adan' in torch.optim"),
        ("no.such.Module", {}, "no optimizer 'no.such.Module'"),
    ],
)
def test_what_is_no_rule_is_refused(kind, settings, said):
    with pytest.raises(ValueError, match=said):
        FromTorch(kind, **settings)


def test_many_runs_at_once_are_refused():
    rule = FromTorch(optim.RAdam)
    with pytest.raises(ValueError, match="cannot play many runs at once"):
        torch.func.vmap(rule.init)(torch.ones(2, 3))
    state = rule.init(torch.ones(3))
    with pytest.raises(ValueError, match="cannot play many runs at once"):
        torch.func.vmap(lambda g: rule.update([g], [state], [g])[0])(torch.ones(2, 3))


def test_a_shadow_may_be_torchs():
    parameters = _parameters()
    adam = optim.NAdam(parameters, lr=0.1)
    probe = Probe({"player": adam}, every=1, shadows={"nadam": FromTorch(optim.NAdam)})
    for seed in range(3):
        _step(adam, parameters, seed)
    shadows = [r for r in probe.records if hasattr(r, "rule") and not r.layer]
    assert [round(s.cosine, 9) for s in shadows] == [1.0] * 3
    assert [s.ratio for s in shadows] == pytest.approx([0.1] * 3)


@pytest.mark.parametrize("name", ["AdamW", "RAdam", "NAdam", "RMSprop", "Adamax", "Adadelta", "SGD"])
def test_states_are_on_the_device_where_torch_can_put_them(name, monkeypatch):
    """As a CUDA graph needs. The tensors have a device and no memory."""
    kind, settings, _ = KINDS[name]
    rule = FromTorch(kind, **settings)
    with FakeTensorMode():
        recorded = [False]
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: recorded[0])
        parameter = nn.Parameter(torch.ones(3, device="cuda"))
        parameter.grad = torch.ones(3, device="cuda")
        optimizer = RuleOptimizer([parameter], 0.1, rule=rule)
        optimizer.step()
        recorded[0] = True
        optimizer.step()


def test_a_rule_can_be_made_where_tensors_have_no_values():
    with FakeTensorMode():
        rule = FromTorch(optim.Adamax, eps=3e-7)  # made nowhere else
        with pytest.raises(ValueError, match="depend on the weights"):
            FromTorch(optim.ASGD, lambd=0.25)
    assert rule == FromTorch(optim.Adamax, eps=3e-7)
