"""Learning rates from the lengths of recorded steps."""

import math

import pytest
import torch
from torch import nn

from paripassu.optim import NSGD, RuleOptimizer
from paripassu.probe import Probe, suggest_lr
from paripassu.records import Update
from paripassu.rules import Adam


def _record(step: int, length: float, layer: str = "", player: str = "generator") -> Update:
    return Update(step, player, layer, gradient=1.0, update=length, weight=1.0, cosine=1.0)


def test_rates_are_mean_lengths_by_player_and_by_layer():
    records = [
        _record(1, 2.0), _record(2, 4.0), _record(1, 1.0, "a"), _record(2, 2.0, "a"), _record(1, 0.5, "b"),
        _record(1, 100.0, player="discriminator"), "a record of another kind",
    ]  # fmt: skip
    suggested = suggest_lr(records, "generator")
    assert suggested.player == 3.0
    assert suggested.layers == {"a": 1.5, "b": 0.5}
    assert suggested.layer == pytest.approx(3.0 / math.sqrt(2))


def test_first_steps_can_be_left_out():
    assert suggest_lr([_record(1, 9.0), _record(2, 1.0)], "generator", after=1).player == 1.0


def test_an_unknown_player_is_refused_with_the_recorded_ones():
    with pytest.raises(ValueError, match=r"\['generator'\]"):
        suggest_lr([_record(1, 1.0)], "critic")


def test_steps_of_a_diverged_run_are_refused():
    with pytest.raises(ValueError, match="diverged"):
        suggest_lr([_record(1, math.nan)], "generator")


def test_nsgd_then_moves_as_far_as_adam_did():
    """Adam at rate r moves n parameters r sqrt(n) in its first step: nSGDA's first step must be as long."""
    network = nn.Linear(7, 2)
    for p in network.parameters():
        p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    records: list[object] = []
    adam = RuleOptimizer(network.named_parameters(), 0.01, rule=Adam())
    probe = Probe({"player": adam}, every=1, writer=records.append)
    adam.step()
    probe.detach()
    suggested = suggest_lr(records, "player")
    assert suggested.player == pytest.approx(0.01 * math.sqrt(16), rel=1e-4)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    NSGD(suggested.groups(network.named_parameters())).step()
    moved = {name: (p.detach() - before[name]).norm().item() for name, p in network.named_parameters()}
    assert moved == pytest.approx(suggested.layers, rel=1e-4)
    assert math.hypot(*moved.values()) == pytest.approx(suggested.player, rel=1e-4)


def test_a_parameter_that_was_not_recorded_has_no_rate():
    suggested = suggest_lr([_record(1, 1.0), _record(1, 1.0, "weight")], "generator")
    with pytest.raises(ValueError, match="'bias'"):
        suggested.groups(nn.Linear(2, 2).named_parameters())


def test_a_parameter_that_never_moved_stays_where_it_is():
    """Such as a critic's last bias, which cancels from its loss. nSGDA would follow the rounding error."""
    suggested = suggest_lr([_record(1, 3.0), _record(1, 3.0, "weight"), _record(1, 0.0, "bias")], "generator")
    assert suggested.layer == 3.0
    network = nn.Linear(2, 1)
    for p in network.parameters():
        p.grad = torch.full_like(p, 1e-9)
    before = network.bias.item()
    NSGD(suggested.groups(network.named_parameters())).step()
    assert network.bias.item() == before


