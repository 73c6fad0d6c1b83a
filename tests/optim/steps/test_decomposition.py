"""Which rules the fast ways support."""

import pytest
import torch
from tests.cases.rules import FAST, SLOW

from paripassu.optim.steps.decomposition import decompose
from paripassu.rules import SGD, Adam, Graft, Normalize


@pytest.mark.parametrize("rule", FAST, ids=repr)
def test_a_magnitude_and_a_direction_are_decomposed(rule):
    assert decompose(rule) is not None


@pytest.mark.parametrize("rule", SLOW, ids=repr)
def test_other_rules_are_not(rule):
    assert decompose(rule) is None


def test_a_subclass_may_update_differently():
    class Other(SGD):
        pass

    assert decompose(Other()) is None
    assert decompose(Normalize(Other())) is None


@pytest.mark.parametrize("rule", [Graft(Adam(), SGD(0.9)), Graft(SGD(0.9), Adam())], ids=repr)
def test_arrays_are_found_wherever_the_rule_keeps_them(rule):
    state = rule.init(torch.zeros(3))
    found = {id(t) for tensors in decompose(rule).arrays([state]) for t in tensors}
    assert found == {id(t) for t in torch.utils._pytree.tree_leaves(state)}
    assert len(found) == 4


@pytest.mark.parametrize(
    ("scope", "unit", "lengths"),
    [
        ("layer", "length", [1.0, 1.0]),
        ("layer", "rms", [2.0, 12**0.5]),
        ("global", "length", [1.0, 1.0]),
        ("global", "rms", [4.0, 4.0]),
    ],
)
def test_a_constant_magnitude_has_its_units_length(scope, unit, lengths):
    assert decompose(Normalize(SGD(), scope, unit)).lengths([4, 12]) == pytest.approx(lengths)
