r"""Deviation over a batch: how different a batch's samples are, as a term of a loss.

.. math:: R(z) = \frac1P \sum_p s_p(z), \qquad s_p^2 = \frac{1}{n-1} \sum_i (z_{ip} - \bar z_p)^2

Its gradient is :math:`(z_{ip} - \bar z_p) / (P (n-1) s_p)`. The gradient's norm is
:math:`1/\sqrt{P (n-1)}` wherever no :math:`s_p` is 0, so a weight has the unit of a step.

The "variance regulariser" of LD-GAN (arXiv:2305.00132), as its authors' code has it.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from paripassu.games.penalties import check_weight

Variance = Literal["max", "min"]


def batch_deviation(z: Tensor) -> Tensor:
    """Mean over positions of the standard deviation over the batch, with Bessel's correction.

    Args:
        z: ``[n, ...]``, n >= 2.

    Returns:
        ``[]``, in the unit of z. A position whose deviation is 0 contributes a gradient of 0. NaN for samples
        that hold NaN or inf.

    Raises:
        ValueError: fewer than two samples, or samples without a number.

    Example:
        >>> round(batch_deviation(torch.tensor([[1.0], [3.0]])).item(), 4)
        1.4142
    """
    if z.ndim < 2 or len(z) < 2 or not z[0].numel():
        raise ValueError(
            f"a deviation over the batch needs at least two samples [n, ...], got {list(z.shape)}: "
            "raise the batch"
        )
    variance = z.var(dim=0)
    # The root's slope at 0 is infinite, so a position without deviation takes another branch.
    spread = variance != 0
    return torch.where(spread, torch.where(spread, variance, 1.0).sqrt(), 0.0).mean()


def deviation_gradient_norm(n: int, positions: int) -> float:
    """Norm of `batch_deviation`'s gradient, whatever the samples.

    Example:
        >>> deviation_gradient_norm(5, 100)
        0.05
    """
    return 1 / math.sqrt(positions * (n - 1))


@dataclass(frozen=True)
class BatchDeviation:
    """A term that raises or lowers the deviation of a batch, for a generator or an autoencoder.

    Args:
        weight: its factor, > 0.
        variance: ``"max"`` subtracts the deviation from the loss, ``"min"`` adds it. The paper's text leaves
            the sign for the autoencoder open; for the generator its code has ``"max"``.

    Raises:
        ValueError: a weight that is not finite and > 0, or another word.

    Example:
        >>> round(BatchDeviation(0.5)(torch.tensor([[0.0], [2.0]])).item(), 4)
        -0.7071
    """

    weight: float = 1e-3
    variance: Variance = "max"

    def __post_init__(self) -> None:
        check_weight("weight", self.weight)
        if self.variance not in get_args(Variance):
            raise ValueError(f"variance must be max or min, got {self.variance!r}")

    def __call__(self, z: Tensor) -> Tensor:
        """The weighted term ``[]`` of samples ``[n, ...]``, to be added to a loss."""
        return (-self.weight if self.variance == "max" else self.weight) * batch_deviation(z)
