"""Slow float64 twins of the distances between feature sets, from their definitions."""

import numpy as np
from scipy.linalg import sqrtm


def frechet_by_sqrtm(real, fake):
    """Heusel et al. 2017, Eq. 6, with the matrix square root it writes."""
    mean_gap = real.mean(axis=0) - fake.mean(axis=0)
    cov_r, cov_f = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    return mean_gap @ mean_gap + np.trace(cov_r + cov_f - 2 * sqrtm(cov_r @ cov_f).real)


def mmd_by_pairs(real, fake):
    """Gretton et al. 2012, Eq. 3, pair by pair, under KID's kernel."""

    def kernel(x, y):
        return (x @ y / len(x) + 1) ** 3

    n, m = len(real), len(fake)
    within_real = sum(kernel(real[i], real[j]) for i in range(n) for j in range(n) if i != j)
    within_fake = sum(kernel(fake[i], fake[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(kernel(x, y) for x in real for y in fake)
    return within_real / (n * (n - 1)) + within_fake / (m * (m - 1)) - 2 * across / (n * m)
