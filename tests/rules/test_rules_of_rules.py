"""Whatever takes a rule says at once, and by name, that it was given none."""

import pytest
import torch

import paripassu as pp
from paripassu import rules
from paripassu.optim import RuleOptimizer
from paripassu.probe import Probe

NONE_OF_THEM = {
    "adam": "got 'adam': give an object such as paripassu.rules.Adam()",
    rules.Adam: r"got the class Adam: write Adam\(\), with parentheses",
    torch.optim.RAdam: r"got the class RAdam: paripassu.rules.FromTorch\(RAdam\) makes one of it",
    None: "got None",
}


def _parameters():
    return [torch.nn.Parameter(torch.ones(2))]


def _probe(value):
    return Probe({"critic": torch.optim.SGD(_parameters(), 0.1)}, shadows={"other": value})


TAKERS = {
    "magnitude": lambda value: rules.Graft(value, rules.SGD()),
    "direction": lambda value: rules.Graft(rules.SGD(), value),
    "rule": lambda value: RuleOptimizer(_parameters(), 0.1, rule=value),
    "the shadow 'other'": _probe,
    "otherwise": lambda value: rules.Orthogonal(otherwise=value),
}
WRAPPERS = [
    rules.Normalize, rules.Optimistic, rules.Orthogonal, rules.RunningNormalize, rules.Sign,
    lambda rule: rules.Clip(rule, 0.1),
    lambda rule: rules.Clip.at_equilibrium(rule, lr=0.1, weight_decay=0.1),
]  # fmt: skip


@pytest.mark.parametrize(("value", "sentence"), NONE_OF_THEM.items())
@pytest.mark.parametrize("name", TAKERS)
def test_what_is_no_rule_is_refused_by_name(name, value, sentence):
    with pytest.raises(ValueError, match=f"^{name} must be a Rule, {sentence}"):
        TAKERS[name](value)


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_a_rule_over_what_is_no_rule_is_refused(wrap):
    with pytest.raises(ValueError, match=r"^rule must be a Rule, got 'sgd'"):
        wrap("sgd")


@pytest.mark.parametrize("part", ["magnitude", "direction"])
def test_the_grafted_optimizer_names_the_half(part):
    halves = {"magnitude": rules.Adam(), "direction": rules.SGD()} | {part: "adam"}
    with pytest.raises(ValueError, match=f"^{part} must be a Rule, got 'adam'"):
        pp.Graft(_parameters(), 1e-3, **halves)


def test_an_optimizer_is_no_rule():
    with pytest.raises(ValueError, match="rule must be a Rule, got an optimizer, SGD: give the rule"):
        rules.Normalize(torch.optim.SGD(_parameters(), 0.1))


def test_every_rule_over_rules_is_here():
    public = [getattr(rules, name) for name in rules.__all__]
    over = {kind for kind in public if isinstance(kind, type) and {"rule", "magnitude"} & set(_fields(kind))}
    assert over == {rules.Graft, rules.Clip, *(kind for kind in WRAPPERS if isinstance(kind, type))}


def _fields(kind):
    return getattr(kind, "__dataclass_fields__", {})
