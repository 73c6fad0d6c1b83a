"""What each player's optimizer steps really did, measured by step hooks that change nothing.

The weights before and after a step are compared, so that every ``torch.optim`` optimizer can be probed. The
first player is the clock: its n-th step ends round n. A round is probed if its number is a multiple of
``every``. Each player is measured at its last step in a probed round. A player that took no step in that
round is measured at its next one.
"""

import math
from collections.abc import Callable, Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Any

import torch

from paripassu.probe.gradients import is_skipped, skipped_steps, weights_of
from paripassu.probe.measurement import measure, relative_step
from paripassu.probe.settings import check_settings
from paripassu.probe.shadows import Shadows
from paripassu.probe.snapshot import Before, snapshot_of
from paripassu.probe.summary import ConsoleWriter, as_html, frame, plot, table
from paripassu.probe.tensorboard import TensorBoardWriter
from paripassu.records import Measured, Pace, Shadow, Update
from paripassu.rules import Adam, Rule

# The decay rates that GANs use and that AdaNSGD has.
ADAM: Mapping[str, Rule] = MappingProxyType({"adam": Adam(betas=(0.0, 0.9))})
"""The shadow that a probe has by default: Adam's step."""


class Probe:
    """Records what every player's steps did, what other rules would have done, and the players' pace.

    Per player, and per parameter if ``layers``, it writes an `Update` (norms of gradient, displacement and
    weights, and the angle between displacement and negative gradient) and a `Shadow` for each shadow rule.
    Per pair of players it writes a `Pace`. Weights are bit-identical with and without a probe. Norms and dot
    products are accumulated in float64.

    Gradients are measured as the optimizer steps from them: accumulated over micro-batches, averaged by DDP,
    unscaled by a ``GradScaler``. A step that the scaler or ``nonfinite="skip"`` skips is not measured, and
    the shadows do not see it. It still counts as a round with a fused optimizer, because only waiting for the
    device would show that it was skipped, and with ``nonfinite="skip"``. Under DDP every process measures the
    same, so attach the probe on one. Sharded parameters are not supported. If a step raises an error that you
    catch, attach a new probe. The old one still waits for the end of that step.

    A probed step copies the player's parameters and gradients and reads them a few times. A shadow follows
    every step, because its rule has a state. It costs about as much as the rule would as an optimizer: on
    DCGAN at 64 px the default Adam takes 8 % of training time, and ``shadows={}`` leaves 0.28 %.

    Args:
        optimizers: one optimizer per player, by name. The first one's steps are the clock.
        every: rounds from one probed round to the next, >= 1.
        writer: called with each record. Any callable will do: a `ConsoleWriter`, a `TensorBoardWriter`, a
            `paripassu.records.codec.RecordWriter`, a function of your own. Without it the probe keeps all
            records, as `records`.
        layers: whether to record each parameter too. Its name is the one given to the optimizer (use
            ``named_parameters()``), else its position. A name that comes twice has its group behind it.
        shadows: rules that follow every player, by name; ``{}`` for none.
        start: rounds done before the probe was attached.

    Attributes:
        records: all records so far, if there is no ``writer``.

    Raises:
        ValueError: no optimizers, ``every`` < 1, ``start`` < 0, a ``writer`` that cannot be called, a shadow
            that is no rule, or an object whose steps have no hooks, such as a wrapper of an optimizer.

    Example:
        >>> import torch
        >>> import paripassu as pp
        >>> network = torch.nn.Linear(2, 1)
        >>> optimizer = pp.NSGD(network.named_parameters(), lr=0.1)
        >>> probe = pp.Probe({"critic": optimizer}, every=1, shadows={})
        >>> network(torch.ones(4, 2)).mean().backward()
        >>> optimizer.step()  # each number as far as lr, straight down
        >>> [f"{r.layer or r.player}: {r.update:.3f}" for r in probe.records]
        ['weight: 0.141', 'bias: 0.100', 'critic: 0.173']
        >>> print(probe)  # doctest: +ELLIPSIS
        round 1  gradient   step  step/weights  cosine
        critic       1.73  0.173...
    """

    def __init__(
        self,
        optimizers: Mapping[str, torch.optim.Optimizer],
        every: int = 50,
        *,
        writer: Callable[[Measured], object] | None = None,
        layers: bool = True,
        shadows: Mapping[str, Rule] = ADAM,
        start: int = 0,
    ) -> None:
        check_settings(optimizers, every, writer, shadows, start)
        if isinstance(writer, TensorBoardWriter):
            writer.resume(start)
        self.records: list[Measured] = []
        self._keeps_records = writer is None
        self._every, self._writer, self._layers = every, writer or self.records.append, layers
        self._last: list[Measured] = []  # of the last probed round
        self._players = list(optimizers)
        self._rounds = start
        self._probed = 0  # the round being probed; 0 for none
        self._shadows = {player: Shadows(shadows) for player in optimizers}
        # If a subclass's step calls its parent's, the hooks run for both. The outer ones enclose the step.
        self._depth = dict.fromkeys(optimizers, 0)
        self._before: dict[str, Before] = {}
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
        """Write what is measured, then remove every hook, copy and shadow from the optimizers."""
        for hook in self._hooks:
            hook.remove()
        if self._rounds >= self._probed:
            self._write()
        for collection in (self._hooks, self._before, self._measured, self._shadows):
            collection.clear()

    def advance(self, rounds: int = 1) -> None:
        """Count rounds whose steps ran without hooks, as replays of a CUDA graph do; none is measured.

        Raises:
            ValueError: ``rounds`` is below 1, or the probe has shadows, which have to see every step.
        """
        if rounds < 1:
            raise ValueError(f"rounds must be >= 1, got {rounds}")
        if any(self._shadows.values()):
            raise ValueError("shadows see every step, and these had no hooks: make the Probe with shadows={}")
        self._rounds += rounds

    def summary(self) -> str:
        """What the steps of the last probed round did: a line for each player, and their pace."""
        return table(self._last)

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return as_html(self.summary())

    def frame(self) -> Any:
        """All records as a data frame of polars, or of pandas where polars is not installed.

        Columns are ``kind`` (Update, Shadow or Pace) and the fields of these.

        Raises:
            ValueError: the records went to a ``writer``.
            ModuleNotFoundError: neither library is installed.
        """
        return frame(self._kept())

    def plot(self) -> Any:
        """A plotly figure over the probed rounds: steps, steps over weights, cosines and paces.

        Raises:
            ValueError: the records went to a ``writer``.
            ModuleNotFoundError: plotly is not installed.
        """
        return plot(self._kept())

    def _kept(self) -> list[Measured]:
        if not self._keeps_records:
            raise ValueError(
                "this probe's records went to its writer: leave the writer out to keep them here"
            )
        return self.records

    def state_dict(self) -> dict[str, Any]:
        """The shadows' states by player, not a copy; ``torch.load`` reads them with ``weights_only=True``."""
        return {player: shadows.state_dict() for player, shadows in self._shadows.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from states that `state_dict` returned.

        Raises:
            ValueError: they belong to other players or other shadows.
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
            # torch passes the optimizer itself as the first argument.
            closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
            weights = weights_of(optimizer) if probed or closure else {}
            shadows = self._shadows[player]
            snapshot = None if closure else snapshot_of(optimizer, shadows, weights, copy=probed)
            self._before[player] = Before(probed, weights, snapshot, skipped_steps(optimizer))

        return before

    def _post(self, player: str) -> Callable[..., None]:
        def after(optimizer: torch.optim.Optimizer, *_: object) -> None:
            self._depth[player] -= 1
            if self._depth[player]:
                return
            before = self._before.pop(player, None)
            if before is not None and before.skipped == skipped_steps(optimizer):
                self._after(player, optimizer, before)
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

    def _after(self, player: str, optimizer: torch.optim.Optimizer, before: Before) -> None:
        """A step was taken: shadows go on, and it is measured if it is probed."""
        shadows = self._shadows[player]
        snapshot = before.snapshot or snapshot_of(optimizer, shadows, before.weights, copy=False)
        shadows.go_on(snapshot.layers, snapshot.following)
        if before.probed:
            self._measured[player] = measure(
                self._probed,
                player,
                snapshot.layers,
                before.weights,
                snapshot.updates,
                each_layer=self._layers,
            )

    def _write(self) -> None:
        records: list[Measured] = [record for own in self._measured.values() for record in own]
        relative = {player: relative_step(own) for player, own in self._measured.items()}
        for against, player in combinations(self._players, 2):
            if player in relative and against in relative:
                below = relative[against]
                pace = relative[player] / below if below else math.nan
                records.append(Pace(self._probed, player, against, pace))
        for record in records:
            self._writer(record)
        if isinstance(self._writer, ConsoleWriter):
            self._writer.end_round()
        self._last = records or self._last
        self._measured.clear()
        self._probed = 0
