"""Adam's update, with bias correction.

    mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ,    vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
    uₜ = mₜ / (1 − β₁ᵗ) / (√(vₜ / (1 − β₂ᵗ)) + ε)

Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from paripassu.rules.rule import State, TensorwiseRule
from paripassu.rules.settings import check_eps, check_fraction, two_betas


@dataclass(frozen=True)
class Adam(TensorwiseRule):
    """``torch.optim.Adam`` without weight decay.

    ``betas[0] == 0`` is RMSprop with a bias correction, as GANs often use it. ``betas == (0, 0)`` with a
    small ``eps`` is sign descent.

    Args:
        betas: decay rates in [0, 1) of the first and second moment; GANs use ``(0.0, 0.9)`` or
            ``(0.5, 0.999)``. With ``betas[0] == 0`` the first moment is the gradient, and no state stores it.
        eps: finite and > 0, added to the root of the second moment, in units of the gradient.

    Raises:
        ValueError: not two ``betas``, one of them outside [0, 1), or an ``eps`` that is not finite and > 0.

    Example:
        The first update is the gradient's sign.

        >>> import torch
        >>> rule, gradient = Adam(), torch.tensor([3.0, -0.01])
        >>> rule.update_tensor(gradient, rule.init(gradient), torch.zeros(2))[0]
        tensor([ 1.0000, -1.0000])
    """

    numbers: ClassVar[tuple[str, ...]] = ("betas", "eps")

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", two_betas(self.betas))
        for index, beta in enumerate(self.betas):
            check_fraction(f"betas[{index}]", beta)
        check_eps(self.eps)

    def with_state(self, *, optional: bool) -> Self:
        """With or without a first moment."""
        return replace(self, betas=(0.5 if optional else 0.0, self.betas[1]))

    def complete(self, state: State, gradient: Tensor) -> State:
        """A first moment that begins late is the gradient, as if all gradients before had been equal to it.

        From zero it would be too small for 1 / (1 - β₁) steps: the step count corrects only a first moment
        that began with it.
        """
        late = {"exp_avg": gradient.clone()} if self.betas[0] and state else {}
        return self.init(gradient) | late | state

    def init(self, tensor: Tensor) -> State:
        """A step count and the zero moments that the settings need."""
        # On the CPU bias corrections cost nothing. A CUDA graph can advance only what is on its device.
        state: State = {
            "step": torch.zeros((), dtype=torch.float32, device=tensor.device if tensor.is_cuda else "cpu"),
            "exp_avg_sq": torch.zeros_like(tensor),
        }
        if self.betas[0]:
            state["exp_avg"] = torch.zeros_like(tensor)
        return state

    def update_tensor(self, gradient: Tensor, state: State, _weight: Tensor, /) -> tuple[Tensor, State]:
        """Algorithm 1 of the paper for one tensor.

        The update has no unit: scaling all gradients changes it only through ``eps``. The gradient's dtype
        must represent the squares: in float32, elements between about 1e-19 and 1e19 in size. With
        ``betas[0] == 0`` a first moment in the state becomes the gradient, as in torch.
        """
        b1, b2 = self.betas
        step = state["step"] + 1
        has_first = b1 != 0 or "exp_avg" in state
        m = b1 * state["exp_avg"] + (1 - b1) * gradient if has_first else gradient
        v = b2 * state["exp_avg_sq"] + (1 - b2) * gradient.square()
        # In float32, 1 - 0.999**1 is already off by 1e-5.
        c1, c2 = ((1 - beta ** step.double()).to(gradient.dtype) for beta in self.betas)
        update = m / c1 / ((v / c2).sqrt() + self.eps)
        following: State = {"step": step, "exp_avg_sq": v}
        return update, following | ({"exp_avg": m} if has_first else {})
