"""Modes captured, high-quality share and overlap on a mixture of Gaussians.

A sample is of high quality when it lies within three standard deviations of its nearest centre. With
s_k the share of all samples that are of high quality and nearest to mode k of K,

    overlap = Σ_k min(s_k, 1/K)

is 1 minus the total variation between the samples' histogram (the K modes and a bin for strays) and the
uniform one. It falls with lost modes, unequal modes and stray samples alike.

The first two after VEEGAN (Srivastava et al. 2017, arXiv:1705.07761) and PacGAN (Lin et al. 2018,
arXiv:1712.04086), who measure 2,500 samples.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_RADIUS_IN_STDS = 3.0


@dataclass(frozen=True)
class ModeCoverage:
    """How samples fall on a mixture's modes.

    The mixture itself scores below 1: in the plane ``exp(-4.5)`` = 1.1 % of its own samples are stray.

    Attributes:
        captured: modes with at least one high-quality sample, 0..K.
        high_quality: share of samples of high quality, in [0, 1].
        overlap: with the mixture's histogram over modes, in [0, 1].
    """

    captured: int
    high_quality: float
    overlap: float


def mode_coverage(samples: Tensor, centres: Tensor, std: float) -> ModeCoverage:
    """Count samples by mode.

    Args:
        samples: ``[N, 2]`` (any dimension will do); a sample that is not finite is stray.
        centres: ``[K, 2]``, equally likely modes.
        std: of each coordinate of a mode, > 0.

    Raises:
        ValueError: shapes that do not fit, no samples, centres that are not finite, or a std out of range.
    """
    are_points = samples.ndim == centres.ndim == 2 and samples.shape[1] == centres.shape[1]
    if not (are_points and len(samples) and len(centres)):
        raise ValueError(
            "samples and centres must be [N, 2] and [K, 2] with N >= 1 and K >= 1, "
            f"got {list(samples.shape)} and {list(centres.shape)}"
        )
    if not centres.isfinite().all():
        raise ValueError("centres hold NaN or inf: no sample would be near any mode")
    if not (std > 0 and math.isfinite(std)):
        raise ValueError(f"std must be finite and > 0, got {std}")
    # Not torch.cdist: it multiplies matrices, and float32 cancellation moves points by a hundredth.
    distances = (samples.detach().double()[:, None] - centres.double()).norm(dim=2)
    nearest = distances.min(dim=1)
    good = nearest.values <= _RADIUS_IN_STDS * std
    modes = len(centres)
    counts = torch.bincount(nearest.indices[good], minlength=modes)
    shares = counts.double() / len(samples)
    return ModeCoverage(
        captured=int((counts > 0).sum()),
        high_quality=float(shares.sum()),
        overlap=float(shares.clamp(max=1 / modes).sum()),
    )
