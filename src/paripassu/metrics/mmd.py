"""Kernel distance: unbiased squared maximum mean discrepancy of features under KID's cubic kernel.

    k(x, y) = (⟨x, y⟩ / D + 1)³

Bińkowski et al. 2018, arXiv:1801.01401, whose features are Inception's and who average over subsets; here
it is taken over all samples at once.
"""

import torch
from torch import Tensor

from paripassu.metrics.features import check_features

_ROWS = 1024  # kernels of as many samples with all others at a time: 80 MB for 10,000


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
    pairs = len(real) * (len(real) - 1)
    within = _total(real, real) - _own(real) + _total(fake, fake) - _own(fake)
    return float(within / pairs - 2 * _total(real, fake) / len(real) ** 2)


def _kernel(products: Tensor, dimensions: int) -> Tensor:
    return (products / dimensions + 1) ** 3


def _own(features: Tensor) -> Tensor:
    return _kernel(features.square().sum(dim=1), features.shape[1]).sum()


def _total(features: Tensor, others: Tensor) -> Tensor:
    parts = [_kernel(rows @ others.T, features.shape[1]).sum() for rows in features.split(_ROWS)]
    return torch.stack(parts).sum()
