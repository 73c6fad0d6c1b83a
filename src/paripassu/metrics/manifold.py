"""Precision, recall, density and coverage: how two sets of features lie in each other's neighbourhoods.

Each sample has a ball that reaches to its k-th nearest neighbour in its own set, the boundary included.
*Precision* is the share of generated samples in some real ball, *recall* the share of real samples in some
generated ball. *Density* counts, for each generated sample, the real balls around it, over k; *coverage* is
the share of real balls with a generated sample in them.

For N real and M generated samples of one distribution the expected density is 1 and the expected coverage
1 − Π (N − i) / (N + M − i) over i = 1 … k; precision and recall have no such reference.

Kynkäänniemi et al. 2019, arXiv:1904.06991 (precision, recall; there k = 3); Naeem et al. 2020,
arXiv:2002.09797 (density, coverage).

Distances come from a product of matrices, whose rounding grows with the distance from the origin. Those that
are within that rounding of a ball's boundary, or inside it, are taken again, coordinate by coordinate: equal
rows are then at distance 0, and a boundary point is on its boundary.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.metrics.features import check_features, in_float64

_ROWS = 1024  # distances of as many samples to all others at a time
_NUMBERS = 2**22  # coordinates of pairs of samples at a time
_ROUNDING = 2.0**-48  # of a squared distance in float64, over the squared norms and the root of the dimension


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
    real, fake = _scaled(in_float64(real), in_float64(fake))
    around = torch.zeros(len(fake), dtype=torch.long, device=fake.device)  # real balls around each fake
    recalled = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    covered: list[Tensor] = []
    for inside in _balls(real, fake, neighbours):
        around += inside.sum(dim=0)
        covered.append(inside.any(dim=1))
    for inside in _balls(fake, real, neighbours):
        recalled |= inside.any(dim=0)
    return ManifoldScores(
        precision=float((around > 0).double().mean()),
        recall=float(recalled.double().mean()),
        density=float(around.double().mean() / neighbours),
        coverage=float(torch.cat(covered).double().mean()),
    )


def _scaled(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets around the origin, and of a size whose squares are numbers; no neighbourhood changes."""
    centre = real.median(dim=0).values  # a few samples far away do not move it
    real, fake = real - centre, fake - centre
    largest = max(real.abs().max().item(), fake.abs().max().item())
    scale = 2.0 ** min(1000, -math.frexp(largest)[1])  # powers of two round nothing
    return scale * real, scale * fake


def _balls(centres: Tensor, others: Tensor, neighbours: int) -> Iterator[Tensor]:
    """Which of ``others`` lie in the ball of each centre, ``[rows, M]``, block by block."""
    for start in range(0, len(centres), _ROWS):
        rows = centres[start : start + _ROWS]
        own = torch.arange(len(rows), device=rows.device)
        squares, slack = _squares(rows, centres)
        squares[own, start + own] = torch.inf  # nobody is their own neighbour
        reach = squares.kthvalue(neighbours, dim=1, keepdim=True).values
        radii = _again(rows, centres, squares <= reach + 2 * slack)
        radii[own, start + own] = torch.inf
        radius = radii.kthvalue(neighbours, dim=1, keepdim=True).values
        squares, slack = _squares(rows, others)
        yield _again(rows, others, squares <= radius + slack) <= radius


def _squares(rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances ``[rows, others]``, and by how much each may be wrong."""
    of_rows, of_others = rows.square().sum(dim=1, keepdim=True), others.square().sum(dim=1)
    slack = (of_rows + of_others) * (_ROUNDING * rows.shape[1] ** 0.5)
    return (of_rows + of_others).addmm_(rows, others.T, alpha=-2), slack


def _again(rows: Tensor, others: Tensor, chosen: Tensor) -> Tensor:
    """Squared distances of the chosen pairs, from differences of coordinates; infinity elsewhere."""
    squares = torch.full(chosen.shape, torch.inf, dtype=rows.dtype, device=rows.device)
    for pairs in chosen.nonzero().split(max(1, _NUMBERS // rows.shape[1])):
        i, j = pairs.unbind(dim=1)
        squares[i, j] = (rows[i] - others[j]).square_().sum(dim=1)
    return squares
