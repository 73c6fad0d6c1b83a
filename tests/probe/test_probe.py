"""The probe measures what it says and changes nothing."""

import pytest
import torch

from paripassu.optim import NSGD, AdaNSGD
from paripassu.probe import Probe
from paripassu.records import Update

OPTIMIZERS = {
    "adam": lambda named: torch.optim.Adam(named, 1e-3),
    "adam fused": lambda named: torch.optim.Adam(named, 1e-3, fused=True),
    "sgd foreach": lambda named: torch.optim.SGD(named, 1e-2, foreach=True),
    "nsgd": lambda named: NSGD(named, 1e-2),
    "adansgd": lambda named: AdaNSGD(named, 1e-3),
}


def _network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def _train(network, optimizer, steps: int, seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(8, 3, generator=generator)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_weights_are_bit_identical_with_and_without(make):
    finals = []
    for probed in (True, False):
        network = _network()
        optimizer = make(network.named_parameters())
        if probed:
            Probe({"player": optimizer}, 2, writer=lambda _: None)
        _train(network, optimizer, 7)
        finals.append([p.detach().clone() for p in network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*finals, strict=True))


def test_measures_against_the_definitions():
    network = _network().double()
    optimizer = torch.optim.Adam(network.named_parameters(), 1e-2)
    updates: list[Update] = []
    Probe({"player": optimizer}, 1, writer=updates.append)
    network(torch.randn(8, 3, dtype=torch.float64)).square().mean().backward()
    before = [p.detach().clone() for p in network.parameters()]
    gradients = [p.grad.clone() for p in network.parameters()]
    optimizer.step()
    moved = [p.detach() - b for p, b in zip(network.parameters(), before, strict=True)]

    layers, player = updates[:-1], updates[-1]
    assert [u.layer for u in layers] == [name for name, _ in network.named_parameters()]
    for update, w, g, d in zip(layers, before, gradients, moved, strict=True):
        assert update.gradient == pytest.approx(g.norm().item())
        assert update.update == pytest.approx(d.norm().item())
        assert update.weight == pytest.approx(w.norm().item())
        assert update.cosine == pytest.approx((-(d * g).sum() / (d.norm() * g.norm())).item())
    flat = [torch.cat([t.flatten() for t in group]) for group in (before, gradients, moved)]
    assert player.layer == ""
    assert player.weight == pytest.approx(flat[0].norm().item())
    assert player.cosine == pytest.approx((-flat[1] @ flat[2] / (flat[1].norm() * flat[2].norm())).item())


def test_nsgd_moves_its_learning_rate_straight_down():
    network = _network()
    optimizer = NSGD(network.parameters(), 0.05)
    updates: list[Update] = []
    Probe({"player": optimizer}, 1, writer=updates.append, layers=False)
    _train(network, optimizer, 3)
    assert [u.update for u in updates] == pytest.approx([0.05] * 3, rel=1e-5)
    assert [u.cosine for u in updates] == pytest.approx([1.0] * 3, abs=1e-5)


def test_rounds_are_the_first_players_and_the_others_report_their_last_step():
    generator, discriminator = _network(0), _network(1)
    optimizers = {
        "generator": NSGD(generator.parameters(), 0.1),
        "discriminator": NSGD(discriminator.parameters(), 1),
    }
    updates: list[Update] = []
    probe = Probe(optimizers, 2, writer=updates.append, layers=False, start=10)
    for step in range(4):
        for lr in (1.0, 2.0, 3.0):
            optimizers["discriminator"].param_groups[0]["lr"] = lr + step
            _train(discriminator, optimizers["discriminator"], 1)
        _train(generator, optimizers["generator"], 1)
    assert [(u.step, u.player) for u in updates] == [
        (12, "discriminator"),
        (12, "generator"),
        (14, "discriminator"),
        (14, "generator"),
    ]
    assert [u.update for u in updates if u.player == "discriminator"] == pytest.approx([4.0, 6.0], rel=1e-5)
    probe.detach()
    _train(generator, optimizers["generator"], 2)
    assert len(updates) == 4


def test_detach_leaves_nothing_behind():
    optimizer = torch.optim.SGD(_network().parameters(), 0.1)
    Probe({"player": optimizer}, 1, writer=lambda _: None).detach()
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_zero_gradients_have_no_angle():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.zeros(3)
    optimizer = NSGD([parameter], 0.1)
    updates: list[Update] = []
    Probe({"player": optimizer}, 1, writer=updates.append)
    optimizer.step()
    assert updates[-1].update == 0
    assert updates[-1].cosine != updates[-1].cosine
    assert updates[0].layer == "0"


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Probe({}, 1, writer=lambda _: None)
    with pytest.raises(ValueError, match="every"):
        Probe({"player": torch.optim.SGD(_network().parameters())}, 0, writer=lambda _: None)
