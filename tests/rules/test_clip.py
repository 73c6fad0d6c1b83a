"""Relative clipping: its limit, what it leaves alone, and the invariances of its paper."""

import math

import pytest
import torch

from paripassu.optim import RuleOptimizer
from paripassu.rules import SGD, Adam, Clip


def _pair(scale: float = 1.0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(s, generator=generator, dtype=torch.float64) for s in ((3, 4), (5,))]


def _norm(tensors: list[torch.Tensor]) -> float:
    return torch.cat([t.flatten() for t in tensors]).norm().item()


def test_no_update_is_longer_than_its_share_of_the_weights():
    gradients, weights = _pair(100.0), _pair()
    updates, _ = Clip(SGD(), 0.1).update(gradients, [{}, {}], weights)
    assert _norm(updates) == pytest.approx(0.1 * _norm(weights), rel=1e-13)
    for u, g in zip(updates, gradients, strict=True):
        torch.testing.assert_close(u / u.norm(), g / g.norm())


def test_layer_by_layer_each_has_a_limit():
    gradients, weights = _pair(100.0), _pair()
    gradients[1] = gradients[1] * 1e-6
    updates, _ = Clip(SGD(), 0.1, "layer").update(gradients, [{}, {}], weights)
    assert updates[0].norm().item() == pytest.approx(0.1 * weights[0].norm().item(), rel=1e-13)
    assert torch.equal(updates[1], gradients[1])


def test_shorter_updates_are_the_rules():
    gradients, weights = _pair(), _pair()
    rule = Adam()
    expected, _ = rule.update(gradients, [rule.init(g) for g in gradients], weights)
    updates, _ = Clip(rule, 1e9).update(gradients, [rule.init(g) for g in gradients], weights)
    for ours, theirs in zip(updates, expected, strict=True):
        assert torch.equal(ours, theirs)


def test_weights_of_zero_do_not_move():
    gradients, weights = _pair(), [torch.zeros(3, 4).double(), torch.ones(5).double()]
    apart, _ = Clip(SGD(), 0.1, "layer").update(gradients, [{}, {}], weights)
    assert not apart[0].any()
    assert apart[1].any()
    together, _ = Clip(SGD(), 0.1).update(gradients, [{}, {}], weights)
    assert together[0].any()


def test_at_zero_weights_bad_gradients_still_show():
    gradient = torch.tensor([1.0, math.inf])
    (update,), _ = Clip().update([gradient], [{}], [torch.zeros(2)])
    assert not update.isfinite().all()


def test_its_ratio_is_that_of_weights_at_equilibrium():
    """They settle at |x|² = σ √(η / (λ (2 − ηλ))) where gradients have the length σ / |x|."""
    lr, decay = 8e-4, 1e-2
    assert Clip.at_equilibrium(SGD(), lr=lr, weight_decay=decay).ratio == pytest.approx(10.0)
    settled = math.sqrt(math.sqrt(lr / (decay * (2 - lr * decay))))  # the norm at σ = 1
    assert 2 * (1 / settled) / settled == pytest.approx(10.0, rel=1e-5)


def _path(scale: float, lr: float, decay: float, loss_scale: float) -> torch.Tensor:
    """Directions of a scale-invariant problem's iterates: the gradient at x is that at x / |x|, over |x|."""
    generator = torch.Generator().manual_seed(0)
    x = torch.nn.Parameter(scale * torch.randn(6, generator=generator, dtype=torch.float64))
    rule = Clip.at_equilibrium(SGD(), lr=lr, weight_decay=decay)
    optimizer, directions = RuleOptimizer([x], lr, rule=rule, weight_decay=decay), []
    for _ in range(50):
        sphere = x.detach() / x.detach().norm()
        noise = torch.randn(6, generator=generator, dtype=torch.float64) * 10
        x.grad = loss_scale * (noise - (noise @ sphere) * sphere) / x.detach().norm()
        optimizer.step()
        directions.append(x.detach() / x.detach().norm())
    return torch.stack(directions)


@pytest.mark.parametrize("c", [1e-3, 50.0])
def test_scaling_weights_and_rates_together_changes_no_direction(c):
    plain = _path(1.0, 0.1, 0.1, 1.0)
    torch.testing.assert_close(_path(c, c**2 * 0.1, 0.1 / c**2, 1.0), plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("c", [1e-3, 50.0])
def test_scaling_loss_and_rates_against_each_other_changes_nothing(c):
    plain = _path(1.0, 0.1, 0.1, 1.0)
    torch.testing.assert_close(_path(1.0, 0.1 / c, 0.1 * c, c), plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Clip(ratio=0.0), "ratio must be finite and > 0"),
        (lambda: Clip(ratio=math.inf), "ratio"),
        (lambda: Clip(scope="all"), "scope"),
        (lambda: Clip.at_equilibrium(SGD(), lr=0.0, weight_decay=0.1), "lr"),
        (lambda: Clip.at_equilibrium(SGD(), lr=0.1, weight_decay=0.0), "weight_decay"),
        (lambda: Clip.at_equilibrium(SGD(), lr=0.1, weight_decay=0.1, factor=1.0), "factor .* > 1, got 1.0"),
    ],
)
def test_settings_out_of_range_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()
