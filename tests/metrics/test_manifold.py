"""Precision, recall, density and coverage: slow twin, closed forms, expectations, invariances."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from tests.oracles.manifold import manifold_by_loops

from paripassu.metrics import ManifoldScores, manifold_scores


def _normal(seed: int, count: int, dimension: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal((count, dimension)) + shift


@pytest.mark.parametrize("neighbours", [1, 3, 5])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.3, 0.0), (3.0, 1.0), (1.0, 20.0)])
def test_against_the_slow_twin(neighbours, scale, shift, monkeypatch):
    monkeypatch.setattr("paripassu.metrics.manifold._ROWS", 16)
    real, fake = _normal(0, 50, 4), _normal(1, 40, 4, scale, shift)
    ours = manifold_scores(torch.from_numpy(real), torch.from_numpy(fake), neighbours)
    assert asdict(ours) == pytest.approx(manifold_by_loops(real, fake, neighbours))


def test_a_set_and_itself():
    """Each ball holds its centre and k neighbours, so the density is (k + 1) / k."""
    points = torch.arange(100.0)[:, None] ** 2  # exact, and no two neighbours at one distance
    assert manifold_scores(points, points, 4) == ManifoldScores(1.0, 1.0, 5 / 4, 1.0)


def test_sets_far_apart():
    points = torch.from_numpy(_normal(0, 30, 3))
    assert manifold_scores(points, points + 1000) == ManifoldScores(0.0, 0.0, 0.0, 0.0)


def test_a_generator_of_one_mode_is_precise_and_covers_it_alone():
    """Two far modes; the fakes are the first's points: half of the reals have a ball with a fake in it."""
    mode = torch.arange(20.0)[:, None] ** 2
    real = torch.cat([mode, mode + 10**6])
    assert manifold_scores(real, mode, 3) == ManifoldScores(1.0, 0.5, 4 / 3, 0.5)


def test_a_far_fake_of_many_inflates_no_recall():
    """A fake outlier's ball is huge and takes in every real: recall's known weakness, density has it not."""
    real = torch.arange(10.0)[:, None]
    fake = torch.tensor([[-(10.0**6)], [10.0**6], [3 * 10.0**6]])
    scores = manifold_scores(real, fake, 1)
    assert (scores.recall, scores.precision, scores.density, scores.coverage) == (1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("neighbours", [1, 4])
def test_expectations_for_equal_distributions(neighbours):
    """Density 1 and the coverage of Naeem et al. 2020, Lemma 2, whatever the distribution."""
    n, m, repeats = 12, 9, 600
    points = [torch.from_numpy(_normal(i, n + m, 2)) for i in range(repeats)]
    scores = [manifold_scores(both[:n], both[n:], neighbours) for both in points]
    missed = math.prod((n - i) / (n + m - i) for i in range(1, neighbours + 1))
    assert np.mean([s.density for s in scores]) == pytest.approx(1, abs=0.05)
    assert np.mean([s.coverage for s in scores]) == pytest.approx(1 - missed, abs=0.02)


def test_similarities_change_nothing():
    real, fake = (torch.from_numpy(_normal(i, 60, 5)) for i in range(2))
    rotation, _ = torch.linalg.qr(torch.from_numpy(_normal(2, 5, 5)))
    moved = [7 * x @ rotation + 3 for x in (real, fake)]
    shuffled = [x[torch.randperm(60)] for x in (real, fake)]
    assert asdict(manifold_scores(*moved)) == pytest.approx(asdict(manifold_scores(real, fake)))
    assert asdict(manifold_scores(*shuffled)) == pytest.approx(asdict(manifold_scores(real, fake)))


@pytest.mark.parametrize("neighbours", [0, 5, 6])
def test_neighbours_out_of_range(neighbours):
    points = torch.randn(5, 2)
    with pytest.raises(ValueError, match=f"got {neighbours} for 5 real and 6 fake"):
        manifold_scores(points, torch.randn(6, 2), neighbours)


def test_features_that_cannot_be_compared():
    with pytest.raises(ValueError, match="dimensions"):
        manifold_scores(torch.randn(9, 2), torch.randn(9, 3))
    with pytest.raises(ValueError, match="NaN or inf"):
        manifold_scores(torch.full((9, 2), math.nan), torch.randn(9, 2))


def _doubled(seed: int, times: int) -> torch.Tensor:
    kinds = np.repeat(_normal(4, 30, 192), times, axis=0)
    return torch.from_numpy(kinds[np.random.default_rng(seed).permutation(len(kinds))])


@pytest.mark.parametrize("seed", range(5))
def test_repeated_points_are_at_distance_zero_in_any_order(seed):
    """Every fake is a real point, so that all are in a ball, if of radius 0."""
    scores = manifold_scores(_doubled(9, 10), _doubled(seed, 7))
    assert (scores.precision, scores.recall, scores.coverage) == (1.0, 1.0, 1.0)
    assert scores.density == 10 / 5


@pytest.mark.parametrize("dimension", [1, 3, 64, 192])
@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e-320, 1e40])
def test_a_set_and_itself_in_any_order_and_size(dimension, scale):
    points = scale * torch.from_numpy(_normal(0, 60, dimension))
    if scale == 1e-320:
        points = scale * torch.from_numpy(_normal(0, 60, dimension).round(2) * 100)  # few digits are left
    order = torch.from_numpy(np.random.default_rng(1).permutation(60))
    scores = manifold_scores(points, points[order])
    assert (scores.precision, scores.recall, scores.coverage) == (1.0, 1.0, 1.0)
    if scale != 1e-320:  # where points may lie on one another
        assert scores.density == 6 / 5


