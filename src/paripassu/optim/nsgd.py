"""Normalised SGD: every step has the length of the learning rate.

    w ← w − η b / ‖b‖

with ``b`` the gradient or its momentum buffer. One `NSGD` for each player makes nSGDA (Jelassi et al.
2022, arXiv:2210.04319); with momentum it is Cutkosky & Mehta 2020, arXiv:2002.03305.
"""

from torch import Tensor
from torch.optim.optimizer import ParamsT

from paripassu.optim.rule_optimizer import Nonfinite, RuleOptimizer
from paripassu.rules import SGD, Normalize, Scope


class NSGD(RuleOptimizer):
    """Normalised SGD, globally (g-nSGDA) or per layer (l-nSGDA).

    Scaling the loss by any c > 0 changes nothing. A zero gradient gives a zero step: no epsilon.

    Args:
        params: one player's parameters, or groups of them.
        lr: finite and > 0, in the units of the parameters: the Euclidean length of a step of the whole player
            (``"global"``) or of each parameter tensor (``"layer"``; the player then moves sqrt(number of
            tensors) times as far). A number or a 0-dim tensor.
        scope: over what the norm is taken.
        momentum: in [0, 1); the momentum buffer is normalised. 0 keeps no state.
        weight_decay: decoupled, >= 0, outside the norm.
        maximize: ascend the loss.
        nonfinite: about NaN or inf in a gradient: ``"propagate"``, ``"skip"`` the step, or ``"raise"``.

    Raises:
        ValueError: a setting out of range, or parameters in float16.
        RuntimeError: from `step`, as `RuleOptimizer.step` says: sparse gradients, or, with
            ``nonfinite="raise"``, NaN or inf in one.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        *,
        scope: Scope = "global",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
    ) -> None:
        rule = Normalize(SGD(momentum), scope)
        super().__init__(
            params, lr, rule=rule, weight_decay=weight_decay, maximize=maximize, nonfinite=nonfinite
        )
