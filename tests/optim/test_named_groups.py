"""Files whose groups or parameters are in another order: names decide where both sides have them."""

import copy

import pytest
import torch
from tests.cases.players import same
from torch import nn

from paripassu.optim import NSGD, AdaNSGD

NAMES = "abcd"


def _parameters():
    return {name: nn.Parameter(torch.full((2,), float(k + 1))) for k, name in enumerate(NAMES)}


def _optimizer(own, layout, **settings):
    """Groups of the names in ``layout``; each group has the settings of its first name."""
    groups = [
        {"params": [(name, own[name]) for name in names], **{k: v[names[0]] for k, v in settings.items()}}
        for names in layout
    ]
    return NSGD(groups, 0.1, momentum=0.9, unit="length")


def _step(optimizer, own, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in own.values():
        parameter.grad = torch.randn(2, generator=generator)
    optimizer.step()


SETTINGS = {
    "lr": {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4},
    "weight_decay": {"a": 0.5, "b": 0.0, "c": 0.1, "d": 0.2},
    "momentum": {"a": 0.9, "b": 0.0, "c": 0.5, "d": 0.8},
    "mine": {"a": "first", "b": "second", "c": "third", "d": "fourth"},
}


@pytest.mark.parametrize(
    ("saved", "present"),
    [
        (["ab", "cd"], ["cd", "ab"]),
        (["a", "bcd"], ["bcd", "a"]),
        (["ab", "c", "d"], ["d", "ba", "c"]),
        (["abcd"], ["dbca"]),
    ],
    ids=str,
)
def test_groups_that_are_exchanged_keep_their_settings(saved, present):
    """Groups of equal sizes and others; a run goes on as if nothing had been exchanged."""
    straight, before, after = _parameters(), _parameters(), _parameters()
    ones = _optimizer(straight, saved, **SETTINGS), _optimizer(before, saved, **SETTINGS)
    for optimizer, own in zip(ones, (straight, before), strict=True):
        _step(optimizer, own)
    other = _optimizer(after, present)
    other.load_state_dict(copy.deepcopy(ones[1].state_dict()))
    for name, parameter in after.items():
        parameter.data.copy_(before[name].detach())
    _step(ones[0], straight, 1)
    _step(other, after, 1)
    assert same(list(straight.values()), list(after.values()))
    for group in other.param_groups:
        theirs = next(g for g in ones[0].param_groups if set(g["param_names"]) == set(group["param_names"]))
        assert all(group[name] == theirs[name] for name in SETTINGS)


def test_names_that_are_in_other_groups_are_refused_if_settings_differ():
    before, after = _parameters(), _parameters()
    first, second = _optimizer(before, ["ab", "cd"], **SETTINGS), _optimizer(after, ["ac", "bd"])
    _step(first, before)
    with pytest.raises(ValueError, match="parameters in other groups than this optimizer"):
        second.load_state_dict(first.state_dict())
    assert not second.state
    for rate in (0.2, torch.tensor(0.2)):
        for group in first.param_groups:
            group.update({name: settings["a"] for name, settings in SETTINGS.items()}, lr=rate)
        second.load_state_dict(first.state_dict())
        for name in NAMES:
            buffers = first.state[before[name]], second.state[after[name]]
            assert torch.equal(*(state["momentum_buffer"] for state in buffers))


def test_groups_of_other_sizes_are_torchs_to_refuse():
    before, after = _parameters(), _parameters()
    first = _optimizer(before, ["ab", "cd"])
    for layout in (["abcd"], ["a", "bcd"]):
        with pytest.raises(ValueError, match="parameter group"):
            _optimizer(after, layout).load_state_dict(first.state_dict())


def _two_networks(order=("weight", "bias"), rates=(0.1, 0.2)):
    """Groups of two networks, whose parameters have the same names."""
    networks = [{"weight": nn.Parameter(torch.ones(2)), "bias": nn.Parameter(torch.ones(2))} for _ in rates]
    groups = [
        {"params": [(name, own[name]) for name in order], "lr": lr}
        for own, lr in zip(networks, rates, strict=True)
    ]
    return networks, AdaNSGD(groups)


@pytest.mark.parametrize("order", [("weight", "bias"), ("bias", "weight")])
def test_equal_names_in_two_groups_are_found_group_by_group(order):
    before, first = _two_networks()
    for k, own in enumerate(before):
        own["weight"].grad, own["bias"].grad = torch.full((2,), k + 1.0), torch.full((2,), k + 5.0)
    first.step()
    after, second = _two_networks(order, rates=(0.5, 0.6))
    second.load_state_dict(first.state_dict())
    assert [group["lr"] for group in second.param_groups] == [0.1, 0.2]
    for ours, theirs in zip(after, before, strict=True):
        for name in order:
            states = (o.state[p[name]]["magnitude"] for o, p in ((first, theirs), (second, ours)))
            assert same(*([s["exp_avg_sq"]] for s in states))


def test_equal_names_that_moved_to_another_group_are_refused():
    networks, first = _two_networks(rates=(0.1, 0.1))
    (one, other) = networks
    groups = [
        {"params": [("weight", one["weight"]), ("weight", other["weight"])]},
        {"params": [("bias", one["bias"]), ("bias", other["bias"])]},
    ]
    with pytest.raises(ValueError, match="names that come twice"):
        AdaNSGD(groups).load_state_dict(first.state_dict())


def test_a_group_with_too_few_names_is_damage():
    first = _optimizer(_parameters(), ["ab", "cd"])
    saved = copy.deepcopy(first.state_dict())
    saved["param_groups"][0]["params"] = [0]
    with pytest.raises(ValueError, match="2 names for 1 parameters"):
        first.load_state_dict(saved)
