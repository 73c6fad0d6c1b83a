"""States that begin late, because a number such as a momentum was 0 before: saved, loaded and copied."""

import copy
import io
import pickle
from dataclasses import dataclass

import pytest
import torch
from tests.cases.players import give_gradients, parameters_of, same, steps
from torch import nn

from paripassu.optim import AdaNSGD, RuleOptimizer
from paripassu.rules import SGD, Adam, Graft, MaxVA, Normalize, Optimistic, Orthogonal, RMSprop, Rule


@dataclass(frozen=True)
class Inside(Rule):
    """A rule of another, whose state it has under a name of its own, at some depth."""

    rule: Rule

    def init(self, tensor):
        return {"at": {"depth": self.rule.init(tensor)}, "count": torch.zeros(())}

    def update(self, gradients, states, weights):
        updates, following = self.rule.update(gradients, [s["at"]["depth"] for s in states], weights)
        return updates, [
            {"at": {"depth": own}, "count": s["count"] + 1} for own, s in zip(following, states, strict=True)
        ]


@dataclass(frozen=True)
class OfMatrices(Rule):
    """The gradient, and of matrices its sum so far."""

    def init(self, tensor):
        return {"sum": torch.zeros_like(tensor)} if tensor.dim() > 1 else {}

    def update(self, gradients, states, weights):
        sums = [g + s["sum"] if s else g for g, s in zip(gradients, states, strict=True)]
        return sums, [{"sum": total} if s else {} for total, s in zip(sums, states, strict=True)]


RULES = {
    "SGD": SGD(),
    "Adam": Adam((0.0, 0.9)),
    "MaxVA": MaxVA((0.0, 0.9)),
    "Normalize": Normalize(SGD(), "global"),
    "Graft of Adam on SGD": Graft(Adam((0.0, 0.9)), SGD()),
    "Graft of RMSprop on SGD": Graft(RMSprop(), SGD(), "global"),
    "Optimistic": Optimistic(Adam((0.0, 0.9))),
    "own": Inside(SGD()),
    "own of a graft": Inside(Graft(SGD(), RMSprop())),
    "Orthogonal": Orthogonal(Adam((0.0, 0.9)), SGD()),
}
LATE = {"momentum": 0.9, "betas": (0.5, 0.9)}


def _saved(optimizer):
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def _loaded(optimizer, parameters):
    copies = [nn.Parameter(p.detach().clone()) for p in parameters]
    other = RuleOptimizer(copies, 0.3, rule=optimizer.rule)
    other.load_state_dict(_saved(optimizer))
    return other, copies


def _after_saving(optimizer, parameters):
    _saved(optimizer)
    return optimizer, parameters


THROUGH = {
    "saved": _after_saving,
    "loaded": _loaded,
    "copied": lambda *both: copy.deepcopy(both),
    "pickled": lambda *both: pickle.loads(pickle.dumps(both)),
}


def _run(rule, moment=None, zero=None, through=None):
    """Six steps; numbers change before the third, in which one parameter has no gradient."""
    parameters = parameters_of(*[torch.float32] * 3)
    optimizer = RuleOptimizer(parameters, 0.1, rule=rule)
    for step in range(6):
        if step == 2:
            group = optimizer.param_groups[0]
            group.update({name: value for name, value in LATE.items() if name in group})
        if step == moment:
            if zero is not None:
                optimizer.zero_grad(set_to_none=zero)
            optimizer, parameters = through(optimizer, parameters)
        give_gradients(parameters, step)
        if step == 2:
            parameters[1].grad = None
        optimizer.step()
    return parameters


@pytest.mark.parametrize("through", THROUGH.values(), ids=THROUGH)
@pytest.mark.parametrize("zero", [None, False, True], ids=["gradients", "zeros", "no gradients"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_run_is_the_same_saved_at_any_moment_and_loaded_or_not(rule, zero, through):
    straight = _run(rule)
    for moment in range(6):
        assert same(_run(rule, moment, zero, through), straight), moment


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
def test_a_first_moment_begins_as_the_first_gradient_after_it_is_set(dtype):
    """Of each parameter, however late its gradient comes."""
    first, second = parameters_of(dtype, dtype)
    optimizer = RuleOptimizer([first, second], 0.1, rule=Adam((0.0, 0.9)))
    steps(optimizer, [first, second], 2)
    optimizer.param_groups[0]["betas"] = (0.5, 0.9)
    second.grad = None
    give_gradients([first], 5)
    optimizer.step()
    assert "exp_avg" not in optimizer.state[second]
    first.grad = None
    give_gradients([second], 6)
    optimizer.step()
    gradient = torch.view_as_real(second.grad) if dtype.is_complex else second.grad
    torch.testing.assert_close(
        optimizer.state[second]["exp_avg"], gradient.to(optimizer.state[second]["exp_avg"])
    )


def test_a_file_says_what_had_not_begun_and_what_is_absent_is_damage():
    parameters = parameters_of(torch.float32)
    optimizer = AdaNSGD(parameters, 0.1)
    steps(optimizer, parameters, 1)
    optimizer.param_groups[0]["betas"] = (0.5, 0.9)
    saved = _saved(optimizer)
    assert saved["state"][0]["magnitude"].keys() == {"step", "exp_avg_sq", "exp_avg"}
    assert saved["state"][0]["magnitude"]["exp_avg"] is None
    assert "exp_avg" not in optimizer.state[parameters[0]]["magnitude"]
    other = AdaNSGD(parameters_of(torch.float32), 0.2)
    other.load_state_dict(saved)
    assert _saved(other)["state"][0]["magnitude"]["exp_avg"] is None
    del saved["state"][0]["magnitude"]["exp_avg"]
    with pytest.raises(ValueError, match="the saved state has"):
        other.load_state_dict(saved)


def test_a_step_that_a_skipped_one_precedes_begins_from_its_own_gradient():
    parameters = parameters_of(torch.float32)
    optimizer = AdaNSGD(parameters, 0.1, nonfinite="skip")
    steps(optimizer, parameters, 1)
    optimizer.param_groups[0]["betas"] = (0.5, 0.9)
    parameters[0].grad = torch.full_like(parameters[0], torch.nan)
    optimizer.step()
    give_gradients(parameters, 3)
    optimizer.step()
    assert torch.equal(optimizer.state[parameters[0]]["magnitude"]["exp_avg"], parameters[0].grad)


def test_a_rule_may_remember_some_parameters_alone():
    """Whichever comes first."""
    ends = []
    for order in (1, -1):
        tensors = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 2))]
        optimizer = RuleOptimizer(tensors[::order], 0.1, rule=OfMatrices())
        for _ in range(2):
            for t in tensors:
                t.grad = torch.ones_like(t)
            optimizer.step()
        assert list(optimizer.state) == tensors[1:]
        ends.append([t.detach() for t in tensors])
    torch.testing.assert_close(ends[0], [torch.full((3,), 0.8), torch.full((2, 2), 0.7)])
    assert same(*ends)


def test_a_state_that_was_looked_at_before_it_existed_begins_at_its_step(make, tensors):
    """`optimizer.state` makes an empty entry for who reads one, as torch's does."""
    read, other = tensors(torch.float32), tensors(torch.float32)
    optimizer = make(read)
    assert all(not optimizer.state[p] for p in read[:2])
    assert optimizer.state_dict()["state"] == {}
    for one, parameters in ((optimizer, read), (make(other), other)):
        steps(one, parameters, 2)
    assert same(read, other)
    again = make(tensors(torch.float32))
    again.load_state_dict(optimizer.state_dict())
