import pytest
import torch
from tests.oracles.distances import frechet_by_sqrtm
from torchmetrics.image.fid import FrechetInceptionDistance

from paripassu.metrics import Moments
from paripassu.metrics import frechet_distance as between_moments


def normals(seed, count, dimension):
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def frechet_distance(real, fake):
    return between_moments(Moments.of(real), Moments.of(fake))


def with_moments(mean, stds, seed, count=50):
    """Samples whose own mean and covariance are exactly ``mean`` and ``diag(stds^2)``."""
    centred = normals(seed, count, len(mean))
    centred = centred - centred.mean(dim=0)
    white = torch.linalg.qr(centred).Q * (count - 1) ** 0.5
    return white * torch.tensor(stds, dtype=torch.float64) + torch.tensor(mean, dtype=torch.float64)


def test_between_gaussians_with_commuting_covariances_is_the_closed_form():
    """|mean gap|^2 + sum (std gap)^2: 1 + 4 + 9 for the means, 1 + 4 + 0 for the spreads."""
    real = with_moments([0.0, 0.0, 0.0], [1.0, 3.0, 0.5], seed=0)
    fake = with_moments([1.0, -2.0, 3.0], [2.0, 1.0, 0.5], seed=1)
    assert frechet_distance(real, fake) == pytest.approx(14 + 5, rel=1e-10)


def test_is_heusels_formula_with_the_matrix_root():
    real, fake = normals(0, 200, 6), normals(1, 300, 6) @ normals(2, 6, 6) + 0.3
    assert frechet_distance(real, fake) == pytest.approx(
        frechet_by_sqrtm(real.numpy(), fake.numpy()), rel=1e-9
    )


def test_more_rows_than_are_converted_at_once_change_nothing():
    """5,000 rows go in two parts."""
    real, fake = normals(0, 5000, 2), 2 * normals(1, 5000, 2)
    assert frechet_distance(real, fake) == pytest.approx(
        frechet_by_sqrtm(real.numpy(), fake.numpy()), rel=1e-9
    )


def test_is_torchmetrics_on_real_features():
    """Their eigenvalues of a product are ours of a symmetric matrix; also where there are fewer than D."""

    class Given(torch.nn.Module):
        num_features = 32

        def forward(self, features):
            return features

    for count in (20, 400):
        real, fake = normals(0, count, 32) @ normals(1, 32, 32), normals(2, count, 32) + 0.1
        theirs = FrechetInceptionDistance(Given()).set_dtype(torch.float64)
        theirs.update(real, real=True)
        theirs.update(fake, real=False)
        assert frechet_distance(real, fake) == pytest.approx(float(theirs.compute()), rel=1e-6)


def test_batches_of_any_size_add_up():
    features = normals(0, 1000, 5) + 3
    moments = Moments.of(features[:1])
    for part in features[1:].split(333):
        moments.add(part.float().double())
    assert moments.count == 1000
    assert torch.allclose(moments.mean, features.mean(dim=0))
    assert torch.allclose(moments.covariance(), features.T.cov())


def test_of_features_on_themselves_is_zero_and_never_negative():
    for seed in range(10):
        real = normals(seed, 40, 5)
        assert 0 <= frechet_distance(real, real) < 1e-9


def test_survives_features_that_never_vary():
    """The covariances are singular then, as for the pixels at the border of digits."""
    real = with_moments([0.0, 1.0, 0.0, 2.0], [1.0, 0.0, 2.0, 0.0], seed=0)
    fake = with_moments([0.0, 1.0, 0.0, 1.0], [3.0, 0.0, 0.0, 0.0], seed=1)
    assert frechet_distance(real, fake) == pytest.approx(1 + 4 + 0 + 4, rel=1e-7)


def test_does_not_depend_on_the_order_of_samples_or_on_rotation():
    real, fake, rotation = normals(0, 60, 4), 2 * normals(1, 60, 4), torch.linalg.qr(normals(2, 4, 4)).Q
    distance = frechet_distance(real, fake)
    assert frechet_distance(real.flip(0), fake.roll(7, 0)) == pytest.approx(distance, rel=1e-10)
    assert frechet_distance(real @ rotation, fake @ rotation) == pytest.approx(distance, rel=1e-10)
    assert frechet_distance(fake, real) == pytest.approx(distance, rel=1e-10)


def test_float32_features_are_accumulated_in_float64():
    real, fake = (normals(0, 1000, 3) + 100).float(), (normals(1, 1000, 3) + 100).float()
    expected = frechet_by_sqrtm(real.double().numpy(), fake.double().numpy())
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (torch.zeros(5, 3), torch.zeros(5, 4), "same network"),
        (torch.zeros(1, 3), torch.zeros(5, 3), "a covariance needs two samples, got 1 real"),
        (torch.zeros(5, 3), torch.zeros(5), r"features must be \[N, D\], got \[5\]"),
        (torch.zeros(5, 3), torch.full((5, 3), torch.nan), "features hold NaN or inf"),
    ],
)
def test_features_that_cannot_be_compared_are_refused(real, fake, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(real, fake)


@pytest.mark.parametrize(("shift", "precision"), [(1e6, 1e-9), (1e9, 1e-6)])  # a mean there has 16 digits too
def test_far_from_the_origin_is_as_near_it(shift, precision):
    """On a lattice that doubles hold at both places, in parts of any size."""
    real, fake = ((1024 * normals(i, 300, 4)).round() / 1024 for i in range(2))
    near = between_moments(Moments.of(real), Moments.of(fake))
    far = Moments.of(real[:7] + shift)
    for part in real[7:].split(50):
        far.add(part + shift)
    far.add(real[:0])
    assert between_moments(far, Moments.of(fake + shift)) == pytest.approx(near, rel=precision)


@pytest.mark.parametrize("more", [torch.zeros(3, 1), torch.zeros(4)])
def test_more_features_of_another_shape_are_refused(more):
    moments = Moments.of(normals(0, 9, 4))
    with pytest.raises(ValueError, match=r"features must be \[N, 4\], got \["):
        moments.add(more)
    assert moments.count == 9


def test_values_beyond_measure_are_refused():
    with pytest.raises(ValueError, match=r"features reach 1e\+60, and at most 1e\+45"):
        Moments.of(torch.full((5, 2), 1e60, dtype=torch.float64))
    assert frechet_distance(1e-200 * normals(0, 9, 2), 1e-200 * normals(1, 9, 2)) == 0
