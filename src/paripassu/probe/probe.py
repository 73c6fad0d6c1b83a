"""What each player's optimizer steps really did, through step hooks that change nothing.

A probed step is measured from the outside, by the weights before and after it, so every
``torch.optim`` optimizer can be probed. The player named first keeps the clock: its n-th step ends
round n, and rounds whose number is a multiple of ``every`` are recorded, for every other player by the
last step it took before the round ended.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from paripassu.records import Update


@dataclass(frozen=True)
class _Snapshot:
    weights: list[Tensor]
    gradients: list[Tensor]


class Probe:
    """Records gradient norms, displacements, weight norms and their angle, per layer and per player.

    Norms and dot products are accumulated in float64. Weights are bit-identical with and without a probe;
    memory and time are spent at probed steps only (two copies of one player's parameters).

    Args:
        optimizers: one optimizer per player, by name. The first one's steps are the clock.
        every: rounds between probed rounds, >= 1.
        writer: called with one `Update` per player and, if ``layers``, one per parameter before it.
        layers: whether to record each parameter too, named as the optimizer knows it (give the optimizer
            ``named_parameters()``), else by its position.
        start: rounds done before the probe was attached.

    Raises:
        ValueError: no optimizers, or ``every`` < 1.
    """

    def __init__(
        self,
        optimizers: Mapping[str, torch.optim.Optimizer],
        every: int = 50,
        *,
        writer: Callable[[Update], object],
        layers: bool = True,
        start: int = 0,
    ) -> None:
        if not optimizers:
            raise ValueError("Probe needs at least one optimizer, as {'player': optimizer}")
        if every < 1:
            raise ValueError(f"every must be >= 1, got {every}")
        self._every, self._writer, self._layers = every, writer, layers
        self._clock = next(iter(optimizers))
        self._rounds = start
        self._before: dict[str, _Snapshot] = {}
        self._pending: dict[str, list[Update]] = {}
        self._hooks = [
            hook
            for player, optimizer in optimizers.items()
            for hook in (
                optimizer.register_step_pre_hook(self._pre(player)),
                optimizer.register_step_post_hook(self._post(player)),
            )
        ]

    def detach(self) -> None:
        """Remove every hook and copy: the optimizers are as they were."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._before.clear()
        self._pending.clear()

    def _pre(self, player: str) -> Callable[..., None]:
        def before(optimizer: torch.optim.Optimizer, *_: object) -> None:
            if (self._rounds + 1) % self._every:
                return
            parameters = [p for _, p in _stepped(optimizer)]
            self._before[player] = _Snapshot(
                [p.detach().clone() for p in parameters],
                # Copied too: a step may rescale gradients in place (fused optimizers under a GradScaler do).
                [gradient.detach().clone() for p in parameters if (gradient := p.grad) is not None],
            )

        return before

    def _post(self, player: str) -> Callable[..., None]:
        def after(optimizer: torch.optim.Optimizer, *_: object) -> None:
            snapshot = self._before.pop(player, None)
            if snapshot is not None:
                self._pending[player] = self._measure(player, optimizer, snapshot)
            if player == self._clock:
                self._rounds += 1
                for updates in self._pending.values():
                    for update in updates:
                        self._writer(update)
                self._pending.clear()

        return after

    def _measure(self, player: str, optimizer: torch.optim.Optimizer, snapshot: _Snapshot) -> list[Update]:
        rows = [
            _products(weight, parameter.detach(), gradient)
            for (_, parameter), weight, gradient in zip(
                _stepped(optimizer), snapshot.weights, snapshot.gradients, strict=True
            )
        ]
        names = [name for name, _ in _stepped(optimizer)]
        step = self._rounds + 1
        whole = torch.stack(rows).sum(dim=0) if rows else torch.zeros(4, dtype=torch.float64)
        layers = zip(names, rows, strict=True) if self._layers else ()
        return [_update(step, player, name, row) for name, row in layers] + [_update(step, player, "", whole)]


def _stepped(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    position = 0
    for group in optimizer.param_groups:
        names: list[Any] = group.get("param_names") or [None] * len(group["params"])
        for name, parameter in zip(names, group["params"], strict=True):
            if parameter.grad is not None:
                yield name or str(position), parameter
            position += 1


def _products(before: Tensor, after: Tensor, gradient: Tensor) -> Tensor:
    # [4]: |g|^2, |delta|^2, |w|^2 and -<g, delta>; sums over layers give the player's.
    wide = torch.complex128 if before.is_complex() else torch.float64
    w, g = before.to(wide).flatten(), gradient.to(wide).flatten()
    delta = after.to(wide).flatten() - w
    products = [torch.vdot(g, g), torch.vdot(delta, delta), torch.vdot(w, w), -torch.vdot(g, delta)]
    return torch.stack(products).real.cpu()


def _update(step: int, player: str, layer: str, products: Tensor) -> Update:
    gradient, update, weight = products[:3].sqrt().tolist()
    lengths = gradient * update
    # Rounding can leave the quotient a little outside.
    cosine = max(-1.0, min(1.0, products[3].item() / lengths)) if lengths else math.nan
    return Update(step, player, layer, gradient, update, weight, cosine)
