"""Mean and covariance of features that pass by in batches: any number, in the memory of one matrix."""

from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.metrics.features import check_finite

# Rows converted to float64 at a time: 64 MiB of 2048-d features.
_ROWS = 4096


@dataclass
class Moments:
    """What a Gaussian fit needs, on the CPU in float64 whatever the features' device and dtype.

    Attributes:
        count: features so far.
        total: their sum, ``[D]``.
        products: the sum of their outer products, ``[D, D]``.
    """

    count: int
    total: Tensor
    products: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """Of features ``[N, D]``.

        Raises:
            ValueError: another shape, or a value that is not finite.
        """
        if features.ndim != 2:
            raise ValueError(f"features must be [N, D], got {list(features.shape)}")
        zeros = torch.zeros(features.shape[1], dtype=torch.float64)
        moments = cls(0, zeros, zeros.outer(zeros))
        moments.add(features)
        return moments

    def add(self, features: Tensor) -> None:
        """Take ``[N, D]`` more."""
        check_finite(features)
        for part in features.detach().split(_ROWS):
            rows = part.cpu().double()
            self.count += len(rows)
            self.total += rows.sum(dim=0)
            self.products.addmm_(rows.T, rows)

    def mean(self) -> Tensor:
        """``[D]``, of at least one feature."""
        return self.total / self.count

    def covariance(self) -> Tensor:
        """``[D, D]``, unbiased, of at least two."""
        mean = self.mean()
        return (self.products - self.count * mean.outer(mean)) / (self.count - 1)
