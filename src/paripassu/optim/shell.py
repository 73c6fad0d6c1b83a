"""The one class that turns a rule into a ``torch.optim.Optimizer``: groups, sign, state and step."""

import math
from collections.abc import Callable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from paripassu.rules import Rule, State

_GROUP_SETTINGS = {"params", "param_names", "lr", "weight_decay", "maximize", "initial_lr"}


class RuleOptimizer(torch.optim.Optimizer):
    r"""Any rule as an optimizer: ``p -= lr * (u + weight_decay * p)``, with ``u`` the rule's update.

    All parameters, in whatever groups, are one player: a rule that looks at the whole player (scope
    ``"global"``) sees all their gradients together, then each group's learning rate applies.
    Parameters without a gradient are left out of the step and of the norms.

    Args:
        params: parameters or groups of them; a group may set ``lr``, ``weight_decay`` and ``maximize``.
        lr: learning rate > 0, a number or a 0-dim tensor. The length of a step where the rule normalises.
        rule: what the update is.
        weight_decay: decoupled, >= 0, and outside the rule: its norms do not see it
            (Loshchilov & Hutter 2019, arXiv:1711.05101).
        maximize: ascend the loss instead of descending it.

    Raises:
        ValueError: a setting out of range, or a group setting that this optimizer does not have.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        *,
        rule: Rule,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        self.rule = rule
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "maximize": maximize})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters to the player, as ``torch.optim.Optimizer.add_param_group`` does."""
        unknown = sorted(param_group.keys() - _GROUP_SETTINGS)
        if unknown:
            raise ValueError(
                f"a parameter group cannot set {', '.join(unknown)}: "
                f"only lr, weight_decay and maximize may differ between groups of one player"
            )
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        lr, weight_decay = float(group["lr"]), group["weight_decay"]
        if not (lr > 0.0 and math.isfinite(lr)):
            raise ValueError(f"lr must be finite and > 0, got {lr}")
        if not (weight_decay >= 0.0 and math.isfinite(weight_decay)):
            raise ValueError(f"weight_decay must be finite and >= 0, got {weight_decay}")

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles carry: torch's own entries and the rule."""
        return super().__getstate__() | {"rule": self.rule}

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step from the parameters' ``.grad``, which are left as they are.

        Args:
            closure: reevaluates the loss and its gradients before the step.

        Returns:
            The closure's loss, if there is one.

        Raises:
            RuntimeError: a gradient is sparse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()

        stepped = [(p, group) for group in self.param_groups for p in group["params"] if p.grad is not None]
        for p, _ in stepped:
            if p.grad.is_sparse:
                raise RuntimeError(
                    f"{type(self).__name__} takes no sparse gradients: "
                    "set sparse=False in the layer that makes them"
                )
        gradients = [_real(p.grad) for p, _ in stepped]
        states: list[State] = [
            self.state[p] if p in self.state else self.rule.init(g)
            for (p, _), g in zip(stepped, gradients, strict=True)
        ]
        updates, states = self.rule.update(gradients, states)

        for (p, group), update, state in zip(stepped, updates, states, strict=True):
            if state:
                self.state[p] = state
            if group["weight_decay"]:
                p.mul_(1 - group["lr"] * group["weight_decay"])
            sign = 1 if group["maximize"] else -1
            _real(p).add_(update * (sign * group["lr"]))
        return loss


def _real(tensor: Tensor) -> Tensor:
    # A complex number is two real ones: same norms, and Adam's second moment per component, as in torch.
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor
