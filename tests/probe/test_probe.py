"""The probe measures what it says and changes nothing."""

import copy
from functools import partial

import pytest
import torch
from tests.cases.networks import network_of, step_on, train

from paripassu.optim import NSGD, AdaNSGD
from paripassu.probe import Probe
from paripassu.records import Pace, Shadow, Update

nsgda = partial(NSGD, scope="global", unit="length")  # a player's step is as long as its rate
OPTIMIZERS = {
    "adam": lambda named: torch.optim.Adam(named, 1e-3),
    "adam fused": lambda named: torch.optim.Adam(named, 1e-3, fused=True),
    "sgd foreach": lambda named: torch.optim.SGD(named, 1e-2, foreach=True),
    "nsgd": lambda named: nsgda(named, 1e-2),
    "adansgd": lambda named: AdaNSGD(named, 1e-3),
    "adam ascending": lambda named: torch.optim.Adam(named, 1e-3, maximize=True),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_weights_are_bit_identical_with_and_without(make):
    finals = []
    for probed in (True, False):
        network = network_of()
        optimizer = make(network.named_parameters())
        if probed:
            Probe({"player": optimizer}, 2, writer=lambda _: None)  # with its shadow
        train(network, optimizer, 7)
        finals.append([p.detach().clone() for p in network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*finals, strict=True))


def test_measures_against_the_definitions():
    network = network_of().double()
    optimizer = torch.optim.Adam(network.named_parameters(), 1e-2)
    updates: list[Update] = []
    Probe({"player": optimizer}, 1, writer=updates.append, shadows={})
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
    network = network_of()
    optimizer = nsgda(network.parameters(), 0.05)
    updates: list[Update] = []
    Probe({"player": optimizer}, 1, writer=updates.append, layers=False, shadows={})
    train(network, optimizer, 3)
    assert [u.update for u in updates] == pytest.approx([0.05] * 3, rel=1e-5)
    assert [u.cosine for u in updates] == pytest.approx([1.0] * 3, abs=1e-5)


def test_the_first_player_counts_rounds_and_others_report_their_last_step():
    generator, discriminator = network_of(0), network_of(1)
    optimizers = {
        "generator": nsgda(generator.parameters(), 0.1),
        "discriminator": nsgda(discriminator.parameters(), 1),
    }
    records: list = []
    probe = Probe(optimizers, 2, writer=records.append, layers=False, shadows={}, start=10)
    for step in range(4):
        for lr in (1.0, 2.0, 3.0):
            optimizers["discriminator"].param_groups[0]["lr"] = lr + step
            train(discriminator, optimizers["discriminator"], 1)
        train(generator, optimizers["generator"], 1)
    updates = [r for r in records if isinstance(r, Update)]
    assert [(u.step, u.player) for u in updates] == [
        (12, "discriminator"),
        (12, "generator"),
        (14, "discriminator"),
        (14, "generator"),
    ]
    assert [u.update for u in updates if u.player == "discriminator"] == pytest.approx([4.0, 6.0], rel=1e-5)
    d, g = updates[:2]
    pace = (d.update / d.weight) / (g.update / g.weight)
    assert records[2] == Pace(12, "discriminator", "generator", pytest.approx(pace))
    probe.detach()
    train(generator, optimizers["generator"], 2)
    assert len(records) == 6


def test_a_player_without_a_step_is_probed_at_its_next():
    generator, discriminator = network_of(0), network_of(1)
    optimizers = {
        "generator": nsgda(generator.parameters(), 0.1),
        "discriminator": nsgda(discriminator.parameters(), 1),
    }
    records: list = []
    probe = Probe(optimizers, 2, writer=records.append, layers=False, shadows={})
    for step in range(1, 8):
        if step % 2:  # and every second round is probed
            optimizers["discriminator"].param_groups[0]["lr"] = float(step)
            train(discriminator, optimizers["discriminator"], 1)
        train(generator, optimizers["generator"], 1)
    found = [(r.step, r.player, r.update) for r in records if isinstance(r, Update)]
    rounds = [(n, player, length) for n in (2, 4, 6) for player, length in (("g", 0.1), ("d", n + 1.0))]
    assert [(n, player[0], pytest.approx(length, rel=1e-5)) for n, player, length in found] == rounds
    assert sum(isinstance(r, Pace) for r in records) == 3
    train(generator, optimizers["generator"], 1)
    probe.detach()  # in the probed round 8, of which the discriminator's step is still to come
    assert [(r.step, r.player) for r in records[9:]] == [(8, "generator")]


def test_a_player_that_takes_no_step_delays_nobody():
    still, moving = torch.optim.SGD(network_of().parameters()), nsgda(network_of(1).parameters(), 0.1)
    records: list = []
    Probe({"moving": moving, "still": still}, 2, writer=records.append, layers=False, shadows={})
    network = network_of(1)
    for _ in range(6):
        train(network, moving, 1)
    assert [(r.step, r.player) for r in records] == [(2, "moving"), (4, "moving")]


def test_detach_leaves_nothing_behind():
    optimizer = torch.optim.SGD(network_of().parameters(), 0.1)
    before = copy.copy(optimizer.__dict__)
    probe = Probe({"player": optimizer}, 2, writer=lambda _: None)
    network = network_of()
    train(network, optimizer, 3)
    probe.detach()
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    assert optimizer.__dict__.keys() == before.keys()
    assert not any((probe._hooks, probe._before, probe._measured, probe._shadows))


def test_zero_gradients_have_no_angle():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.zeros(3)
    optimizer = nsgda([parameter], 0.1)
    updates: list[Update] = []
    Probe({"player": optimizer}, 1, writer=updates.append, shadows={})
    optimizer.step()
    assert updates[-1].update == 0
    assert updates[-1].cosine != updates[-1].cosine
    assert updates[0].layer == "0"


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Probe({}, 1, writer=lambda _: None)
    player = {"player": torch.optim.SGD(network_of().parameters())}
    for settings in ({"every": 0}, {"start": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
            Probe(player, writer=lambda _: None, **settings)
    with pytest.raises(ValueError, match=r"as {'player': optimizer}, got SGD without a name"):
        Probe(player["player"])
    with pytest.raises(ValueError, match=r"writer must be called with each record, .* got 'runs'"):
        Probe(player, writer="runs")
    with pytest.raises(ValueError, match=r"shadows must be rules by name, .* or {} for none, got None"):
        Probe(player, shadows=None)
    with pytest.raises(ValueError, match="every must be a whole number, got 'often'"):
        Probe(player, every="often")


def test_ascent_is_measured_against_the_negated_loss():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.tensor([1.0, 2.0, 3.0])
    records: list = []
    optimizer = torch.optim.SGD([parameter], 0.1, maximize=True)
    Probe({"player": optimizer}, 1, writer=records.append)
    optimizer.step()
    assert [r.cosine for r in records[::2]] == pytest.approx([1.0, 1.0])
    assert records[1].cosine > 0  # Adam would have ascended too


def test_a_closure_computes_what_is_measured():
    """Trainers such as Lightning hand every optimizer its closure."""
    records: dict[bool, list] = {True: [], False: []}
    for closed in records:
        network = network_of()
        optimizer = torch.optim.SGD(network.parameters(), 0.1)
        Probe({"player": optimizer}, 1, writer=records[closed].append)
        generator = torch.Generator().manual_seed(0)

        def closure(network=network, optimizer=optimizer, generator=generator):
            optimizer.zero_grad()
            loss = network(torch.randn(8, 3, generator=generator)).square().mean()
            loss.backward()
            return loss

        for _ in range(3):
            if closed:
                optimizer.step(closure)
            else:
                closure()
                optimizer.step()
    assert records[True] == records[False]
    assert records[True]


def test_accumulated_gradients_equal_those_of_the_whole_batch():
    batch = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    records: dict[int, list] = {1: [], 4: []}
    for parts in records:
        network = network_of().double()
        optimizer = torch.optim.SGD(network.parameters(), 0.1)
        Probe({"player": optimizer}, 1, writer=records[parts].append, layers=False)
        for part in batch.chunk(parts):
            (network(part).square().mean() / parts).backward()
        optimizer.step()
    for whole, summed in zip(records[1], records[4], strict=True):
        assert vars(whole) == pytest.approx(vars(summed))


def test_gradients_are_measured_before_the_optimizer_changes_them():
    class Clipped(torch.optim.SGD):
        def step(self, closure=None):
            for parameter in self.param_groups[0]["params"]:
                parameter.grad.clamp_(-1.0, 1.0)
            return super().step(closure)

    parameter = torch.nn.Parameter(torch.zeros(2))
    torch.optim.SGD([parameter])  # from now on its step runs hooks too, within those of the subclass
    parameter.grad = torch.tensor([3.0, 4.0])
    records: list = []
    optimizer = Clipped([parameter], 1.0)
    Probe({"player": optimizer}, 1, writer=records.append, shadows={}, layers=False)
    optimizer.step()
    (update,) = records
    assert update.step == 1
    assert (update.gradient, update.update) == pytest.approx((5.0, 2.0**0.5))
    assert update.cosine == pytest.approx(7 / (5 * 2.0**0.5))


def test_sparse_and_complex_parameters():
    table = torch.nn.Embedding(5, 2, sparse=True)
    wave = torch.nn.Parameter(torch.tensor([1 + 2j, 3 - 1j]))
    records: list = []
    table(torch.tensor([1, 3])).square().sum().backward()
    wave.abs().square().sum().backward()
    norms = [table.weight.grad.to_dense().norm().item(), wave.grad.norm().item()]
    for optimizer in (torch.optim.SparseAdam(table.parameters(), 0.1), torch.optim.Adam([wave], 0.1)):
        Probe({"player": optimizer}, 1, writer=records.append, layers=False)
        optimizer.step()
    assert [r.gradient for r in records if isinstance(r, Update)] == pytest.approx(norms)


class _Wrapper(torch.optim.Optimizer):
    """As Lookahead and its like are often written: the base's groups, and no hooks."""

    def __init__(self, base):
        self.base, self.param_groups, self.state, self.defaults = (
            base,
            base.param_groups,
            base.state,
            base.defaults,
        )

    def step(self, closure=None):
        return self.base.step(closure)


def test_a_wrapper_without_hooks_is_refused_with_what_to_do():
    base = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
    borrowed = _Wrapper(base)
    borrowed.__dict__.update(base.__dict__)  # its steps still run no hooks
    for wrapper in (_Wrapper(base), borrowed, object()):
        with pytest.raises(ValueError, match="the optimizer inside of it"):
            Probe({"g": wrapper}, writer=print)


def test_rounds_without_hooks_are_counted():
    """Replays of a CUDA graph: the measured rounds keep their numbers."""
    network, records = torch.nn.Linear(2, 1), []
    optimizer = nsgda(network.parameters(), 0.1)
    probe = Probe({"critic": optimizer}, every=3, writer=records.append, layers=False, shadows={})
    for round_ in range(1, 7):
        if round_ % 3:
            probe.advance()
            continue
        network(torch.ones(4, 2)).mean().backward()
        optimizer.step()
    assert [record.step for record in records] == [3, 6]


def test_rounds_that_shadows_must_see_cannot_be_skipped():
    probe = Probe({"critic": nsgda(torch.nn.Linear(2, 1).parameters(), 0.1)}, writer=print)
    with pytest.raises(ValueError, match="make the Probe with shadows="):
        probe.advance()
    with pytest.raises(ValueError, match="rounds must be >= 1, got 0"):
        probe.advance(0)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_step_that_the_optimizer_leaves_out_is_a_round_and_nothing_else(every, closed):
    """Records and shadows are those of a run without it. The player is measured at its next step."""
    records: dict[bool, list] = {}
    for has_bad in (False, True):
        network, found = network_of(), []
        optimizer = nsgda(network.named_parameters(), 0.1, nonfinite="skip")
        probe = Probe({"player": optimizer}, every, writer=found.append)
        generator = torch.Generator().manual_seed(0)
        for step in range(1, 7):
            batch = torch.randn(8, 3, generator=generator)
            if step == 3:
                if not has_bad:
                    probe._rounds += 1
                    continue
                batch = batch * float("nan")
            step_on(network, optimizer, batch, closed=closed)
        records[has_bad] = found
    assert optimizer.skipped.total == 1
    if every == 3:  # the player is still due in the round after it
        assert [r.step for r in records[True] if isinstance(r, Update) and not r.layer] == [3, 6]
        assert all(r.update > 0 for r in records[True] if isinstance(r, Update))
    else:
        assert records[True] == records[False]
    assert all(r.magnitude == r.magnitude for r in records[True] if isinstance(r, Shadow))