def _trained(make, steps=5):
    """A network after some steps of an optimizer, its last gradient there."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 2))
    optimizer = make(network.named_parameters())
    for seed in range(steps):
        generator = torch.Generator().manual_seed(seed)
        optimizer.zero_grad()
        network(torch.randn(8, 7, generator=generator)).square().mean().backward()
        before = [p.detach().clone() for p in network.parameters()]
        optimizer.step()
    moved = [p.detach() - b for p, b in zip(network.parameters(), before, strict=True)]
    return network, optimizer, moved


def _whole(tensors):
    return torch.cat([t.detach().flatten() for t in tensors])


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_a_running_adam_shows_the_step_that_it_took_last(kind, amsgrad):
    network, adam, moved = _trained(
        lambda p: kind(p, lr=0.01, betas=(0.5, 0.9), amsgrad=amsgrad, weight_decay=0.0)
    )
    adam.zero_grad()
    suggested = suggest_lr(adam)
    assert suggested.player == pytest.approx(_whole(moved).norm().item(), rel=1e-4)
    assert suggested.rms == pytest.approx(_whole(moved).square().mean().sqrt().item(), rel=1e-4)
    lengths = {name: m.norm().item() for (name, _), m in zip(network.named_parameters(), moved, strict=True)}
    assert suggested.layers == pytest.approx(lengths, rel=1e-4)
    assert suggested.relative == pytest.approx(suggested.player / _whole(network.parameters()).norm().item())


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.RMSprop(p, lr=0.01),
        lambda p: RuleOptimizer(p, 0.01, rule=Adam()),
        lambda p: NSGD(p, 0.05, momentum=0.9),
        lambda p: NSGD(p, 0.05),
    ],
)
def test_other_optimizers_show_their_next_step_and_do_not_move(make):
    network, optimizer, _ = _trained(make)
    before = [p.detach().clone() for p in network.parameters()]
    suggested = suggest_lr(optimizer)
    assert all(torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True))
    optimizer.step()
    moved = [p.detach() - b for p, b in zip(network.parameters(), before, strict=True)]
    assert suggested.player == pytest.approx(_whole(moved).norm().item(), rel=1e-6)
    assert suggested.elements == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("unit", ["rms", "relative"])
def test_in_every_unit_nsgd_moves_the_player_as_far(scope, unit):
    network, adam, _ = _trained(lambda p: torch.optim.Adam(p, lr=0.01))
    suggested = suggest_lr(adam)
    settings = {"unit": "rms"} if unit == "rms" else {"relative": True}
    before = [p.detach().clone() for p in network.parameters()]
    NSGD(network.parameters(), getattr(suggested, unit), scope=scope, **settings).step()
    moved = [p.detach() - b for p, b in zip(network.parameters(), before, strict=True)]
    assert _whole(moved).norm().item() == pytest.approx(suggested.player, rel=1e-4)


@pytest.mark.parametrize("settings", [{}, {"unit": "length"}, {"relative": True}])
def test_in_every_unit_groups_move_each_tensor_as_far(settings):
    network, adam, _ = _trained(lambda p: torch.optim.Adam(p, lr=0.01))
    network[0].bias.data.zero_()
    suggested = suggest_lr(adam)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    NSGD(suggested.groups(network.named_parameters(), **settings), **settings).step()
    moved = {name: (p.detach() - before[name]).norm().item() for name, p in network.named_parameters()}
    assert moved == pytest.approx(suggested.layers, rel=1e-4)


def test_an_optimizer_without_a_step_is_refused():
    network = nn.Linear(2, 1)
    for make in (torch.optim.Adam, NSGD):
        with pytest.raises(ValueError, match="shows no step"):
            suggest_lr(make(network.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="with records alone"):
        suggest_lr(torch.optim.Adam(network.parameters()), "critic")


def test_records_of_one_player_need_no_name_and_of_two_do():
    records = [Update(1, "critic", "", 1.0, 3.0, 6.0, 1.0), Update(2, "critic", "", 1.0, 1.0, 4.0, 1.0)]
    suggested = suggest_lr(records, parameters=[torch.zeros(2, 8)])
    assert (suggested.player, suggested.rms, suggested.relative) == (2.0, 0.5, 0.375)
    with pytest.raises(ValueError, match=r"say whose steps to use: .*\['critic', 'generator'\]"):
        suggest_lr([*records, _record(1, 1.0)])
    with pytest.raises(ValueError, match="give suggest_lr its parameters"):
        _ = suggest_lr(records).rms
    with pytest.raises(ValueError, match="have no unit"):
        suggested.groups([], unit="length", relative=True)


def test_an_exhausted_generator_is_called_one():
    records = (_record(step, 1.0) for step in range(3))
    assert suggest_lr(records, "generator").player == 1.0
    with pytest.raises(ValueError, match=r"no step in these records: .* as a list, .* read only once"):
        suggest_lr(records, "generator")


def test_a_frozen_parameter_needs_no_rate():
    network = nn.Linear(2, 2)
    network.bias.requires_grad_(requires_grad=False)
    suggested = suggest_lr([_record(1, 1.0), _record(1, 1.0, "weight")], "generator")
    assert [group["lr"] for group in suggested.groups(network.named_parameters())] == [0.5]


def test_without_layers_there_is_no_rate_for_them():
    with pytest.raises(ValueError, match="layers=True"):
        _ = suggest_lr([_record(1, 1.0)], "generator").layer


@pytest.mark.parametrize(
    ("is_one_group", "layers"),
    [
        (False, ["weight (group 0)", "bias (group 0)", "weight (group 1)", "bias (group 1)"]),
        (True, [f"{n} (group 0) (parameter {k})" for k, n in enumerate(["weight", "bias"] * 2)]),
    ],
)
def test_equal_names_of_two_networks_are_two_layers(is_one_group, layers):
    """In a probe's records and in rates; the player's step is that of all of them."""
    torch.manual_seed(0)
    first, second = (list(nn.Linear(size, 2).named_parameters()) for size in (3, 5))
    parameters = [p for _, p in (*first, *second)]
    groups = [[*first, *second]] if is_one_group else [first, second]
    adam = torch.optim.Adam([{"params": own} for own in groups], lr=0.01)
    probe = Probe({"player": adam}, every=1, shadows={})
    for p in parameters:
        p.grad = torch.randn_like(p)
    adam.step()
    assert [r.layer for r in probe.records if isinstance(r, Update)] == [*layers, ""]
    lengths = [0.01 * math.sqrt(p.numel()) for p in parameters]
    for suggested in (suggest_lr(adam), suggest_lr(probe.records, parameters=parameters)):
        assert suggested.layers == pytest.approx(dict(zip(layers, lengths, strict=True)), rel=1e-4)
        assert suggested.player == pytest.approx(0.01 * math.sqrt(20), rel=1e-4)
        assert suggested.rms == pytest.approx(0.01, rel=1e-4)


def test_an_adam_whose_states_were_only_read_shows_its_next_step():
    network = nn.Linear(2, 1)
    adam = torch.optim.Adam(network.parameters(), lr=0.01)
    network(torch.ones(1, 2)).sum().backward()
    assert not adam.state[network.weight]
    assert suggest_lr(adam).rms == pytest.approx(0.01, rel=1e-4)
