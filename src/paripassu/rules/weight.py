"""The weights' own length, to be grafted: a step as a share of the weights, as LARS's and LAMB's.

    u = w max{‖w‖, f √n} / ‖w‖

for n elements, so that ``Graft(Weight(), rule)`` moves each tensor by the learning rate times its length:

    u = ‖w‖ u_R / ‖u_R‖

You et al. 2017, arXiv:1708.03888 (LARS, over SGD); You et al. 2020, arXiv:1904.00962 (LAMB, over Adam). The
floor f is a root mean square, as Adafactor's ε₂ (Shazeer & Stern 2018, arXiv:1804.04235).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.rules.rule import Rule, State
from paripassu.rules.scope import Scope, check_scope, multiply, norms, sizes_of, unit_lengths
from paripassu.rules.settings import check_positive

# The standard deviation of fresh weights in DCGAN (Radford et al. 2016, arXiv:1511.06434) and BERT.
FLOOR = 0.02


@dataclass(frozen=True)
class Weight(Rule):
    """The weights themselves, made longer where they are shorter than a floor. It sees no gradient.

    It is the magnitude of a graft. Alone it would only shrink weights. ``Graft(Weight(), SGD())`` has LARS's
    trust ratio, ``Graft(Weight(), Adam())`` LAMB's. Three things differ from the papers:

    - Weight decay is the optimizer's: it is added to the step. The papers add λ w to the update before its
      norm is taken, LARS with a norm of both apart.
    - The length is not clamped from above. LAMB allows φ(‖w‖), and implementations often clamp at 10.
    - Weights of zero, such as fresh biases, move as if they had the root mean square ``floor``.
      Implementations take the ratio 1 there: the bare update.

    LARS with momentum multiplies before the buffer, ``Graft(Weight(), SGD(momentum))`` after it.

    Args:
        floor: f, the least root mean square of the elements, finite and > 0, in the weights' units. The
            default is that of fresh weights in DCGAN. So a bias that starts at zero moves as far, an element,
            as the weights beside it do. Adafactor's is 1e-3.
        scope: over what lengths are taken: ``"layer"`` each tensor, ``"global"`` the player, ``"row"`` each
            slice along a tensor's first dimension. Give the graft the same.

    Raises:
        ValueError: a ``floor`` that is not finite and > 0, or no such ``scope``.

    Example:
        >>> import torch
        >>> from paripassu.rules import SGD, Graft
        >>> lars, gradient, weight = Graft(Weight(), SGD()), torch.tensor([3.0, -4.0]), torch.ones(2)
        >>> lars.update([gradient], [lars.init(weight)], [weight])[0]
        [tensor([ 0.8485, -1.1314])]
    """

    floor: float = FLOOR
    scope: Scope = "layer"

    def __post_init__(self) -> None:
        check_positive("floor", self.floor)
        check_scope(self.scope)

    def init(self, tensor: Tensor) -> State:
        """Nothing."""
        del tensor
        return {}

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """The weights with their length, or the floor's if that is longer; zeros become equal elements."""
        lengths = norms(weights, self.scope)
        floors = unit_lengths(sizes_of(weights, self.scope), self.scope, "rms")
        factors: list[Tensor] = []
        equal: list[Tensor] = []
        for length, ones, _ in zip(lengths, floors, gradients, strict=True):
            is_zero = length == 0
            least = length.clamp(min=self.floor * ones)
            factors.append(torch.where(is_zero, torch.ones_like(length), least / length))
            equal.append(is_zero * self.floor)
        pairs = zip(multiply(weights, factors), equal, strict=True)
        return [update + same.to(update.dtype) for update, same in pairs], list(states)
