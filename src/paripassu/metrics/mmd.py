"""Kernel distance: unbiased squared maximum mean discrepancy of features under KID's cubic kernel.

    k(x, y) = (⟨x, y⟩ / D + 1)³

Bińkowski et al. 2018, arXiv:1801.01401, whose features are Inception's and who average over subsets; here
it is taken over all samples at once.

Terms of k that depend on one of x and y alone cancel in the distance. They are left out from the start, for
they may be larger than the rest by any factor. With x = c + u, y = c + v and

    s = ⟨c, c⟩ / D + 1,  p = ⟨c, u⟩ / D,  q = ⟨c, v⟩ / D,  r = ⟨u, v⟩ / D,

what is left is

    k − (s + p)³ − (s + q)³ + s³ = r³ + 3 r² (s + p + q) + 3 r (s + p + q)² + 3 p q (2 s + p + q).

The sums over all pairs of the last two terms are products of sums over samples. So only r² and r³ take a
pass over the pairs.
"""

import torch
from torch import Tensor

from paripassu.metrics.features import check_features, in_float64

_ROWS = 256  # kernels of as many samples with 2,500 others fit into a core's cache


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Unbiased squared MMD; KID if the features are Inception's.

    Computed in float64 on the features' device. Takes ``O(N^2 D)`` operations.

    Args:
        real: features ``[N, D]`` of real samples, N >= 2.
        fake: features ``[N, D]`` of as many generated samples.

    Returns:
        0 in expectation for equal distributions, so at times negative; its mean does not depend on N.

    Raises:
        ValueError: features that cannot be compared, unequal counts, or values that are not finite.
    """
    check_features(real, fake)
    if len(real) != len(fake):
        raise ValueError(
            f"the kernel distance compares equal counts, got {len(real)} real and {len(fake)} fake features: "
            "drop the surplus"
        )
    real, fake = in_float64(real), in_float64(fake)
    centre = torch.cat([real, fake]).mean(dim=0)
    real, fake = real - centre, fake - centre
    pairs = len(real) * (len(real) - 1)
    within = _total(real, real, centre, itself=True) + _total(fake, fake, centre, itself=True)
    return float(within / pairs - 2 * _total(real, fake, centre) / len(real) ** 2)


def _total(features: Tensor, others: Tensor, centre: Tensor, *, itself: bool = False) -> Tensor:
    """Sum of the kernel's two-sided terms over all pairs; without pairs of a sample and ``itself``."""
    dimensions = len(centre)
    s = centre @ centre / dimensions + 1
    p, q = features @ centre / dimensions, others @ centre / dimensions
    weights = torch.stack([torch.ones_like(q), q], dim=1)
    of_powers: list[Tensor] = []
    for start in range(0, len(features), _ROWS):
        rows = slice(start, start + _ROWS)
        r = features[rows] @ others.T / dimensions
        if itself:
            r.diagonal(start).zero_()
        squares = r * r
        by_row, by_row_and_q = (squares @ weights).T
        of_powers.append(squares.flatten() @ r.flatten() + 3 * ((s + p[rows]) @ by_row + by_row_and_q.sum()))
    a = s + p
    of_r = (
        (a * a @ features) @ others.sum(dim=0)
        + 2 * (a @ features) @ (q @ others)
        + features.sum(dim=0) @ (q * q @ others)
    ) / dimensions
    of_pq = 2 * s * p.sum() * q.sum() + (p @ p) * q.sum() + p.sum() * (q @ q)
    if itself:
        of_r = of_r - (a + q) ** 2 @ (features * features).sum(dim=1) / dimensions
        of_pq = of_pq - 2 * (p * p) @ (s + p)
    return torch.stack(of_powers).sum() + 3 * (of_r + of_pq)
