"""MaxVA against its derivation and its published values, in float64."""

import math

import pytest
import torch
from torch import Tensor

from paripassu.rules import Adam, MaxVA


def _means(rule: MaxVA, gradients: list[Tensor]) -> tuple[Tensor, Tensor]:
    """u and σ² after these gradients of one tensor."""
    state = rule.init(gradients[0])
    for gradient in gradients:
        _, state = rule.update_tensor(gradient, state, gradient)
    u, v = (state[name] / state["weight"] for name in ("mean", "mean_sq"))
    return u, v - u**2


def _normal(count: int, shape: tuple[int, ...] = (40,)) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(count)]


def _numbers(*values: float) -> list[Tensor]:
    return [torch.tensor(value, dtype=torch.float64) for value in values]


def test_without_a_largest_decay_rate_known_values_hold():
    rule = MaxVA((0.0, 1.0))
    for count, u, variance in ((1, 1.0, 0.0), (2, 2.0, 1.0), (3, 3.875, 4.515625)):
        found = _means(rule, _numbers(1.0, 3.0, 6.0)[:count])
        assert [n.item() for n in found] == pytest.approx([u, variance], rel=1e-14)


def test_a_gradient_equal_to_its_mean_changes_nothing():
    before, after = _numbers(1.0, 3.0), _numbers(1.0, 3.0, 2.0)
    for x, y in zip(*(_means(MaxVA((0.0, 1.0)), given) for given in (before, after)), strict=True):
        assert x.item() == pytest.approx(y.item(), rel=1e-14)


@pytest.mark.parametrize("scope", ["element", "layer"])
def test_the_decay_rate_maximises_the_variance(scope):
    """Of all rates between its bounds, on random gradients after random ones."""
    rule = MaxVA((0.0, 0.95), beta_min=0.3, scope=scope)
    gradients = _normal(5)
    state = rule.init(gradients[0])
    for gradient in gradients[:-1]:
        _, state = rule.update_tensor(gradient, state, gradient)
    _, chosen = _means(rule, gradients)

    def total(beta: float) -> Tensor:
        mean, mean_sq, weight = (
            beta * state[name] + (1 - beta) * new
            for name, new in (("mean", gradients[-1]), ("mean_sq", gradients[-1] ** 2), ("weight", 1.0))
        )
        variance = mean_sq / weight - (mean / weight) ** 2
        return variance.sum() if scope == "layer" else variance

    others = torch.stack([total(beta) for beta in torch.linspace(0.3, 0.95, 200).tolist()])
    best = chosen.sum() if scope == "layer" else chosen
    assert (best >= others - 1e-12).all()
    torch.testing.assert_close(best, others.max(0).values, rtol=1e-3, atol=1e-4)


def test_its_variance_has_the_derived_maximum():
    """(σ² + δ²)² / 4δ² where the gradient is further away than a deviation."""
    u, variance = _means(MaxVA((0.0, 1.0)), _numbers(0.5, 2.0))
    gradient = torch.tensor(7.0, dtype=torch.float64)
    deviation = (gradient - u) ** 2
    _, largest = _means(MaxVA((0.0, 1.0)), [*_numbers(0.5, 2.0), gradient])
    torch.testing.assert_close(largest, (variance + deviation) ** 2 / (4 * deviation))


@pytest.mark.parametrize("scope", ["element", "layer"])
@pytest.mark.parametrize("betas", [(0.0, 0.9), (0.9, 0.999)])
def test_with_equal_bounds_it_is_adam(betas, scope):
    adam, ours = Adam(betas, 1e-6), MaxVA(betas, beta_min=betas[1], eps=1e-6, scope=scope)
    gradients = [*_normal(20, (3, 4)), torch.zeros(3, 4).double()]
    states = [rule.init(gradients[0]) for rule in (adam, ours)]
    for gradient in gradients:
        expected, states[0] = adam.update_tensor(gradient, states[0], gradient)
        update, states[1] = ours.update_tensor(gradient, states[1], gradient)
        torch.testing.assert_close(update, expected, rtol=1e-11, atol=0)


