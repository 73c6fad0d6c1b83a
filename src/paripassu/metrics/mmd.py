"""Kernel distance: unbiased squared maximum mean discrepancy of features under KID's cubic kernel.

    k(x, y) = (⟨x, y⟩ / D + 1)³

Bińkowski et al. 2018, arXiv:1801.01401, whose features are Inception's and who average over subsets; here
it is taken over all samples at once.

Terms of k that depend on one of x and y alone cancel in the distance. They are left out from the start, for
they may be larger than the rest by any factor. With x = c + u, y = c + v and

    s = ⟨c, c⟩ / D + 1,  p = ⟨c, u⟩ / D,  q = ⟨c, v⟩ / D,  r = ⟨u, v⟩ / D,

what is left is

    k − (s + p)³ − (s + q)³ + s³ = r (3 a² + 3 a t + t²) + q (3 p (2 s + p) + 3 (p q + a r) + r (2 q + r))

where a = s + p and t = q + r.
"""

import torch
from torch import Tensor

from paripassu.metrics.features import check_features

_ROWS = 64  # kernels of as many samples with 2,500 others fit a core's cache: half the time of 1024


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Unbiased squared MMD; KID if the features are Inception's.

    Computed on the CPU in float64, whatever the features' device and dtype. Takes ``O(N^2 D)`` operations.

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
    real, fake = real.detach().cpu().double(), fake.detach().cpu().double()
    centre = torch.cat([real, fake]).mean(dim=0)
    real, fake = real - centre, fake - centre
    pairs = len(real) * (len(real) - 1)
    within = _total(real, real, centre, itself=True) + _total(fake, fake, centre, itself=True)
    return float(within / pairs - 2 * _total(real, fake, centre) / len(real) ** 2)


def _total(features: Tensor, others: Tensor, centre: Tensor, *, itself: bool = False) -> Tensor:
    """Sum of the kernel's two-sided terms over all pairs; without pairs of a sample and ``itself``."""
    dimensions = len(centre)
    s = centre @ centre / dimensions + 1
    ahead, beside = features @ centre / dimensions, others @ centre / dimensions
    totals: list[Tensor] = []
    for start in range(0, len(features), _ROWS):
        rows = slice(start, start + _ROWS)
        p, q, r = ahead[rows, None], beside, features[rows] @ others.T / dimensions
        a, t = s + p, q + r
        kernel = r * (3 * a * (a + t) + t * t) + q * (3 * (p * (2 * s + p + q) + a * r) + r * (q + t))
        if itself:
            kernel.diagonal(start).zero_()
        totals.append(kernel.sum())
    return torch.stack(totals).sum()
