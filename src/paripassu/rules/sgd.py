"""Gradient descent, optionally with (heavy-ball) momentum.

    bₜ = μ bₜ₋₁ + gₜ,    uₜ = bₜ

Polyak 1964, "Some methods of speeding up the convergence of iteration methods", USSR Computational
Mathematics and Mathematical Physics 4(5); as torch writes it, with the learning rate outside the buffer.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from paripassu.rules.rule import State, TensorwiseRule
from paripassu.rules.settings import check_fraction


@dataclass(frozen=True)
class SGD(TensorwiseRule):
    """The gradient, or its momentum buffer: ``torch.optim.SGD`` with no dampening.

    ``momentum=0`` is gradient descent, ``momentum > 0`` Polyak's heavy ball. In a two-player game with one
    such rule for each player it is SGDA.

    Args:
        momentum: μ in [0, 1); 0 keeps no state.

    Raises:
        ValueError: ``momentum`` is not in [0, 1).

    Example:
        >>> import torch
        >>> rule, gradient, weight = SGD(momentum=0.5), torch.tensor([2.0]), torch.zeros(1)
        >>> first, state = rule.update_tensor(gradient, rule.init(gradient), weight)
        >>> first, rule.update_tensor(gradient, state, weight)[0]
        (tensor([2.]), tensor([3.]))
    """

    numbers: ClassVar[tuple[str, ...]] = ("momentum",)

    momentum: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("momentum", self.momentum)

    def with_state(self, *, optional: bool) -> Self:
        """With or without a buffer."""
        return replace(self, momentum=0.5 if optional else 0.0)

    def init(self, tensor: Tensor) -> State:
        """Nothing, or a zero buffer of the tensor's shape."""
        return {"momentum_buffer": torch.zeros_like(tensor)} if self.momentum else {}

    def update_tensor(self, gradient: Tensor, state: State, _weight: Tensor, /) -> tuple[Tensor, State]:
        """``g``, or the new buffer; in units of the gradient.

        Without momentum a buffer in the state does not change, as in torch.
        """
        if not self.momentum:
            return gradient, state
        buffer = self.momentum * state["momentum_buffer"] + gradient
        return buffer, {"momentum_buffer": buffer}
