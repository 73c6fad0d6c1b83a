r"""Fréchet distance: between the Gaussians that fit real and generated features.

.. math:: \lVert \mu_r - \mu_f \rVert^2 + \mathrm{tr}(\Sigma_r + \Sigma_f - 2 (\Sigma_r \Sigma_f)^{1/2})

Heusel et al. 2017, arXiv:1706.08500, whose features are Inception's; the arithmetic is torchmetrics'.
"""

from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from paripassu.metrics.features import check_features

# Rows converted to float64 at a time: 64 MiB of 2048-d features.
_ROWS = 4096


class _Given(nn.Module):
    """Stands where torchmetrics expects a feature network: the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """Squared Fréchet distance between two Gaussians; FID if the features are Inception's.

    Computed on the CPU in float64, whatever the features' device and dtype.

    Args:
        real: features ``[N, D]`` of real samples, N >= 2.
        fake: features ``[M, D]`` of generated samples, M >= 2.

    Returns:
        Distance >= 0 in squared feature units. Biased upward for few samples: compare only runs with equal
        counts.

    Raises:
        ValueError: features that cannot be compared, or that are not finite.
    """
    check_features(real, fake)
    # Its process alone measures: torchmetrics would wait for the others of a group.
    metric = FrechetInceptionDistance(_Given(real.shape[1]), sync_on_compute=False)
    for features, is_real in ((real, True), (fake, False)):
        for rows in features.detach().split(_ROWS):
            metric.update(rows.cpu().double(), real=is_real)
    # Rounding leaves the distance between equal sets at about -1e-13.
    return max(0.0, float(metric.compute()))
