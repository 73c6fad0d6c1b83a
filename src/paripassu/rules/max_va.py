"""MaxVA: Adam whose memory of squares is, in each step, the one that sees the largest variance.

With weighted means u and v of the gradient and its square, and w the sum of their weights (Adam's 1 − β₂ᵗ),

    σ² = v − u²,    δ² = (g − u)²
    β = (δ² + σ²) / (w (δ² − σ²) + δ² + σ²),    within [β_min, β_max]
    ũ ← β ũ + (1 − β) g,    ṽ ← β ṽ + (1 − β) g²,    w ← β w + 1 − β,    u = ũ / w,    v = ṽ / w
    update = mₜ / (1 − β₁ᵗ) / (√v + ε)

That β mixes old and new so that the next σ² is as large as it can be. A step that differs much from the mean
is thus remembered at once, and gradients like the mean change little.

Zhu et al. 2021, "MaxVA", ECML-PKDD, arXiv:2006.11918, Algorithm 1 (MAdam). One β for each tensor is ours.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, get_args

import torch
from torch import Tensor

from paripassu.rules.rule import State, TensorwiseRule
from paripassu.rules.scope import norms
from paripassu.rules.settings import check_eps, check_fraction, check_number, two_betas

BetaScope = Literal["element", "layer"]

_FIRST = 0.9  # of the authors' code, where the largest is 1: the first gradient needs some weight


@dataclass(frozen=True)
class MaxVA(TensorwiseRule):
    """Adam with the decay rate of its second moment chosen anew in each step, to maximise the variance.

    ``beta_min == betas[1]`` is ``Adam(betas, eps)``. Weight decay is the optimizer's, as in the paper.

    Where nothing distinguishes one β from another it is the largest: if the gradient equals its mean and the
    variance is zero (a constant gradient), and if squares overflow. The authors' code takes the smallest
    there.

    Args:
        betas: the first moment's decay rate in [0, 1) and the largest β, in [0, 1]. With 1 the first step
            has β = 0.9, as in the authors' code; for later steps the first one's β does not matter then.
        beta_min: the smallest β, in [0, betas[1]]. 0.5 never binds.
        eps: finite and > 0, added to the root of the second moment, in units of the gradient.
        scope: ``"element"`` chooses β for each element, ``"layer"`` one for each tensor, with δ² and σ²
            summed over it.

    The state has ``exp_avg`` (unless ``betas[0] == 0``), ``mean``, ``mean_sq`` and ``weight``, which are m,
    ũ, ṽ and w, and a step count. All but the count have the tensor's shape: 16 bytes per float32 parameter,
    where Adam has 8. With ``scope="layer"`` there is one ``weight`` for the tensor, and 12 bytes.

    Raises:
        ValueError: a number out of its range, or another ``scope``.

    Example:
        After gradients 1 and 3 of equal weights, 6 is mixed in so that the variance is largest, 289 / 64.

        >>> import torch
        >>> rule = MaxVA((0.0, 1.0))
        >>> state = rule.init(torch.zeros(()))
        >>> for gradient in (1.0, 3.0, 6.0):
        ...     _, state = rule.update_tensor(torch.tensor(gradient), state, torch.zeros(()))
        >>> u, v = state["mean"] / state["weight"], state["mean_sq"] / state["weight"]
        >>> u, v - u**2
        (tensor(3.8750), tensor(4.5156))
    """

    numbers: ClassVar[tuple[str, ...]] = ("betas", "beta_min", "eps")

    betas: tuple[float, float] = (0.9, 0.999)
    beta_min: float = 0.5
    eps: float = 1e-8
    scope: BetaScope = "element"

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", two_betas(self.betas))
        check_fraction("betas[0]", self.betas[0])
        for name, value, largest in (
            ("betas[1]", self.betas[1], 1.0),
            ("beta_min", self.beta_min, self.betas[1]),
        ):
            check_number(name, value)
            if not 0.0 <= value <= largest:
                raise ValueError(f"{name} must be in [0, {largest}], got {value}")
        check_eps(self.eps)
        if self.scope not in get_args(BetaScope):
            raise ValueError(f"scope must be 'element' or 'layer', got {self.scope!r}")

    def with_state(self, *, optional: bool) -> Self:
        """With or without a first moment."""
        return replace(self, betas=(0.5 if optional else 0.0, self.betas[1]))

    def complete(self, state: State, gradient: Tensor) -> State:
        """A first moment that begins late is the gradient, as Adam's."""
        late = {"exp_avg": gradient.clone()} if self.betas[0] and state else {}
        return self.init(gradient) | late | state

    def init(self, tensor: Tensor) -> State:
        """A step count and the zero sums that the settings need."""
        # On the CPU bias corrections cost nothing. A CUDA graph can advance only what is on its device.
        state: State = {
            "step": torch.zeros((), dtype=torch.float32, device=tensor.device if tensor.is_cuda else "cpu"),
            "mean": torch.zeros_like(tensor),
            "mean_sq": torch.zeros_like(tensor),
            "weight": torch.zeros_like(tensor)
            if self.scope == "element"
            else torch.zeros((), dtype=tensor.dtype, device=tensor.device),
        }
        if self.betas[0]:
            state["exp_avg"] = torch.zeros_like(tensor)
        return state

    def update_tensor(self, gradient: Tensor, state: State, _weight: Tensor, /) -> tuple[Tensor, State]:
        """Algorithm 1 of the paper for one tensor; the update has no unit, as Adam's.

        The gradient's dtype must represent the squares. With ``betas[0] == 0`` a first moment in the state
        becomes the gradient.
        """
        b1, step = self.betas[0], state["step"] + 1
        beta = self._beta(gradient, state)
        mean = beta * state["mean"] + (1 - beta) * gradient
        mean_sq = beta * state["mean_sq"] + (1 - beta) * gradient.square()
        weight = beta * state["weight"] + (1 - beta)
        following: State = {"step": step, "mean": mean, "mean_sq": mean_sq, "weight": weight}
        m = gradient
        if b1 or "exp_avg" in state:
            m = b1 * state["exp_avg"] + (1 - b1) * gradient
            following["exp_avg"] = m
        corrected = m / (1 - b1 ** step.double()).to(gradient.dtype)  # as in `Adam`
        return corrected / ((mean_sq / weight).sqrt() + self.eps), following

    def _beta(self, gradient: Tensor, state: State) -> Tensor:
        """The decay rate that maximises the variance, of each element or of the tensor."""
        b_max, weight = self.betas[1], state["weight"]
        is_first = weight == 0
        w = torch.where(is_first, torch.ones_like(weight), weight)
        u = state["mean"] / w
        deviation = gradient - u
        variance = (state["mean_sq"] / w - u.square()).clamp(min=0.0)  # it may be rounded below 0
        if self.scope == "layer":
            # By norms, because those of a sharded tensor are the whole tensor's.
            squares = [n.square() for n in norms([deviation, variance.sqrt()], "layer")]
        else:
            squares = [deviation.square(), variance]
        deviation_sq, variance = squares
        denominator = w * (deviation_sq - variance) + deviation_sq + variance
        beta = ((deviation_sq + variance) / denominator).clamp(self.beta_min, b_max)
        # Neither 0 / 0 nor inf / inf says anything.
        is_known = (denominator > 0) & denominator.isfinite()
        beta = torch.where(is_known, beta, torch.full_like(beta, b_max))
        first = b_max if b_max < 1 else _FIRST
        return torch.where(is_first, torch.full_like(beta, first), beta).to(gradient.dtype)
