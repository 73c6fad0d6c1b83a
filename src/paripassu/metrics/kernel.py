r"""Kernel distance: unbiased squared maximum mean discrepancy of features under KID's cubic kernel.

.. math:: k(x, y) = (\langle x, y \rangle / D + 1)^3

Bińkowski et al. 2018, arXiv:1801.01401, whose features are Inception's and who average over subsets; here
it is taken over all samples at once. The arithmetic is torchmetrics'.
"""

from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from paripassu.metrics.features import check_features


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Unbiased squared MMD; KID if the features are Inception's.

    Computed on the CPU in float64, whatever the features' device and dtype. Needs some ``40 N^2`` bytes:
    1 GB for 5,000 samples.

    Args:
        real: features ``[N, D]`` of real samples, N >= 2.
        fake: features ``[N, D]`` of as many generated samples.

    Returns:
        0 in expectation for equal distributions, so at times negative; its mean does not depend on N.

    Raises:
        ValueError: features that cannot be compared, unequal counts, or values that are not finite.
    """
    check_features(real, fake)
    # torchmetrics divides every term by the number of real samples.
    if len(real) != len(fake):
        raise ValueError(
            f"the kernel distance compares equal counts, got {len(real)} real and {len(fake)} fake features: "
            "drop the surplus"
        )
    return float(poly_mmd(real.detach().cpu().double(), fake.detach().cpu().double()))
