"""Steps that a CUDA graph cannot record, on tensors that have a device and a dtype but no memory."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from paripassu.optim import AdaNSGD, RuleOptimizer
from paripassu.rules import TensorwiseRule


@pytest.fixture
def recording(monkeypatch):
    """A function that says from when on a CUDA graph records."""
    now = [False]
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: now[0])

    def begin():
        now[0] = True

    with FakeTensorMode():
        yield begin


def _parameter(device="cuda"):
    parameter = nn.Parameter(torch.ones(3, device=device))
    parameter.grad = torch.ones(3, device=device)
    return parameter


def test_a_first_step_is_refused_if_it_makes_states(make, recording):
    optimizer = make([_parameter()])
    recording()
    if optimizer.rule.init(torch.ones(3)):
        with pytest.raises(RuntimeError, match="one step before the capture"):
            optimizer.step()
    else:
        optimizer.step()
    assert not optimizer.state


def test_a_parameter_whose_first_gradient_comes_later_is_refused(recording):
    early, late = _parameter(), _parameter()
    late.grad = None
    optimizer = AdaNSGD([early, late], 0.1)
    optimizer.step()
    recording()
    late.grad = torch.ones(3, device="cuda")
    with pytest.raises(RuntimeError, match="a gradient for every parameter"):
        optimizer.step()
    assert late not in optimizer.state


@pytest.mark.parametrize("nonfinite", ["skip", "raise"])
def test_waiting_for_the_device_is_refused(make, recording, nonfinite):
    optimizer = make([_parameter()], nonfinite=nonfinite)
    recording()
    with pytest.raises(RuntimeError, match=f'nonfinite="{nonfinite}" reads back'):
        optimizer.step()


def test_a_learning_rate_that_would_be_kept_is_refused(make, recording):
    optimizer = make([_parameter()], torch.tensor(0.1))
    optimizer.step()
    recording()
    with pytest.raises(RuntimeError, match="lr is a tensor on the CPU"):
        optimizer.step()


def test_every_rule_may_be_recorded(make, recording):
    """Its states are those of the step before, at the same places."""
    parameter = _parameter()
    optimizer = make([parameter])
    optimizer.step()
    states = torch.utils._pytree.tree_leaves(dict(optimizer.state))
    recording()
    optimizer.step()
    after = torch.utils._pytree.tree_leaves(dict(optimizer.state))
    assert list(map(id, after)) == list(map(id, states))


def test_a_player_on_two_devices_is_refused(make, recording):
    optimizer = make([_parameter("cuda"), _parameter("cpu")])
    optimizer.step()
    recording()
    with pytest.raises(RuntimeError, match="on cpu, cuda:0, and it replays work on one device only"):
        optimizer.step()


def test_states_on_another_device_are_refused(recording):
    """Their values would be those of the recording, for ever."""

    class Counted(TensorwiseRule):
        def init(self, tensor):
            return {"step": torch.zeros(())}

        def update_tensor(self, gradient, state, weight):
            return gradient / (state["step"] + 1), {"step": state["step"] + 1}

    optimizer = RuleOptimizer([_parameter()], 0.1, rule=Counted())
    optimizer.step()
    recording()
    with pytest.raises(RuntimeError, match="let the rule's init make states on its tensor's device"):
        optimizer.step()


def test_steps_on_the_cpu_are_in_no_graph(make, monkeypatch):
    for nonfinite in ["propagate", "skip", "raise"]:
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
        parameter = _parameter("cpu")
        make([parameter], torch.tensor(0.1), nonfinite=nonfinite).step()
        assert (parameter < 1).all()


@pytest.mark.usefixtures("recording")
def test_a_player_may_lie_on_two_devices(make):
    """A product of tensors on two devices raises here, as it does where the devices are real."""
    parameters = [_parameter("cuda"), _parameter("cpu")]
    optimizer = make(parameters)
    optimizer.step()
    for p in parameters:
        states = torch.utils._pytree.tree_leaves(optimizer.state.get(p, {}))
        assert {t.device for t in states} <= {p.device}
