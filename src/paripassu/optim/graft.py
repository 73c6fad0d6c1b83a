"""Grafted optimizers: the magnitude of one rule on the direction of another.

    w ← w − η ‖u_M‖ u_D / ‖u_D‖

Agarwal et al. 2020, "Disentangling adaptive gradient methods from learning rates", arXiv:2002.11803; the
two halves of Adam after Jelassi et al. 2022, arXiv:2210.04319.
"""

from typing import Self

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from paripassu import rules
from paripassu.optim.nonfinite import Nonfinite
from paripassu.optim.rule_optimizer import RuleOptimizer
from paripassu.optim.take_over import continued
from paripassu.rules import SGD, Adam, Rule, Scope

_ADAMS = ("betas", "eps")  # settings that groups of an optimizer with Adam in it have


class Graft(RuleOptimizer):
    """The magnitude of one rule on the direction of another.

    With Adam's magnitude and SGD's direction it is `AdaNSGD`, with both exchanged `AdaDir`, with one rule
    twice that rule itself, and with a `Normalize` as the magnitude it is a normalised ``direction``.

    Source: Agarwal et al. 2020, arXiv:2002.11803.

    Args:
        params: one player's parameters, or groups of them.
        lr: finite and >= 0, the magnitude's: a step has the length lr ‖u_M‖, as a step of ``magnitude``
            alone. A number or a tensor of one element. There is no default, because the unit depends on
            ``magnitude``.
        magnitude: rule that gives the length.
        direction: rule that gives the direction; if that is zero the step is zero. Groups may set the numbers
            of both rules whose names only one of them has.
        scope: ``"layer"`` grafts each parameter tensor alone, ``"global"`` the player as one vector,
            ``"row"`` each slice along a tensor's first dimension.
        weight_decay: decoupled, >= 0, outside the norms.
        maximize: ascend the loss.
        nonfinite: for NaN or inf in a gradient: ``"propagate"``, ``"skip"`` the step, or ``"raise"``.
        give_up_after: with ``"skip"``, the number of skipped steps in a row that is an error; None for none.

    Raises:
        ValueError: a setting out of range, or parameters in float16.
        RuntimeError: from `step`, as `RuleOptimizer.step` says: sparse gradients, or, with
            ``nonfinite="raise"``, NaN or inf in one.

    Example:
        >>> import torch
        >>> from paripassu.rules import SGD, RMSprop
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
        >>> optimizer = Graft([weight], lr=0.1, magnitude=RMSprop(alpha=0.75), direction=SGD(momentum=0.9))
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> optimizer.step()
        >>> weight.data
        tensor([0.8303, 0.7737])
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
        give_up_after: int | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            rule=rules.Graft(magnitude, direction, scope),
            weight_decay=weight_decay,
            maximize=maximize,
            nonfinite=nonfinite,
            give_up_after=give_up_after,
        )


class AdaNSGD(Graft):
    """Ada-nSGDA: Adam's magnitude on SGD's direction.

    ``scope="layer"`` is the paper's method. On a player with one number it is Adam if ``betas[0] == 0``.

    Source: Jelassi et al. 2022, arXiv:2210.04319.

    Args:
        params: one player's parameters, or groups of them.
        lr: finite and >= 0, Adam's: a step is as long as Adam's at this rate on the same gradients. The first
            has the length lr sqrt(number of parameters). Start with Adam's own learning rate. A number or a
            tensor of one element.
        betas: Adam's decay rates, in [0, 1); with ``betas[0] == 0`` states have one array, else two. A
            setting of groups. Adam's own default is (0.9, 0.999), this one is the paper's for GANs.
        eps: Adam's epsilon, finite and > 0, in units of the gradient. A setting of groups.
        scope: over what the two norms are taken: ``"layer"`` each tensor, ``"global"`` the player, ``"row"``
            each slice along a tensor's first dimension.
        weight_decay: decoupled, >= 0, outside the norms.
        maximize: ascend the loss.
        nonfinite: for NaN or inf in a gradient: ``"propagate"``, ``"skip"`` the step, or ``"raise"``.
        give_up_after: with ``"skip"``, the number of skipped steps in a row that is an error; None for none.

    Raises:
        ValueError: a setting out of range, or parameters in float16.
        RuntimeError: from `step`, as `RuleOptimizer.step` says: sparse gradients, or, with
            ``nonfinite="raise"``, NaN or inf in one.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
        >>> optimizer = AdaNSGD([weight], lr=0.1)
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> optimizer.step()
        >>> weight.data
        tensor([0.9151, 0.8869])
    """

    _numbers = _ADAMS

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        *,
        betas: tuple[float, float] = (0.0, 0.9),
        eps: float = 1e-8,
        scope: Scope = "layer",
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
        give_up_after: int | None = None,
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
            give_up_after=give_up_after,
        )

    @classmethod
    def from_adam(
        cls,
        adam: torch.optim.Adam,
        *,
        scope: Scope = "layer",
        nonfinite: Nonfinite = "propagate",
        give_up_after: int | None = None,
    ) -> Self:
        """Continue a run of ``torch.optim.Adam`` or ``AdamW`` with its groups, moments and step counts.

        The first step is as long as Adam's next one, in each tensor or for the whole player.

        Args:
            adam: a running optimizer; not modified, and not to be stepped again. Schedulers need to be made
                again. A new one starts from the rate that the old one started from (``initial_lr`` in the
                groups), and from ``lr`` where none was.
            scope: as in the constructor.
            nonfinite: as there.
            give_up_after: as there.

        Raises:
            ValueError: ``adam`` is AMSGrad, or has a weight decay that is not decoupled.

        Example:
            >>> import torch
            >>> adam = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], lr=2e-4, betas=(0.5, 0.999))
            >>> optimizer = AdaNSGD.from_adam(adam)
            >>> optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"]
            (0.0002, (0.5, 0.999))
        """
        own = {"scope": scope, "nonfinite": nonfinite, "give_up_after": give_up_after}
        return continued(cls, adam, torch.optim.Adam, _ADAMS, None, **own)


class AdaDir(Graft):
    """AdaDir: SGD's magnitude on Adam's direction.

    It is the control for `AdaNSGD`: the same two rules with their parts exchanged. With ``betas=(0.0, 0.0)``
    and a small ``eps`` it is sign descent with steps as long as SGD's.

    Source: Jelassi et al. 2022, arXiv:2210.04319.

    Args:
        params: one player's parameters, or groups of them.
        lr: finite and >= 0, SGD's: a step is as long as SGD's at this rate, lr ‖g‖, so that it scales with
            the loss. In units of the parameters over those of the gradient. A number or a tensor of one
            element.
        betas: Adam's decay rates, in [0, 1); with ``betas[0] == 0`` states have one array, else two. A
            setting of groups. Adam's own default is (0.9, 0.999), this one is the paper's for GANs.
        eps: Adam's epsilon, finite and > 0, in units of the gradient. A setting of groups.
        scope: over what the two norms are taken: ``"layer"`` each tensor, ``"global"`` the player, ``"row"``
            each slice along a tensor's first dimension.
        weight_decay: decoupled, >= 0, outside the norms.
        maximize: ascend the loss.
        nonfinite: for NaN or inf in a gradient: ``"propagate"``, ``"skip"`` the step, or ``"raise"``.
        give_up_after: with ``"skip"``, the number of skipped steps in a row that is an error; None for none.

    Raises:
        ValueError: a setting out of range, or parameters in float16.
        RuntimeError: from `step`, as `RuleOptimizer.step` says: sparse gradients, or, with
            ``nonfinite="raise"``, NaN or inf in one.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
        >>> optimizer = AdaDir([weight], lr=0.1)
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> optimizer.step()
        >>> weight.data
        tensor([0.6464, 0.6464])
    """

    _numbers = _ADAMS

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        *,
        betas: tuple[float, float] = (0.0, 0.9),
        eps: float = 1e-8,
        scope: Scope = "layer",
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
        give_up_after: int | None = None,
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
            give_up_after=give_up_after,
        )

    @classmethod
    def from_adam(
        cls,
        adam: torch.optim.Adam,
        lr: float | Tensor,
        *,
        scope: Scope = "layer",
        nonfinite: Nonfinite = "propagate",
        give_up_after: int | None = None,
    ) -> Self:
        """Continue a run of ``torch.optim.Adam`` or ``AdamW`` with its groups, moments and step counts.

        The first step has the direction of Adam's next one.

        Args:
            adam: a running optimizer; not modified, and not to be stepped again. Schedulers need to be made
                again, and start from ``lr``.
            lr: of all groups, because Adam's has another unit.
            scope: as in the constructor.
            nonfinite: as there.
            give_up_after: as there.

        Raises:
            ValueError: ``adam`` is AMSGrad, or has a weight decay that is not decoupled.
        """
        own = {"scope": scope, "nonfinite": nonfinite, "give_up_after": give_up_after}
        return continued(cls, adam, torch.optim.Adam, _ADAMS, lr, **own)
