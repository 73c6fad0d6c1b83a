"""The weights' length as a magnitude: LARS's and LAMB's trust ratios as grafts."""

import math

import pytest
import torch
from tests.cases.rules import ShareOfWeights

from paripassu.rules import SGD, Adam, Graft, Weight


def _pair() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(s, generator=generator, dtype=torch.float64) for s in ((3, 4), (5,), ())]


@pytest.mark.parametrize("direction", [SGD(), Adam((0.5, 0.9))], ids=["LARS", "LAMB"])
def test_each_layer_moves_by_its_own_length(direction):
    gradients, weights = _pair()[::-1], _pair()[::-1]
    rule = Graft(Weight(), direction)
    updates, _ = rule.update(gradients, [rule.init(g) for g in gradients], weights)
    bare, _ = direction.update(gradients, [direction.init(g) for g in gradients], weights)
    for update, w, d in zip(updates, weights, bare, strict=True):
        torch.testing.assert_close(update, w.norm() * d / d.norm(), rtol=1e-12, atol=0)


def test_over_the_gradient_it_is_the_rule_of_the_cases():
    gradients, weights = _pair(), [3 * w for w in _pair()]
    rule = Graft(Weight(), SGD())
    ours, _ = rule.update(gradients, [rule.init(g) for g in gradients], weights)
    theirs, _ = ShareOfWeights().update(gradients, [{}] * 3, weights)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=0)


@pytest.mark.parametrize("weight", [torch.zeros(4), torch.full((4,), 1e-6), torch.full((4,), 1e-40)])
def test_short_weights_move_as_if_they_had_the_floors_size(weight):
    rule, gradient = Graft(Weight(floor=0.125), SGD()), torch.tensor([3.0, 0.0, -4.0, 0.0])
    (update,), _ = rule.update([gradient], [rule.init(weight)], [weight])
    torch.testing.assert_close(update, gradient / 20)


def test_a_floor_out_of_range_is_named():
    for floor in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="floor must be finite and > 0"):
            Weight(floor)
