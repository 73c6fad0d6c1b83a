from fractions import Fraction

import numpy as np
import pytest
import torch
from tests.oracles.distances import mmd_by_pairs

from paripassu.metrics import kernel_distance


def normals(seed, count, dimension):
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_is_the_unbiased_estimator_pair_by_pair():
    real, fake = normals(0, 23, 5), 0.5 * normals(1, 23, 5) + 1
    assert kernel_distance(real, fake) == pytest.approx(mmd_by_pairs(real.numpy(), fake.numpy()), rel=1e-12)


def test_of_two_samples_each_is_the_closed_form():
    """0 and 1 against 2 twice: k(0, 1) + k(2, 2) - k(0, 2) - k(1, 2), with k(x, y) = (xy + 1)^3."""
    real, fake = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [2.0]])
    assert kernel_distance(real, fake) == 1 + 125 - (1 + 27)


def test_is_zero_on_average_between_equal_distributions():
    """Unbiased: the 200 values scatter around 0 on both sides."""
    values = np.array([kernel_distance(normals(2 * s, 20, 3), normals(2 * s + 1, 20, 3)) for s in range(200)])
    assert values.min() < 0 < values.max()
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))


def test_neither_draws_from_nor_depends_on_the_global_generator():
    real, fake = normals(0, 30, 4), normals(1, 30, 4)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = kernel_distance(real, fake)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert kernel_distance(real, fake) == first


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (torch.zeros(5, 3), torch.zeros(4, 3), "equal counts, got 5 real and 4 fake"),
        (torch.zeros(5, 3), torch.zeros(5, 4), "same network"),
        (torch.zeros(5, 3), torch.full((5, 3), torch.inf), "NaN or inf"),
    ],
)
def test_features_that_cannot_be_compared_are_refused(real, fake, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(real, fake)


def exact(real, fake):
    """By the pair, in rational numbers."""
    real, fake = ([[Fraction(x) for x in row] for row in each.tolist()] for each in (real, fake))
    n, dimensions = len(real), len(real[0])

    def kernel(x, y):
        return (sum(a * b for a, b in zip(x, y, strict=True)) / dimensions + 1) ** 3

    within = sum(kernel(s[i], s[j]) for s in (real, fake) for i in range(n) for j in range(n) if i != j)
    between = sum(kernel(x, y) for x in real for y in fake)
    return float(within / (n * (n - 1)) - 2 * between / n**2)


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("gap", [0.0, 0.1])
def test_far_from_the_origin_is_as_exact_as_near_it(shift, gap):
    """The kernel is of order shift^6 there, the distance of order shift^4."""
    real, fake = normals(0, 12, 3) + shift, normals(1, 12, 3) + shift + gap
    assert kernel_distance(real, fake) == pytest.approx(exact(real, fake), rel=1e-9 if shift < 1e6 else 1e-7)


def test_blocks_of_rows_change_nothing(monkeypatch):
    real, fake = normals(0, 50, 3) + 2, normals(1, 50, 3)
    whole = kernel_distance(real, fake)
    monkeypatch.setattr("paripassu.metrics.mmd._ROWS", 7)
    assert kernel_distance(real, fake) == pytest.approx(whole, rel=1e-12)
