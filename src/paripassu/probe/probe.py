"""What each player's optimizer steps really did, through step hooks that change nothing.

A probed step is measured from the outside, by the weights before and after it, so every
``torch.optim`` optimizer can be probed. The player named first keeps the clock: its n-th step ends
round n. Rounds whose number is a multiple of ``every`` are probed: each player by the last step it took in
the round or, where it took none, by its first one after.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from paripassu.probe.gradients import Layer, is_skipped, stepped
from paripassu.probe.measurement import measure
from paripassu.probe.shadows import Shadows
from paripassu.records import Measured, Pace, Shadow, Update
from paripassu.rules import Adam, Rule

# The decay rates that GANs use and that AdaNSGD has.
ADAM: Mapping[str, Rule] = MappingProxyType({"adam": Adam(betas=(0.0, 0.9))})


@dataclass(frozen=True)
class _Sight:
    layers: list[Layer]
    shadows: dict[str, list[Tensor]]


@dataclass(frozen=True)
class _Before:
    weights: dict[Tensor, Tensor] | None  # of a probed step
    sight: _Sight | None  # None where a closure will compute the gradients


class Probe:
    """Records what every player's steps did, what other rules would have done, and the players' pace.

    Per player and, if ``layers``, per parameter: an `Update` (norms of gradient, displacement and weights,
    the angle between the first two) and a `Shadow` for each shadow rule; per pair of players a `Pace`.
    Weights are bit-identical with and without a probe. Norms and dot products are accumulated in float64.

    Gradients are measured as the optimizer steps from them: accumulated over micro-batches, averaged by DDP,
    unscaled by a ``GradScaler`` (a step that it skips is neither measured nor shown to the shadows; a fused
    optimizer's still counts as a round, for to know of it one would have to wait for the device). Under DDP
    every process measures the same, so attach the probe on one. Sharded parameters are not supported.
    Should a step raise an error that is caught, attach a new probe: to this one the step goes on.

    Probed steps take two copies of one player's parameters and some passes over them. A shadow keeps its
    rule's state and follows every step, which costs about as much as the rule would as an optimizer.

    Args:
        optimizers: one optimizer per player, by name. The first one's steps are the clock.
        every: rounds between probed rounds, >= 1.
        writer: called with each record: any callable, such as `print`, a list's ``append``, a
            `paripassu.records.RecordWriter` or a `TensorBoardWriter`.
        layers: whether to record each parameter too, named as the optimizer knows it (give the optimizer
            ``named_parameters()``), else by its position.
        shadows: rules to follow every player, by name; ``{}`` for none.
        start: rounds done before the probe was attached.

    Raises:
        ValueError: no optimizers, ``every`` < 1 or ``start`` < 0.
    """

    def __init__(
        self,
        optimizers: Mapping[str, torch.optim.Optimizer],
        every: int = 50,
        *,
        writer: Callable[[Measured], object],
        layers: bool = True,
        shadows: Mapping[str, Rule] = ADAM,
        start: int = 0,
    ) -> None:
        if not optimizers:
            raise ValueError("Probe needs at least one optimizer, as {'player': optimizer}")
        if every < 1:
            raise ValueError(f"every must be >= 1, got {every}")
        if start < 0:
            raise ValueError(f"start must be >= 0, got {start}")
        self._every, self._writer, self._layers = every, writer, layers
        self._players = list(optimizers)
        self._rounds = start
        self._probed = 0  # the round being probed; 0 for none
        self._shadows = {player: Shadows(shadows) for player in optimizers}
        # A subclass whose step calls its parent's runs the hooks of both; the outer ones frame the step.
        self._depth = dict.fromkeys(optimizers, 0)
        self._before: dict[str, _Before] = {}
        self._measured: dict[str, list[Update | Shadow]] = {}
        self._hooks = [
            hook
            for player, optimizer in optimizers.items()
            for hook in (
                optimizer.register_step_pre_hook(self._pre(player)),
                optimizer.register_step_post_hook(self._post(player)),
            )
        ]

    def detach(self) -> None:
        """Write what is measured, remove every hook, copy and shadow; the optimizers are as they were."""
        for hook in self._hooks:
            hook.remove()
        if self._rounds >= self._probed:
            self._write()
        for held in (self._hooks, self._before, self._measured, self._shadows):
            held.clear()

    def state_dict(self) -> dict[str, Any]:
        """The shadows' memory by player, not a copy; torch loads what it saves with ``weights_only=True``."""
        return {player: shadows.state_dict() for player, shadows in self._shadows.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the memory that `state_dict` gave.

        Raises:
            ValueError: it is of other players or other shadows.
        """
        if state.keys() != self._shadows.keys():
            raise ValueError(
                f"the saved players are {', '.join(state) or 'none'}, this probe's are "
                f"{', '.join(self._shadows)}: attach the probe to the players it was saved with"
            )
        for player, shadows in self._shadows.items():
            shadows.load_state_dict(state[player])

    def _pre(self, player: str) -> Callable[..., None]:
        def before(optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._depth[player] += 1
            if self._depth[player] > 1:
                return
            probed = self._is_due(player)
            if not (probed or self._shadows[player]) or is_skipped(optimizer):
                return
            weights = _weights(optimizer) if probed else None
            # torch hands the optimizer itself as the first argument.
            closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
            sight = None if closure else self._look(player, optimizer, copy=probed)
            self._before[player] = _Before(weights, sight)

        return before

    def _post(self, player: str) -> Callable[..., None]:
        def after(optimizer: torch.optim.Optimizer, *_: object) -> None:
            self._depth[player] -= 1
            if self._depth[player]:
                return
            before = self._before.pop(player, None)
            if before is not None:
                sight = before.sight or self._look(player, optimizer, copy=False)
                if before.weights is not None:
                    self._measured[player] = measure(
                        self._probed,
                        player,
                        sight.layers,
                        before.weights,
                        sight.shadows,
                        each_layer=self._layers,
                    )
            if player == self._players[0]:
                self._rounds += 1
            if self._rounds >= self._probed and len(self._measured) == len(self._players):
                self._write()

        return after

    def _is_due(self, player: str) -> bool:
        following = self._rounds + 1
        if following % self._every == 0 and self._probed != following:
            self._write()  # of an earlier round, without the players that have not stepped since
            self._probed = following
        if not self._probed:
            return False
        return self._rounds < self._probed or player not in self._measured

    def _look(self, player: str, optimizer: torch.optim.Optimizer, *, copy: bool) -> _Sight:
        layers = list(stepped(optimizer))
        if copy:
            # A step may change gradients in place: fused optimizers unscale them, others clip or centre them.
            layers = [layer._replace(gradient=layer.gradient.clone()) for layer in layers]
        return _Sight(layers, self._shadows[player].see(layers))

    def _write(self) -> None:
        for records in self._measured.values():
            for record in records:
                self._writer(record)
        relative = {player: _relative(records) for player, records in self._measured.items()}
        for against, player in combinations(self._players, 2):
            if player in relative and against in relative:
                below = relative[against]
                pace = relative[player] / below if below else math.nan
                self._writer(Pace(self._probed, player, against, pace))
        self._measured.clear()
        self._probed = 0


def _weights(optimizer: torch.optim.Optimizer) -> dict[Tensor, Tensor]:
    return {p: p.detach().clone() for group in optimizer.param_groups for p in group["params"]}


def _relative(records: list[Update | Shadow]) -> float:
    whole = next(r for r in records if isinstance(r, Update) and not r.layer)
    return whole.update / whole.weight if whole.weight else math.nan