@pytest.mark.parametrize("shift", [1e6, 1e9])
def test_far_from_the_origin_is_as_near_it(shift):
    """On a lattice that doubles hold at both places."""
    real, fake = (torch.from_numpy((_normal(i, 80, 6) * 1024).round() / 1024) for i in range(2))
    assert manifold_scores(real + shift, fake + shift) == manifold_scores(real, fake)


def test_one_point_far_away_moves_no_other_ball():
    real, fake = (torch.from_numpy(_normal(i, 80, 6)) for i in range(2))
    far = torch.full((1, 6), 1e12, dtype=torch.float64)
    expected = manifold_by_loops(np.r_[real, far], fake.numpy(), 5)
    assert asdict(manifold_scores(torch.cat([real, far]), fake)) == pytest.approx(expected)


def test_two_far_clusters_are_each_as_if_alone():
    """No centre is near both: there distances are rounded to multiples of ten before they are taken again."""
    near, away = (torch.from_numpy((_normal(i, 40, 3) * 64).round() / 64) for i in range(2))
    far = torch.full((1, 3), 2.0**40, dtype=torch.float64)
    alone = manifold_scores(near, away, 3)
    both = manifold_scores(torch.cat([near, near + far]), torch.cat([away, away + far]), 3)
    assert asdict(both) == pytest.approx(asdict(alone))


def test_points_on_a_ball_belong_to_it():
    """A lattice has its neighbours at equal distances, whatever the rounding of a product of matrices."""
    side = torch.arange(6.0, dtype=torch.float64)
    lattice = torch.cartesian_prod(side, side) / 3 + 1000 / 3
    ours = manifold_scores(lattice, lattice[torch.randperm(36)], 4)
    assert asdict(ours) == pytest.approx(
        manifold_by_loops(3 * lattice.numpy().round(9), 3 * lattice.numpy().round(9), 4)
    )


def test_values_beyond_measure_are_refused():
    with pytest.raises(ValueError, match=r"fake features reach 1e\+60, and at most 1e\+45 is measured"):
        manifold_scores(torch.randn(9, 2), torch.full((9, 2), 1e60, dtype=torch.float64))
