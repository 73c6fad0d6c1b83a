"""Grafted optimizers: the step length of one rule on the direction of another.

    w ← w − η ‖u_M‖ u_D / ‖u_D‖

Agarwal et al. 2020, arXiv:2002.11803; the two halves of Adam after Jelassi et al. 2022, arXiv:2210.04319.
"""

from torch import Tensor
from torch.optim.optimizer import ParamsT

from paripassu import rules
from paripassu.optim.shell import Nonfinite, RuleOptimizer
from paripassu.rules import SGD, Adam, Rule, Scope


class Graft(RuleOptimizer):
    """The magnitude of one rule on the direction of another.

    Args:
        params: one player's parameters, or groups of them.
        lr: above 0, a factor on the magnitude.
        magnitude: rule whose length is kept.
        direction: rule whose direction is kept; where it is zero the step is zero.
        scope: ``"layer"`` grafts each parameter tensor alone, ``"global"`` the player as one vector.
        weight_decay: decoupled, >= 0, outside the norms.
        maximize: ascend the loss.
        nonfinite: about NaN or inf in a gradient: ``"propagate"``, ``"skip"`` the step, or ``"raise"``.

    Raises:
        ValueError: a setting out of range, or parameters in float16.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        *,
        magnitude: Rule,
        direction: Rule,
        scope: Scope = "layer",
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
    ) -> None:
        rule = rules.Graft(magnitude, direction, scope)
        super().__init__(
            params, lr, rule=rule, weight_decay=weight_decay, maximize=maximize, nonfinite=nonfinite
        )


class AdaNSGD(Graft):
    """Ada-nSGDA: Adam's magnitude on SGD's direction.

    Args:
        params: one player's parameters, or groups of them.
        lr: above 0, in Adam's units: Adam's own learning rate is the place to start.
        betas: Adam's decay rates, in [0, 1).
        eps: Adam's epsilon, in units of the gradient.
        scope: over what the two norms are taken.
        weight_decay: decoupled, >= 0, outside the norms.
        maximize: ascend the loss.
        nonfinite: about NaN or inf in a gradient: ``"propagate"``, ``"skip"`` the step, or ``"raise"``.

    Raises:
        ValueError: a setting out of range, or parameters in float16.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        *,
        betas: tuple[float, float] = (0.0, 0.9),
        eps: float = 1e-8,
        scope: Scope = "layer",
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
    ) -> None:
        super().__init__(
            params,
            lr,
            magnitude=Adam(betas, eps),
            direction=SGD(),
            scope=scope,
            weight_decay=weight_decay,
            maximize=maximize,
            nonfinite=nonfinite,
        )


class AdaDir(Graft):
    """AdaDir: SGD's magnitude on Adam's direction.

    Args:
        params: one player's parameters, or groups of them.
        lr: above 0, in SGD's units.
        betas: Adam's decay rates, in [0, 1).
        eps: Adam's epsilon, in units of the gradient.
        scope: over what the two norms are taken.
        weight_decay: decoupled, >= 0, outside the norms.
        maximize: ascend the loss.
        nonfinite: about NaN or inf in a gradient: ``"propagate"``, ``"skip"`` the step, or ``"raise"``.

    Raises:
        ValueError: a setting out of range, or parameters in float16.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        *,
        betas: tuple[float, float] = (0.0, 0.9),
        eps: float = 1e-8,
        scope: Scope = "layer",
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
    ) -> None:
        super().__init__(
            params,
            lr,
            magnitude=SGD(),
            direction=Adam(betas, eps),
            scope=scope,
            weight_decay=weight_decay,
            maximize=maximize,
            nonfinite=nonfinite,
        )