@pytest.mark.parametrize("gradient", [0.0, 0.5, -3.0, 1e-200])
@pytest.mark.parametrize("b_max", [0.999, 1.0])
def test_constant_gradients_are_remembered_as_long_as_possible(gradient, b_max):
    """0 / 0 is the largest rate: after two steps the weights' sum is Adam's."""
    rule = MaxVA((0.0, b_max))
    constant = _numbers(gradient)[0]
    state = rule.init(constant)
    for _ in range(2):
        update, state = rule.update_tensor(constant, state, constant)
    assert state["weight"].item() == pytest.approx(1 - b_max**2 if b_max < 1 else 0.1)
    assert update.item() == pytest.approx(gradient / (math.sqrt(gradient**2) + 1e-8))


def test_one_rare_gradient_is_noticed_at_once():
    """Its square gets half of the weight; Adam gives it a hundredth, after a hundred steps."""
    gradients = [*_normal(100, ()), *_numbers(50.0)]
    states = {}
    for rule in (MaxVA(), Adam()):
        states[rule] = rule.init(gradients[0])
        for gradient in gradients:
            _, states[rule] = rule.update_tensor(gradient, states[rule], gradient)
    ours, adams = states.values()
    assert (ours["mean_sq"] / ours["weight"]).item() == pytest.approx(50**2 / 2, rel=0.02)
    assert (adams["exp_avg_sq"] / (1 - 0.999**101)).item() < 0.02 * 50**2


def test_one_half_never_binds():
    u = [_means(MaxVA((0.0, 0.999), low), _normal(30))[0] for low in (0.0, 0.5)]
    assert torch.equal(*u)


def test_squares_that_overflow_give_no_nan():
    rule, gradients = MaxVA((0.5, 0.999)), [torch.tensor([1.0, x]) for x in (2.0, 1e30, 1.0)]
    state = rule.init(gradients[0])
    for gradient in gradients:
        update, state = rule.update_tensor(gradient, state, gradient)
        assert update.isfinite().all()
    assert update[1] == 0.0


def test_a_rate_for_the_tensor_is_one_for_all_its_elements():
    rule = MaxVA((0.0, 0.99), scope="layer")
    whole, parts = _normal(6, (2,)), [MaxVA((0.0, 0.99)) for _ in range(2)]
    _, variance = _means(rule, whole)
    alone = [_means(part, [g[k] for g in whole])[1] for k, part in enumerate(parts)]
    assert variance.sum() < sum(alone)  # each element's own maximum is larger
    assert rule.init(whole[0])["weight"].shape == ()


def test_variances_that_are_rounded_below_zero_count_as_zero():
    """Constant elements, of which some are, leave the choice to the one that varies."""
    constant, varying = torch.linspace(0.1, 1, 50, dtype=torch.float64), [1.0, 4.0, -3.0, 7.0]
    weights = []
    for beside in (constant, constant[:0]):
        rule = MaxVA((0.0, 0.99), scope="layer")
        gradients = [torch.cat([beside, torch.tensor([y], dtype=torch.float64)]) for y in varying]
        state = rule.init(gradients[0])
        for gradient in gradients:
            _, state = rule.update_tensor(gradient, state, gradient)
        weights.append(state["weight"])
    torch.testing.assert_close(*weights, rtol=1e-9, atol=0)


@pytest.mark.parametrize("low", [-0.1, 0.95, math.nan])
def test_bounds_that_contradict_each_other_are_refused(low):
    with pytest.raises(ValueError, match=r"beta_min must be in \[0, 0.9\], got"):
        MaxVA((0.0, 0.9), low)


def test_other_settings_out_of_range_are_named():
    for settings, named in (
        ({"betas": (0.0, 1.1)}, r"betas\[1\] must be in \[0, 1.0\], got 1.1"),
        ({"betas": (1.0, 0.9)}, r"betas\[0\]"),
        ({"scope": "global"}, "scope must be 'element' or 'layer'"),
        ({"eps": 0.0}, "eps"),
    ):
        with pytest.raises(ValueError, match=named):
            MaxVA(**settings)
