"""Fréchet distance: between the Gaussians that fit real and generated features.

    ‖μ_r − μ_f‖² + tr(Σ_r + Σ_f − 2 (Σ_r Σ_f)^½)

With Σ_r = A Aᵀ, the product under the root has the eigenvalues of the symmetric
Aᵀ Σ_f A: no complex numbers, and a tenth of the time.

Heusel et al. 2017, arXiv:1706.08500, whose features are Inception's.
"""

import torch

from paripassu.metrics.moments import Moments


def frechet_distance(real: Moments, fake: Moments) -> float:
    """Squared Fréchet distance between two Gaussians; FID if the features are Inception's.

    Args:
        real: of at least two features of real samples.
        fake: of at least two features of generated samples.

    Returns:
        Distance >= 0 in squared feature units. Biased upward for few samples: compare only runs with equal
        counts.

    Raises:
        ValueError: too few features, or from different networks.
    """
    for whose, moments in (("real", real), ("generated", fake)):
        if moments.count < 2:
            raise ValueError(f"a covariance needs two samples, got {moments.count} {whose}: pass more")
    if len(real.mean) != len(fake.mean):
        raise ValueError(
            f"real features have {len(real.mean)} dimensions and generated ones {len(fake.mean)}: "
            "pass both through the same network"
        )
    gap = real.mean - fake.mean
    spread_r, spread_f = real.covariance(), fake.covariance()
    values, vectors = torch.linalg.eigh(spread_r)
    root = vectors * values.clamp(min=0).sqrt()
    overlap = torch.linalg.eigvalsh(root.T @ spread_f @ root).clamp(min=0).sqrt().sum()
    # Rounding leaves the distance between equal sets at about -1e-13.
    return max(0.0, float(gap @ gap + spread_r.trace() + spread_f.trace() - 2 * overlap))
