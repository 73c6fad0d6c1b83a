"""The deviation over a batch against closed forms, in float64."""

import math

import pytest
import torch

from paripassu.games import BatchDeviation, batch_deviation
from paripassu.games.deviation import deviation_gradient_norm


def _drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_two_samples_deviate_by_their_distance_over_root_two():
    a, b = _drawn(5), _drawn(5, seed=1)
    expected = (a - b).abs().mean() / math.sqrt(2)
    assert batch_deviation(torch.stack([a, b])).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("factor", [-3.0, 0.0, 0.25, 1e8])
def test_deviation_scales_with_the_samples(factor):
    z = _drawn(7, 2, 3)
    expected = abs(factor) * batch_deviation(z)
    assert batch_deviation(factor * z + 5).item() == pytest.approx(expected.item(), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10])
def test_half_at_each_end_deviates_most(n):
    """sqrt(n / (n - 1)), or sqrt((n + 1) / n) for odd n, where one end has a sample more."""
    ends = torch.ones(n, 3, dtype=torch.float64)
    ends[: n // 2] = -1
    most = math.sqrt((n + 1) / n if n % 2 else n / (n - 1))
    assert batch_deviation(ends).item() == pytest.approx(most, rel=1e-12)
    for seed in range(20):
        assert batch_deviation(_drawn(n, 3, seed=seed).clamp(-1, 1)) <= most


@pytest.mark.parametrize(("n", "shape"), [(2, (1,)), (5, (4,)), (16, (3, 6, 6))])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_gradient_has_one_length_whatever_the_samples(n, shape, scale):
    z = (scale * _drawn(n, *shape)).requires_grad_()
    batch_deviation(z).backward()
    positions = math.prod(shape)
    assert z.grad.norm().item() == pytest.approx(1 / math.sqrt(positions * (n - 1)), rel=1e-9)
    assert deviation_gradient_norm(n, positions) == pytest.approx(z.grad.norm().item(), rel=1e-9)
    own = z.detach()
    expected = (own - own.mean(dim=0)) / (positions * (n - 1) * own.std(dim=0))
    torch.testing.assert_close(z.grad, expected, rtol=1e-9, atol=0)


def test_equal_samples_have_no_gradient():
    z = torch.tensor([[1.0, 0.0], [1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    batch_deviation(z).backward()
    assert z.grad[:, 0].tolist() == [0.0, 0.0]
    assert z.grad[:, 1].tolist() == pytest.approx([-1 / math.sqrt(8), 1 / math.sqrt(8)])


@pytest.mark.parametrize("shape", [(1, 4), (0, 4), (4,), (4, 0)])
def test_a_batch_of_one_is_refused(shape):
    with pytest.raises(ValueError, match="at least two samples"):
        batch_deviation(torch.zeros(shape))


def test_terms_of_both_signs_are_opposite():
    z = _drawn(4, 3)
    raised, lowered = BatchDeviation(0.3), BatchDeviation(0.3, "min")
    assert raised(z).item() == pytest.approx(-0.3 * batch_deviation(z).item())
    assert raised(z) == -lowered(z)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_weights_out_of_range_are_refused(weight):
    with pytest.raises(ValueError, match="weight must be finite and > 0"):
        BatchDeviation(weight)


def test_another_sign_is_refused():
    with pytest.raises(ValueError, match="max or min"):
        BatchDeviation(1.0, "up")


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_show(broken):
    samples = torch.tensor([[0.0, 1.0], [broken, 3.0]], requires_grad=True)
    deviation = batch_deviation(samples)
    deviation.backward()
    assert deviation.isnan()
    assert samples.grad is not None
    assert samples.grad[:, 0].isnan().all()
