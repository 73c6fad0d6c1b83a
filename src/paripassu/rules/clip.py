"""Relative clipping: no update is longer than a multiple of the weights.

    u = min{1, r ‖w‖ / ‖u_R‖} u_R

For scale-invariant networks under SGD with learning rate η and weight decay λ, the weights settle where an
update has √(2λ/η) times their length. With r = √(2Cλ/η) and C > 1 a step is clipped if it is √C times longer
than that. Li et al. 2022, "Robust Training of Neural Networks Using Scale Invariant Architectures",
arXiv:2202.00980, Algorithm 1, where the norms are over all scale-invariant weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from paripassu.rules.rule import Rule, check_rule
from paripassu.rules.scope import Scope, check_scope, multiply, norms
from paripassu.rules.settings import check_number, check_positive
from paripassu.rules.sgd import SGD
from paripassu.rules.wrapper import Wrapper


@dataclass(frozen=True)
class Clip(Wrapper):
    """``rule`` with updates at most ``ratio`` times as long as the weights.

    A step moves weights by at most lr × ``ratio`` of their length. Where all weights that are measured
    together are zero, the limit is zero and they do not move. So with ``scope="layer"`` a bias that starts at
    zero stays there. Weight decay is the optimizer's and is not clipped.

    ``Clip(SGD(), ratio)`` with weight decay is the SGD of Li et al.; with a huge ``ratio`` it is ``rule``.

    Args:
        rule: rule that gives the updates.
        ratio: r, finite and > 0, in units of ``rule``'s updates over the weights'. It depends on the learning
            rate and the weight decay, which a rule does not see: `at_equilibrium` computes it.
        scope: ``"global"`` compares the norms over all of the player's tensors, ``"layer"`` each tensor's,
            ``"row"`` those of each slice along a tensor's first dimension.

    Raises:
        ValueError: ``rule`` is no rule, or a ``ratio`` or ``scope`` that is none of these.

    Example:
        A gradient of length 5 at weights of length 2.

        >>> import torch
        >>> gradient, weight = torch.tensor([3.0, -4.0]), torch.tensor([0.0, 2.0])
        >>> Clip(ratio=0.5).update([gradient], [{}], [weight])[0]
        [tensor([ 0.6000, -0.8000])]
        >>> Clip(ratio=3.0).update([gradient], [{}], [weight])[0]
        [tensor([ 3., -4.])]
    """

    rule: Rule = field(default_factory=SGD)
    ratio: float = 1.0
    scope: Scope = "global"

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)
        check_positive("ratio", self.ratio)
        check_scope(self.scope)

    @classmethod
    def at_equilibrium(
        cls, rule: Rule, *, lr: float, weight_decay: float, factor: float = 2.0, scope: Scope = "global"
    ) -> Self:
        """With the limit at a multiple of the updates at which scale-invariant weights settle.

        Args:
            rule: rule that gives the updates.
            lr: η > 0 of the optimizer.
            weight_decay: λ > 0 of the optimizer.
            factor: √C > 1; the paper takes 2.
            scope: as of the class.

        Raises:
            ValueError: a number out of its range.

        Example:
            >>> round(Clip.at_equilibrium(SGD(), lr=8e-4, weight_decay=1e-2).ratio, 6)
            10.0
        """
        check_positive("lr", lr)
        check_positive("weight_decay", weight_decay)
        check_number("factor", factor)
        if not 1.0 < factor < math.inf:
            raise ValueError(f"factor must be finite and > 1, got {factor}")
        return cls(rule, factor * math.sqrt(2 * weight_decay / lr), scope)

    def change(self, updates: list[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
        """The updates, shortened where they are too long; in their units."""
        factors: list[Tensor] = []
        for own, weight in zip(norms(updates, self.scope), norms(weights, self.scope), strict=True):
            limit = self.ratio * weight
            factors.append(torch.where(own <= limit, torch.ones_like(own), limit / own))
        return multiply(updates, factors)
