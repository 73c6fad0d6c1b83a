"""Normalised SGD: the learning rate says how far a step goes, whatever the gradient's size.

    w ← w − η √n b / ‖b‖   for each tensor of n elements, with ``unit="rms"``
    w ← w − η b / ‖b‖      for the player or each tensor, with ``unit="length"``

with ``b`` the gradient or its momentum buffer. One `NSGD` for each player makes nSGDA (Jelassi et al.
2022, arXiv:2210.04319); with momentum it is Cutkosky & Mehta 2020, arXiv:2002.03305. With ``relative=True``
the step has η ‖w‖ for its length, which is LARS's trust ratio (You et al. 2017, arXiv:1708.03888).
"""

from typing import Self

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from paripassu.optim.nonfinite import Nonfinite
from paripassu.optim.rule_optimizer import RuleOptimizer
from paripassu.optim.take_over import continued
from paripassu.rules import SGD, Graft, Normalize, Rule, Scope, Unit, Weight


class NSGD(RuleOptimizer):
    """Normalised SGD, by default in Adam's unit: Adam's learning rate is the first one to try.

    Scaling the loss by any c > 0 changes nothing. A zero gradient gives a zero step: no epsilon.

    With one `NSGD` for each player, ``scope="global", unit="length"`` is the paper's g-nSGDA,
    ``scope="layer", unit="length"`` is its l-nSGDA, and ``momentum > 0`` is the normalised SGD with momentum
    of Cutkosky & Mehta. On a player with one number it is sign descent. ``relative=True`` is LARS without its
    weight decay in the ratio.

    Args:
        params: one player's parameters, or groups of them.
        lr: finite and >= 0, in the units of the parameters. With ``unit="rms"`` it is the root mean square of
            a step's elements, as Adam's learning rate is about. With ``unit="length"`` it is the Euclidean
            length of a step of the whole player (``"global"``) or of each parameter tensor (``"layer"``; the
            player then moves sqrt(number of tensors) times as far). A number or a tensor of one element.
            None for Adam's 1e-3, and for 1e-2 with ``unit="length"`` or ``relative=True``.
        scope: over what the norm is taken: ``"layer"`` each tensor, ``"global"`` the player, ``"row"`` each
            slice along a tensor's first dimension, by slower code.
        unit: what ``lr`` measures. ``"rms"`` multiplies steps by sqrt(n), for n elements of the tensor
            (``"layer"``) or of the player (``"global"``).
        relative: whether ``lr`` is a share of the weights: a step is as long as ``lr`` times the tensor
            (``"layer"``) or the player (``"global"``) is. Doubling weights doubles steps. Weights whose
            elements have a root mean square below 0.02, such as biases that start at zero, count as if theirs
            were 0.02, the scale of fresh weights in DCGAN: from zero nothing else could move. It is the rule
            ``Graft(Weight(), SGD(momentum))``. ``unit`` says nothing then, because shares have none.
        momentum: in [0, 1); the momentum buffer is normalised. 0 keeps no state. A setting of groups.
        weight_decay: decoupled, >= 0, outside the norm.
        maximize: ascend the loss.
        nonfinite: for NaN or inf in a gradient: ``"propagate"``, ``"skip"`` the step, or ``"raise"``.
        give_up_after: with ``"skip"``, the number of skipped steps in a row that is an error; None for none.

    Raises:
        ValueError: a setting out of range, ``unit="length"`` beside ``relative``, or parameters in float16.
        RuntimeError: from `step`, as `RuleOptimizer.step` says: sparse gradients, or, with
            ``nonfinite="raise"``, NaN or inf in one.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
        >>> weight.grad = torch.tensor([30.0, 40.0])
        >>> NSGD([weight], lr=0.5, unit="length").step()
        >>> weight.data
        tensor([0.7000, 0.6000])
        >>> NSGD([weight], lr=0.5, relative=True).step()  # by half of the length 0.922
        >>> weight.data
        tensor([0.4234, 0.2312])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor | None = None,
        *,
        scope: Scope = "layer",
        unit: Unit = "rms",
        relative: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
        give_up_after: int | None = None,
    ) -> None:
        super().__init__(
            params,
            (1e-2 if relative or unit == "length" else 1e-3) if lr is None else lr,
            rule=_rule(momentum, scope, unit, relative=relative),
            weight_decay=weight_decay,
            maximize=maximize,
            nonfinite=nonfinite,
            give_up_after=give_up_after,
        )

    @classmethod
    def from_sgd(
        cls,
        sgd: torch.optim.SGD,
        lr: float | Tensor,
        *,
        scope: Scope = "layer",
        unit: Unit = "rms",
        relative: bool = False,
        nonfinite: Nonfinite = "propagate",
        give_up_after: int | None = None,
    ) -> Self:
        """Continue a run of ``torch.optim.SGD`` with its parameter groups and momentum buffers.

        Args:
            sgd: a running optimizer; not modified, and not to be stepped again. Schedulers need to be made
                again, and start from ``lr``.
            lr: of all groups, because SGD's has another unit.
            scope: as in the constructor.
            unit: as there.
            relative: as there.
            nonfinite: as there.
            give_up_after: as there.

        Raises:
            ValueError: ``sgd`` has Nesterov momentum, dampening or a weight decay, which is not decoupled.

        Example:
            >>> import torch
            >>> sgd = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
            >>> NSGD.from_sgd(sgd, lr=1e-2).param_groups[0]["momentum"]
            0.9
        """
        own = {
            "scope": scope, "unit": unit, "relative": relative, "nonfinite": nonfinite,
            "give_up_after": give_up_after,
        }  # fmt: skip
        return continued(cls, sgd, torch.optim.SGD, ("momentum",), lr, **own)


def _rule(momentum: float, scope: Scope, unit: Unit, *, relative: bool) -> Rule:
    if not relative:
        return Normalize(SGD(momentum), scope, unit)
    if unit != "rms":
        raise ValueError(
            f"relative=True measures steps by the weights, and unit={unit!r} would have no effect: "
            "leave one of them out"
        )
    return Graft(Weight(scope=scope), SGD(momentum), scope)
