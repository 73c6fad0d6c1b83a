"""The weights' own length, to be grafted: LARS's and LAMB's trust ratios as a magnitude.

    u = w max{‖w‖, f} / ‖w‖

so that ``Graft(Weight(), rule)`` moves each tensor by the learning rate times its length:

    u = ‖w‖ u_R / ‖u_R‖

You et al. 2017, arXiv:1708.03888 (LARS, over SGD); You et al. 2020, arXiv:1904.00962 (LAMB, over Adam).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from paripassu.rules.rule import State, TensorwiseRule
from paripassu.rules.scope import multiply, norms
from paripassu.rules.settings import check_positive


@dataclass(frozen=True)
class Weight(TensorwiseRule):
    """The weights themselves, made longer where they are shorter than ``floor``. It sees no gradient.

    It is the magnitude of a graft. Alone it would only shrink weights. ``Graft(Weight(), SGD())`` has LARS's
    trust ratio, ``Graft(Weight(), Adam())`` LAMB's. Three things differ from the papers:

    - Weight decay is the optimizer's: it is added to the step. The papers add λ w to the update before its
      norm is taken, LARS with a norm of both apart.
    - The length is not clamped from above. LAMB allows φ(‖w‖), and implementations often clamp at 10.
    - Weights of zero, such as fresh biases, move as if their length were ``floor``. Implementations take the
      ratio 1 there: the bare update.

    LARS with momentum multiplies before the buffer, ``Graft(Weight(), SGD(momentum))`` after it.

    Args:
        floor: f, the least length of a tensor, finite and > 0, in the weights' units. 1e-3 is that of
            adaptive gradient clipping (Brock et al. 2021, arXiv:2102.06171).

    Raises:
        ValueError: a ``floor`` that is not finite and > 0.

    Example:
        >>> import torch
        >>> from paripassu.rules import SGD, Graft
        >>> lars, gradient, weight = Graft(Weight(), SGD()), torch.tensor([3.0, -4.0]), torch.ones(2)
        >>> lars.update([gradient], [lars.init(weight)], [weight])[0]
        [tensor([ 0.8485, -1.1314])]
    """

    numbers: ClassVar[tuple[str, ...]] = ("floor",)

    floor: float = 1e-3

    def __post_init__(self) -> None:
        check_positive("floor", self.floor)

    def init(self, tensor: Tensor) -> State:
        """Nothing."""
        del tensor
        return {}

    def update_tensor(self, _gradient: Tensor, state: State, weight: Tensor, /) -> tuple[Tensor, State]:
        """The weight with its length, or ``floor`` if that is longer; equal elements where it is zero."""
        (length,) = norms([weight], "layer")
        is_zero = length == 0
        factor = torch.where(is_zero, torch.ones_like(length), length.clamp(min=self.floor) / length)
        equal = is_zero.to(length.dtype) * (self.floor / math.sqrt(max(weight.numel(), 1)))
        return multiply([weight], [factor])[0] + equal.to(weight.dtype), state
