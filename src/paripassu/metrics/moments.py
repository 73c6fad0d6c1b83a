"""Mean and covariance of features that pass by in batches: any number, in the memory of one matrix.

Products are taken of distances from the mean so far, so that features far from the origin lose no digits:
Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance".
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.metrics.features import check_finite, in_float64

# Rows converted to float64 at a time: 64 MiB of 2048-d features.
_ROWS = 4096


@dataclass
class Moments:
    """What a Gaussian fit needs, on the CPU in float64; the work is done where the features are.

    Attributes:
        count: features so far.
        mean: of them, ``[D]``; zeros of none.
        products: the sum of the outer products of their distances from the mean, ``[D, D]``.

    Example:
        >>> moments = Moments.of(torch.tensor([[1e9], [1e9 + 2]], dtype=torch.float64))
        >>> moments.mean.item() - 1e9, moments.covariance().item()
        (1.0, 2.0)
    """

    count: int
    mean: Tensor
    products: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """Of features ``[N, D]``.

        Raises:
            ValueError: another shape, or a value that is not finite or too large to be squared.
        """
        if features.ndim != 2:
            raise ValueError(f"features must be [N, D], got {list(features.shape)}")
        zeros = torch.zeros(features.shape[1], dtype=torch.float64)
        moments = cls(0, zeros, zeros.outer(zeros))
        moments.add(features)
        return moments

    def add(self, features: Tensor) -> None:
        """Take ``[N, D]`` more; raises as `of`."""
        if features.shape[1:] != self.mean.shape:
            raise ValueError(f"features must be [N, {len(self.mean)}], got {list(features.shape)}")
        check_finite(features)
        for part in features.split(_ROWS):
            if not len(part):
                continue
            rows = in_float64(part)
            # Twice: the mean of numbers far from 0 is itself rounded.
            mean = rows.mean(dim=0)
            mean = mean + (rows - mean).mean(dim=0)
            centred = rows - mean
            self.products += (centred.T @ centred).cpu()
            gap, count = mean.cpu() - self.mean, self.count + len(rows)
            self.products += gap.outer(gap) * (self.count * len(rows) / count)
            self.mean = self.mean + gap * (len(rows) / count)
            self.count = count

    def covariance(self) -> Tensor:
        """``[D, D]``, unbiased, of at least two."""
        return self.products / (self.count - 1)
