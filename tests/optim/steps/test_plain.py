"""The way for every rule: in place, without the host, and with errors for rules that return nonsense."""

from dataclasses import dataclass, field

import pytest
import torch
from tests.cases.rules import OPTIMIZERS, only
from torch import nn

from paripassu.optim import RuleOptimizer
from paripassu.optim.steps import plain
from paripassu.rules import Rule
from paripassu.rules.rule import TensorwiseRule


@pytest.fixture(autouse=True)
def _plain():
    with only(plain):
        yield


@dataclass(frozen=True)
class Returns(Rule):
    """What a person's rule returns, right or wrong, by the way of functions."""

    updates: object = field(default=lambda gradients, states, weights: list(gradients))
    states: object = field(default=lambda gradients, states, weights: list(states))
    first: object = field(default=lambda tensor: {})

    def init(self, tensor):
        return self.first(tensor)

    def update(self, gradients, states, weights):
        return self.updates(gradients, states, weights), self.states(gradients, states, weights)

    def __repr__(self):
        return "Returns()"


def _stepped(rule, steps=1, lr=1.0):
    parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = RuleOptimizer([parameter], lr, rule=rule)
    for step in range(steps):
        parameter.grad = torch.tensor([1.0, -1.0]) * (step + 1)
        optimizer.step()
    return parameter, optimizer.state.get(parameter, {})


def test_a_rule_of_ones_own_is_carried_out():
    class Doubled(TensorwiseRule):
        def init(self, tensor):
            return {}

        def update_tensor(self, gradient, state, weight):
            return 2 * gradient, state

    parameter, _ = _stepped(Doubled())
    assert parameter.tolist() == [-1.0, 4.0]


def test_rules_see_the_weights_before_the_step():
    parameter, _ = _stepped(Returns(updates=lambda gradients, states, weights: [0.5 * w for w in weights]), 2)
    assert parameter.tolist() == [0.25, 0.5]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.complex64])
def test_weights_are_real_and_at_least_float32(dtype):
    seen = []

    def look(gradients, states, weights):
        seen.extend(zip(gradients, weights, strict=True))
        return [torch.zeros_like(g) for g in gradients]

    parameter = nn.Parameter(torch.ones(2, 3, dtype=dtype))
    parameter.grad = torch.ones_like(parameter)
    RuleOptimizer([parameter], 1.0, rule=Returns(updates=look)).step()
    ((gradient, weight),) = seen
    assert weight.dtype == gradient.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert weight.shape == gradient.shape
    shares = weight.untyped_storage().data_ptr() == parameter.untyped_storage().data_ptr()
    assert shares == (dtype != torch.bfloat16)


def test_an_update_may_be_the_old_states_tensor():
    """A gradient that arrives one step late."""
    late = Returns(
        first=lambda tensor: {"late": torch.zeros_like(tensor)},
        updates=lambda gradients, states, weights: [s["late"] for s in states],
        states=lambda gradients, states, weights: [{"late": g} for g in gradients],
    )
    parameter, state = _stepped(late, 3)
    assert parameter.tolist() == [-2.0, 5.0]
    assert state["late"].tolist() == [3.0, -3.0]


def test_states_may_exchange_their_tensors():
    """The last two gradients, and the weights before the step."""
    history = Returns(
        first=lambda tensor: {name: torch.zeros_like(tensor) for name in ("last", "before", "weight")},
        states=lambda gradients, states, weights: [
            {"weight": w, "before": s["last"], "last": g}
            for g, s, w in zip(gradients, states, weights, strict=True)
        ],
    )
    _, state = _stepped(history, 3)
    assert {name: value.tolist() for name, value in state.items()} == {
        "last": [3.0, -3.0],
        "before": [2.0, -2.0],
        "weight": [-2.0, 5.0],
    }


def _state(**tensors):
    return lambda *_: [dict(tensors)]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Returns(updates=lambda *_: []), r"0 updates for 1 gradients"),
        (Returns(updates=lambda *_: [torch.ones(3)]), r"float32 of shape \(3,\) as the update for .*\(2,\)"),
        (Returns(updates=lambda *_: [torch.ones(2).double()]), r"float64 of shape"),
        (Returns(updates=lambda *_: [None]), r"None, no tensor"),
        (Returns(states=lambda *_: []), r"0 states for 1 gradients"),
        (Returns(states=_state(m=torch.ones(2))), r"a state with 'm' where its init made nothing"),
        (Returns(first=lambda t: {"m": t + 1}, states=_state(m=torch.ones(3))), r"\(3,\) as 'm' of a state"),
        (Returns(first=lambda t: {"m": t + 1}, states=_state(m=torch.ones(2).double())), r"float64"),
        (Returns(first=lambda t: {"m": {"n": t + 1}}, states=_state(m={"k": torch.ones(2)})), r"'k'"),
        (Returns(first=lambda t: {"m": {"n": t + 1}}, states=_state(m=torch.ones(2))), r"'m' of a state"),
        (Returns(first=lambda t: {"t": 0}, states=_state(t=1)), r"1, no tensor as 't'"),
    ],
)
def test_what_a_rule_returns_wrongly_is_named_and_nothing_written(rule, said):
    parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = RuleOptimizer([parameter], 1.0, rule=rule, weight_decay=0.5)
    parameter.grad = torch.ones(2)
    with pytest.raises(ValueError, match=rf"^Returns\(\) returned.*{said}"):
        optimizer.step()
    assert parameter.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_host_reads_nothing_back(name):
    """On the meta device there is nothing to read: a branch on a value, or a number made of it, raises."""
    parameters = [nn.Parameter(torch.empty(s, device="meta")) for s in ((3, 4), (5,), ())]
    for p in parameters:
        p.grad = torch.empty_like(p)
    rate = torch.empty((), device="meta")
    optimizer = OPTIMIZERS[name](parameters, 0.1, weight_decay=0.1)
    optimizer.param_groups[0]["lr"] = rate
    with torch.no_grad():
        step = optimizer._prepare(optimizer._gradients())
        states = torch.utils._pytree.tree_map(lambda t: t.to("meta"), step.states)
        plain.carry_out(step._replace(states=states))


def test_states_stay_where_init_put_them():
    _, state = _stepped(
        Returns(
            first=lambda t: {"count": torch.zeros((), dtype=torch.int64)},
            states=lambda gradients, states, weights: [{"count": s["count"] + 1} for s in states],
        ),
        3,
    )
    assert state["count"].item() == 3
