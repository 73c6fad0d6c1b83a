"""What another rule would have done: the shadow is that rule, trained on the very same gradients."""

import io
from dataclasses import dataclass

import pytest
import torch
from tests.cases.networks import network_of, step_on, train
from tests.cases.rules import NAMELESS, ShareOfWeights

from paripassu.optim import NSGD, RuleOptimizer
from paripassu.probe import Probe
from paripassu.records import Shadow, Update
from paripassu.rules import SGD, Adam, Graft, Normalize, Optimistic, RMSprop, Rule

RULES = {
    "adam": Adam((0.5, 0.999)),
    "rmsprop": RMSprop(),
    "graft": Graft(Adam((0.0, 0.9)), SGD(0.9), "global"),
    "of weights": ShareOfWeights(),
    **NAMELESS,
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("closed", [False, True])
def test_a_shadow_with_the_optimizers_rule_is_the_optimizer(rule, every, closed):
    """It sees every gradient and the weights from before the step, also if a closure computes the gradients.

    Its update times the learning rate is then the displacement itself.
    """
    network = network_of().double()
    optimizer = RuleOptimizer(network.named_parameters(), 0.01, rule=rule)
    records: list = []
    Probe({"player": optimizer}, every, writer=records.append, shadows={"itself": rule})
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):
        batch = torch.randn(8, 3, generator=generator, dtype=torch.float64)
        step_on(network, optimizer, batch, closed=closed)
    shadows = [r for r in records if isinstance(r, Shadow)]
    updates = [r for r in records if isinstance(r, Update)]
    assert len(shadows) == len(updates) == 5 * (6 // every)
    for shadow, update in zip(shadows, updates, strict=True):
        assert (shadow.step, shadow.layer, shadow.rule) == (update.step, update.layer, "itself")
        assert shadow.ratio == pytest.approx(0.01)
        assert shadow.cosine == pytest.approx(1.0)
        assert shadow.magnitude == pytest.approx(update.update / 0.01)


def test_a_shadow_is_measured_against_the_definitions():
    network = network_of().double()
    optimizer = NSGD(network.named_parameters(), 0.1, scope="global", unit="length")
    records: list = []
    Probe({"player": optimizer}, 1, writer=records.append, shadows={"adam": Adam(), "sgd": SGD()})
    network(torch.randn(8, 3, dtype=torch.float64)).square().mean().backward()
    gradients = [p.grad.flatten() for p in network.parameters()]
    optimizer.step()
    sgd = [r for r in records if isinstance(r, Shadow) and r.rule == "sgd"]
    for shadow, gradient in zip(sgd, [*gradients, torch.cat(gradients)], strict=True):
        assert shadow.magnitude == pytest.approx(gradient.norm().item())
        assert shadow.cosine == pytest.approx(1.0)
    assert sgd[-1].ratio == pytest.approx(0.1 / torch.cat(gradients).norm().item())
    # Adam's first update is the gradient's sign.
    adam = [r for r in records if isinstance(r, Shadow) and r.rule == "adam"][-1]
    flat = torch.cat(gradients)
    assert adam.magnitude == pytest.approx(len(flat) ** 0.5, rel=1e-3)
    assert adam.cosine == pytest.approx(
        (flat.abs().sum() / (flat.norm() * len(flat) ** 0.5)).item(), rel=1e-3
    )


def _follow(steps: int, state: dict | None = None) -> tuple[list, Probe]:
    network = network_of()
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    generator = torch.Generator().manual_seed(0)
    records: list = []
    probe = Probe({"player": optimizer}, 1, writer=records.append, shadows={"adam": Adam((0.5, 0.999))})
    for step in range(steps):
        if step == 3 and state is not None:
            probe.load_state_dict(state)
        train(network, optimizer, 1, seed=generator.initial_seed() + step)
    return records, probe


def test_a_shadows_state_survives_a_checkpoint():
    _, probe = _follow(3)
    memory = io.BytesIO()
    torch.save(probe.state_dict(), memory)
    memory.seek(0)
    saved = torch.load(memory, weights_only=True)
    undisturbed, _ = _follow(5)
    restored, _ = _follow(5, saved)
    assert restored == undisturbed
    fresh, _ = _follow(5, {"player": {"adam": {}}})
    assert fresh[-1] != undisturbed[-1]


def test_states_of_others_are_refused():
    _, probe = _follow(1)
    with pytest.raises(ValueError, match="saved players are generator"):
        probe.load_state_dict({"generator": {}})
    with pytest.raises(ValueError, match="saved shadows are rmsprop"):
        probe.load_state_dict({"player": {"rmsprop": {}}})


def test_a_zero_gradient_has_no_ratio():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.zeros(3)
    optimizer = torch.optim.SGD([parameter], 0.1)
    records: list = []
    Probe({"player": optimizer}, 1, writer=records.append, shadows={"nsgd": Normalize()})
    optimizer.step()
    assert records[-1].magnitude == 0
    assert records[-1].ratio != records[-1].ratio


@dataclass(frozen=True)
class _Keeps(Rule):
    """The change since the last gradient and of the weights; its state is what it was given, and views."""

    def init(self, tensor):
        return {"inner": {"gradient": torch.zeros_like(tensor)}, "weight": torch.zeros_like(tensor).flatten()}

    def update(self, gradients, states, weights):
        updates = [
            g - s["inner"]["gradient"] + w - s["weight"].view(w.shape)
            for g, s, w in zip(gradients, states, weights, strict=True)
        ]
        return updates, [
            {"inner": {"gradient": g}, "weight": w.view(-1)} for g, w in zip(gradients, weights, strict=True)
        ]


@pytest.mark.parametrize(
    "rule", [*RULES.values(), Optimistic(), _Keeps()], ids=[*RULES, "optimistic", "keeps"]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("set_to_none", [False, True])
def test_what_a_shadow_did_depends_neither_on_every_nor_on_the_gradients_memory(rule, dtype, set_to_none):
    ends = []
    for every in (1, 4):
        network = network_of().to(dtype)
        optimizer = torch.optim.SGD(network.parameters(), 0.1)
        probe = Probe({"player": optimizer}, every, shadows={"rule": rule})
        for step in range(4):
            optimizer.zero_grad(set_to_none=set_to_none)
            batch = torch.randn(8, 3, generator=torch.Generator().manual_seed(step)).to(dtype)
            network(batch).square().mean().backward()
            optimizer.step()
        ends.append([r for r in probe.records if r.step == 4])
    assert ends[0] == ends[1]
    assert any(isinstance(r, Shadow) for r in ends[0])
