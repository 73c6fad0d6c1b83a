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
    NSGD(suggested.groups(network.named_parameters()), 1.0, scope="layer").step()
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
    NSGD(suggested.groups(network.named_parameters()), 1.0, scope="layer").step()
    assert network.bias.item() == before


def test_a_frozen_parameter_needs_no_rate():
    network = nn.Linear(2, 2)
    network.bias.requires_grad_(requires_grad=False)
    suggested = suggest_lr([_record(1, 1.0), _record(1, 1.0, "weight")], "generator")
    assert [group["lr"] for group in suggested.groups(network.named_parameters())] == [1.0]


def test_without_layers_there_is_no_rate_for_them():
    with pytest.raises(ValueError, match="layers=True"):
        _ = suggest_lr([_record(1, 1.0)], "generator").layer
