"""Updates over a running mean of their norm: a magnitude that is constant on average, and not in each step.

    nₜ = β nₜ₋₁ + (1 − β) ‖u_R‖,    uₜ = c u_R / (nₜ / (1 − βᵗ))

with c as in `normalize`. A step is longer than c where the update is longer than its recent mean. This is
AdaNSGD's idea with one number for each tensor where AdaNSGD has a second moment for each weight. NovoGrad
(Ginsburg et al. 2019, arXiv:1905.11286) takes the root of a mean of squares instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from paripassu.rules.rule import Rule, State, check_rule
from paripassu.rules.scope import (
    Scope,
    Unit,
    check_scope,
    check_unit,
    multiply,
    norms,
    sizes_of,
    unit_lengths,
)
from paripassu.rules.settings import check_fraction
from paripassu.rules.sgd import SGD


@dataclass(frozen=True)
class RunningNormalize(Rule):
    """``rule`` divided by the running mean of its norm; a zero update stays zero.

    ``decay=0`` is ``Normalize(rule, scope, unit)``. No epsilon guards the division, so that scaling every
    gradient changes nothing. A norm beyond the dtype's range (3e38 in float32) makes the mean infinite for
    good, and later updates zero.

    Args:
        rule: rule that gives the updates.
        decay: β in [0, 1).
        scope: ``"global"`` divides by the mean of the norm over all of the player's tensors, ``"layer"`` each
            tensor by that of its own, ``"row"`` each slice along its first dimension. A tensor's mean begins
            with its first gradient.
        unit: ``"length"`` for a mean length of 1, ``"rms"`` for elements with a root mean square of about 1.

    Raises:
        ValueError: ``rule`` is no rule, or ``decay``, ``scope`` or ``unit`` is none of these.

    Example:
        The second update is longer than the mean 2 of lengths 1 and 3.

        >>> import torch
        >>> rule, weights = RunningNormalize(decay=0.5), [torch.zeros(1)]
        >>> _, states = rule.update([torch.tensor([1.0])], [rule.init(weights[0])], weights)
        >>> rule.update([torch.tensor([2.5])], states, weights)[0]  # (0.25 + 1.25) / 0.75 = 2
        [tensor([1.2500])]
    """

    rule: Rule = field(default_factory=SGD)
    decay: float = 0.99
    scope: Scope = "global"
    unit: Unit = "length"

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)
        check_fraction("decay", self.decay)
        check_scope(self.scope)
        check_unit(self.unit)

    def init(self, tensor: Tensor) -> State:
        """The state of ``rule``, a zero sum of norms and the sum of their weights, 1 − βᵗ."""
        zero = torch.zeros((), dtype=tensor.dtype, device=tensor.device)
        if self.scope == "row":
            zero = torch.zeros_like(norms([tensor], "row")[0], dtype=tensor.dtype)
        return {"rule": self.rule.init(tensor), "norm": zero, "weight": zero.clone()}

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of ``rule``, over the mean norm that includes it. Updates have no unit."""
        updates, inside = self.rule.update(gradients, [state["rule"] for state in states], weights)
        lengths = unit_lengths(sizes_of(updates, self.scope), self.scope, self.unit)
        factors: list[Tensor] = []
        following: list[State] = []
        for own, length, state, part in zip(norms(updates, self.scope), lengths, states, inside, strict=True):
            norm, weight = (
                self.decay * state[name].to(own.dtype) + (1 - self.decay) * new
                for name, new in (("norm", own), ("weight", torch.ones_like(own)))
            )
            mean = norm / weight
            factors.append(torch.where(mean == 0, torch.zeros_like(mean), length / mean))
            dtype = state["norm"].dtype
            following.append({"rule": part, "norm": norm.to(dtype), "weight": weight.to(dtype)})
        return multiply(updates, factors), following
