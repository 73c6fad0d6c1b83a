"""The sign of an update: every element moves as far as every other.

    u = sign(u_R)

Over plain SGD this is sign descent (Bernstein et al. 2018, "signSGD", arXiv:1802.04434), over SGD with
momentum Signum, of the same paper. Theory papers take it as Adam's limit, because Adam with β₁ = β₂ = ε = 0
is sign descent (Zou et al. 2023, arXiv:2108.11371).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from paripassu.rules.rule import Rule, check_rule
from paripassu.rules.sgd import SGD
from paripassu.rules.wrapper import Wrapper


@dataclass(frozen=True)
class Sign(Wrapper):
    """Plus or minus one where ``rule``'s update is positive or negative, zero where it is zero.

    ``Sign()`` is sign descent, ``Sign(SGD(momentum))`` Signum. Both have the magnitude of
    ``Normalize(unit="rms")`` wherever no gradient is zero, and another direction. So the learning rate is the
    root mean square of a step, as Adam's is about.

    Args:
        rule: rule whose signs are taken.

    Raises:
        ValueError: ``rule`` is no rule.

    Example:
        >>> import torch
        >>> gradient = torch.tensor([3.0, -0.01, 0.0])
        >>> Sign().update([gradient], [{}], [torch.zeros(3)])[0]
        [tensor([ 1., -1.,  0.])]
    """

    rule: Rule = field(default_factory=SGD)

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)

    def change(self, updates: list[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
        """The signs; NaN where an update is NaN or infinite. They have no unit."""
        del weights
        # torch's sign of NaN is 0, and of infinity 1. Zero times either is NaN.
        return [update.sign() + 0.0 * update for update in updates]
