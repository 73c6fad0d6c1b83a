"""Precision, recall, density and coverage: how two sets of features lie in each other's neighbourhoods.

Each sample has a ball that reaches to its k-th nearest neighbour in its own set, the boundary included.
*Precision* is the share of generated samples in some real ball, *recall* the share of real samples in some
generated ball. *Density* counts, for each generated sample, the real balls around it, over k; *coverage* is
the share of real balls with a generated sample in them.

For N real and M generated samples of one distribution the expected density is 1 and the expected coverage
1 − Π (N − i) / (N + M − i) over i = 1 … k; precision and recall have no such reference.

Kynkäänniemi et al. 2019, arXiv:1904.06991 (precision, recall; there k = 3); Naeem et al. 2020,
arXiv:2002.09797 (density, coverage).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.metrics.features import check_features

_ROWS = 1024  # distances of as many samples to all others at a time


@dataclass(frozen=True)
class ManifoldScores:
    """How generated samples lie among real ones.

    Attributes:
        precision: in [0, 1]; 1 where every generated sample looks like some real one.
        recall: in [0, 1]; 1 where every real sample looks like some generated one.
        density: at least 0; above 1 where generated samples crowd where real ones are.
        coverage: in [0, 1]; 1 where every real sample has a generated one near it.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(real: Tensor, fake: Tensor, neighbours: int = 5) -> ManifoldScores:
    """Precision, recall, density and coverage, in float64 on the features' device.

    All depend on the counts: compare only runs with equal ones. Takes ``O((N + M)^2 D)`` operations.

    Args:
        real: features ``[N, D]`` of real samples, N > ``neighbours``.
        fake: features ``[M, D]`` of generated samples, M > ``neighbours``.
        neighbours: k, >= 1.

    Raises:
        ValueError: features that cannot be compared or are not finite, or too few for ``neighbours``.
    """
    check_features(real, fake)
    if not 1 <= neighbours < min(len(real), len(fake)):
        raise ValueError(
            f"neighbours must be >= 1 and below the number of samples, got {neighbours} for {len(real)} real "
            f"and {len(fake)} fake ones"
        )
    real, fake = real.detach().double(), fake.detach().double()
    radii, fake_radii = _radii(real, neighbours), _radii(fake, neighbours)
    around = torch.zeros(len(fake), dtype=torch.long, device=fake.device)  # real balls around each fake
    recalled, covered = [], []
    for rows, reach in zip(real.split(_ROWS), radii.split(_ROWS), strict=True):
        distances = torch.cdist(rows, fake)
        inside = distances <= reach[:, None]
        around += inside.sum(dim=0)
        covered.append(inside.any(dim=1))
        recalled.append((distances <= fake_radii).any(dim=1))
    return ManifoldScores(
        precision=float((around > 0).double().mean()),
        recall=float(torch.cat(recalled).double().mean()),
        density=float(around.double().mean() / neighbours),
        coverage=float(torch.cat(covered).double().mean()),
    )


def _radii(features: Tensor, neighbours: int) -> Tensor:
    reached: list[Tensor] = []
    for start in range(0, len(features), _ROWS):
        distances = torch.cdist(features[start : start + _ROWS], features)
        own = torch.arange(len(distances), device=features.device)
        distances[own, start + own] = torch.inf  # nobody is their own neighbour
        reached.append(distances.kthvalue(neighbours, dim=1).values)
    return torch.cat(reached)
