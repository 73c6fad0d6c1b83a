"""Drawn starts have the distribution of full ones; given starts keep their inner products."""

import numpy as np
import pytest
from scipy import stats

from paripassu.theory import Framework
from paripassu.theory.collapse.reduction import draw_start, reduce_start

SMALL = Framework(d=12, n_discriminator=3, n_generator=2)
DRAWS = 4000


def _gram(W, V):
    weights = np.vstack([W, V])
    return np.concatenate([(weights @ weights.T)[np.triu_indices(5)], weights[:, :2].ravel()])


@pytest.fixture(scope="module")
def drawn_and_full():
    rng = np.random.default_rng(0)
    drawn = [_gram(*draw_start(SMALL, seed)) for seed in range(DRAWS)]
    full = [_gram(rng.normal(0, 12**-0.5, (3, 12)), rng.normal(0, 1 / 12, (2, 12))) for _ in range(DRAWS)]
    return np.array(drawn), np.array(full)


def test_gram_matrices_have_their_moments(drawn_and_full):
    drawn, _ = drawn_and_full
    expected = np.concatenate([np.diag([1, 1, 1, 1 / 12, 1 / 12])[np.triu_indices(5)], np.zeros(10)])
    error = drawn.std(axis=0) / np.sqrt(DRAWS)
    assert (np.abs(drawn.mean(axis=0) - expected) < 4.5 * error).all()


def test_every_inner_product_is_distributed_as_in_full_dimension(drawn_and_full):
    """Kolmogorov-Smirnov, 25 comparisons at a fixed seed."""
    pvalues = [stats.ks_2samp(a, b).pvalue for a, b in zip(*(x.T for x in drawn_and_full), strict=True)]
    assert min(pvalues) > 0.001 / 25 * 10
    assert np.median(pvalues) > 0.1


def test_joint_distribution_shows_in_the_determinant(drawn_and_full):
    """A wrong triangle could keep each entry's law: the volume spanned sees all entries at once."""

    def volumes(grams):
        matrices = np.zeros((len(grams), 5, 5))
        matrices[:, *np.triu_indices(5)] = grams[:, :15]
        return np.linalg.det(matrices + np.triu(matrices.transpose(0, 2, 1).swapaxes(1, 2), 1).swapaxes(1, 2))

    assert stats.ks_2samp(*(volumes(x) for x in drawn_and_full)).pvalue > 0.001


@pytest.mark.parametrize("d", [20, 10**3, 10**9])
def test_starts_have_their_size_at_any_dimension(d):
    W, V = draw_start(Framework(d=d), 0)
    assert W.shape == (10, 20)
    assert np.linalg.norm(W) == pytest.approx(np.sqrt(10), rel=0.5 if d < 100 else 0.1)
    assert np.linalg.norm(V) == pytest.approx(np.sqrt(8 / d), rel=0.5 if d < 100 else 0.1)


def test_a_given_start_keeps_every_inner_product():
    rng = np.random.default_rng(1)
    W, V = rng.standard_normal((3, 12)), rng.standard_normal((2, 12))
    assert _gram(*reduce_start(SMALL, W, V)) == pytest.approx(_gram(W, V), rel=1e-12, abs=1e-12)
