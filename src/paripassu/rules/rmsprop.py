"""RMSprop: Adam's magnitude without its momentum and bias corrections.

    vₜ = α vₜ₋₁ + (1 − α) gₜ²,    uₜ = gₜ / (√vₜ + ε)

Tieleman & Hinton 2012, Neural Networks for Machine Learning, Coursera, lecture 6.5; ε stands where torch
has it, outside the root.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from paripassu.rules.rule import State, TensorwiseRule
from paripassu.rules.settings import check_eps, check_fraction


@dataclass(frozen=True)
class RMSprop(TensorwiseRule):
    """``torch.optim.RMSprop``, not centred, without momentum.

    ``alpha == 0`` with a small ``eps`` is sign descent. With Adam's bias correction it is
    ``Adam(betas=(0.0, alpha))``.

    Args:
        alpha: decay rate of the second moment, in [0, 1).
        eps: finite and > 0, added to the root of the second moment, in units of the gradient.

    Raises:
        ValueError: ``alpha`` is not in [0, 1), or ``eps`` is not finite and > 0.

    Example:
        >>> import torch
        >>> rule, gradient = RMSprop(alpha=0.75), torch.tensor([3.0, -0.01])
        >>> rule.update_tensor(gradient, rule.init(gradient), torch.zeros(2))[0]
        tensor([ 2.0000, -2.0000])
    """

    numbers: ClassVar[tuple[str, ...]] = ("alpha", "eps")

    alpha: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        check_fraction("alpha", self.alpha)
        check_eps(self.eps)

    def init(self, tensor: Tensor) -> State:
        """A zero second moment."""
        return {"square_avg": torch.zeros_like(tensor)}

    def update_tensor(self, gradient: Tensor, state: State, _weight: Tensor, /) -> tuple[Tensor, State]:
        """``g / (sqrt(v) + eps)``, without a unit; the gradient's dtype must represent the squares."""
        v = self.alpha * state["square_avg"] + (1 - self.alpha) * gradient.square()
        return gradient / (v.sqrt() + self.eps), {"square_avg": v}
