"""From tuned Adam to nSGDA without a sweep: learning rates that keep the lengths of Adam's steps.

Adam's step has the length η ‖Aₜ‖, which hardly depends on the scale of the gradients. The length of the
paper's nSGDA step is its learning rate. With the mean length of recorded Adam steps as its rate, nSGDA
moves a player, or a layer, as far per step:

    η_nSGDA = 1/T Σₜ ‖wₜ₊₁ − wₜ‖

In units of the root mean square that is one number for both scopes, η / √n for n elements. As a share of the
weights it is another, η / ‖w‖.

Jelassi et al. 2022, arXiv:2210.04319, claim that Adam's lengths are what matters. That is the reason to try
these rates. They are a start, not an optimum: the best length may differ for another direction.
"""

import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paripassu.probe.gradients import named_parameters
from paripassu.records import Update
from paripassu.rules import Unit, norms
from paripassu.rules.numbers import real
from paripassu.rules.scope import check_unit
from paripassu.rules.weight import FLOOR


@dataclass(frozen=True)
class SuggestedLR:
    """Learning rates for `NSGD`.

    Attributes:
        player: the rate for ``scope="global", unit="length"``, which is the mean length of the player's
            steps, in the units of the weights.
        layers: the mean length of each tensor's steps, by the parameter's name: its own rate for
            ``scope="layer", unit="length"``. A name that comes twice has its group behind it, as in
            ``"weight (group 1)"``. Empty if no layers were recorded.
        relative: the rate for ``relative=True`` in both scopes, which is the mean share of a step of the
            weights; NaN if the weights were zero in all records.
        elements: of the player; None if unknown.

    Example:
        >>> import torch
        >>> suggested = SuggestedLR(0.5, {"weight": 0.4, "bias": 0.3}, relative=0.01, elements=25)
        >>> f"{suggested.layer:.3f}"  # one rate for both tensors
        '0.354'
        >>> suggested.rms  # the same in NSGD's own unit, in both scopes
        0.1
        >>> groups = suggested.groups(torch.nn.Linear(2, 1).named_parameters(), unit="length")
        >>> [group["lr"] for group in groups]
        [0.4, 0.3]
    """

    player: float
    layers: dict[str, float]
    relative: float = math.nan
    elements: int | None = None

    @property
    def layer(self) -> float:
        """One rate for all tensors with ``scope="layer", unit="length"``.

        The player moves as far as with ``player``. Tensors that never moved do not count, because nSGDA does
        not move them either.

        Raises:
            ValueError: no layers were recorded, or none moved.
        """
        moved = sum(length > 0 for length in self.layers.values())
        if not moved:
            raise ValueError("no layers were recorded to move: probe with layers=True, or use scope='global'")
        return self.player / math.sqrt(moved)

    @property
    def rms(self) -> float:
        """The rate for ``unit="rms"`` in both scopes: the root mean square of the steps' elements.

        Raises:
            ValueError: records do not say how many elements the player has.
        """
        if self.elements is None:
            raise ValueError(
                "records do not say how many elements the player has: give suggest_lr its parameters, as in "
                "suggest_lr(records, player, parameters=network.parameters())"
            )
        return self.player / math.sqrt(self.elements)

    def groups(
        self,
        named_parameters: Iterable[tuple[str, Tensor]],
        *,
        unit: Unit = "rms",
        relative: bool = False,
    ) -> list[dict[str, Any]]:
        """One parameter group per tensor at its own rate, for ``NSGD(groups)``.

        A tensor that never moved is in no group and stays where it is. An example is the last bias of a
        critic whose loss depends on differences alone. Its gradient is zero up to rounding, and nSGDA would
        take a step of full length along the rounding error.

        Args:
            named_parameters: of the player, from ``network.named_parameters()``.
            unit: of the rates, as NSGD's.
            relative: whether rates are shares of the weights as they are now, as NSGD's.

        Returns:
            Groups for NSGD, whose own ``lr`` then has no effect.

        Raises:
            ValueError: a parameter that is trained was not recorded, or ``unit="length"`` with ``relative``.
        """
        check_unit(unit)
        if relative and unit != "rms":
            raise ValueError(f"shares of the weights have no unit: leave out unit={unit!r} or relative=True")
        groups: list[dict[str, Any]] = []
        for name, parameter in named_parameters:
            if name not in self.layers:
                if not parameter.requires_grad:
                    continue
                raise ValueError(
                    f"no step of {name!r} was recorded: probe with layers=True an optimizer that was given "
                    f"named_parameters(), or freeze what is not trained; recorded are {sorted(self.layers)}"
                )
            if self.layers[name] > 0:
                if relative:
                    at_one = _least_length([parameter])
                else:
                    at_one = math.sqrt(real(parameter).numel()) if unit == "rms" else 1.0
                groups.append({"params": [(name, parameter)], "lr": self.layers[name] / at_one})
        return groups


def suggest_lr(
    source: Iterable[object] | torch.optim.Optimizer,
    player: str | None = None,
    *,
    after: int = 0,
    parameters: Iterable[Tensor] = (),
) -> SuggestedLR:
    """Learning rates for nSGDA from steps of another optimizer.

    Args:
        source: `Update` records of a `Probe`, from memory or from a run's ``records.jsonl``. Records of other
            kinds are ignored. A few dozen probed steps are enough. Or a running optimizer: from
            ``torch.optim.Adam`` or ``AdamW`` the step that it took last, by its moments; from any other the
            step that it would take with the gradients that are there. One step says less than many.
        player: whose steps to use, by the name it has in the records. Records of one player need none.
        after: of records, leave out steps up to this one, >= 0. Adam's first steps are longer than the rest.
        parameters: of the player, for `SuggestedLR.rms` from records.

    Returns:
        Mean lengths of the steps of the player and of each of its layers, >= 0, in the units of the weights,
        and what they are in NSGD's other units.

    Raises:
        ValueError: no step of ``player`` was recorded after ``after``, or one is not finite; or the optimizer
            has taken no step and has no gradients.

    Example:
        >>> import torch
        >>> import paripassu as pp
        >>> network = torch.nn.Linear(3, 1)
        >>> adam = torch.optim.Adam(network.parameters(), lr=0.01)
        >>> network(torch.ones(2, 3)).mean().backward()
        >>> adam.step()  # Adam's first step moves each of the 4 numbers by lr
        >>> f"{pp.suggest_lr(adam).player:.4f}, an element {pp.suggest_lr(adam).rms:.4f}"
        '0.0200, an element 0.0100'
    """
    if isinstance(source, torch.optim.Optimizer):
        if player is not None or after:
            raise ValueError(
                "an optimizer is one player and shows one step: give player and after with records alone"
            )
        return _from_optimizer(source)
    elements = sum(real(parameter).numel() for parameter in parameters) or None
    return _from_records([r for r in source if isinstance(r, Update)], player, after, elements)


def _from_records(updates: list[Update], player: str | None, after: int, elements: int | None) -> SuggestedLR:
    if not updates:
        raise ValueError(
            "there is no step in these records: give those of a Probe, and as a list, as in "
            "list(read_records(...)), because a generator can be read only once"
        )
    players = sorted({update.player for update in updates})
    if player is None:
        if len(players) != 1:
            raise ValueError(f"say whose steps to use: the players recorded are {players}")
        (player,) = players
    lengths: dict[str, list[float]] = {}
    shares: list[float] = []
    for update in updates:
        if update.player == player and update.step > after:
            lengths.setdefault(update.layer, []).append(update.update)
            if not update.layer and update.weight > 0:
                shares.append(update.update / update.weight)
    if "" not in lengths:
        raise ValueError(
            f"no step of {player!r} after step {after} was recorded: the players recorded are {players}"
        )
    means = {layer: sum(values) / len(values) for layer, values in lengths.items()}
    if not all(math.isfinite(mean) for mean in means.values()):
        raise ValueError(f"the recorded steps of {player!r} are not all finite: use those before it diverged")
    relative = sum(shares) / len(shares) if shares else math.nan
    return SuggestedLR(means.pop(""), means, relative, elements)


class _Move(NamedTuple):
    """What a step does to one parameter."""

    name: str
    parameter: Tensor
    length: float


@torch.no_grad()
def _from_optimizer(optimizer: torch.optim.Optimizer) -> SuggestedLR:
    if isinstance(optimizer, torch.optim.Adam) and any(optimizer.state.values()):
        moves = list(_by_moments(optimizer))
    else:
        moves = list(_by_a_copy(optimizer))
    lengths = [move.length for move in moves]
    if not all(map(math.isfinite, lengths)):
        raise ValueError("the optimizer's step is not finite: take one that has not diverged")
    moved = [move.parameter for move in moves if move.length > 0]
    if not moved:
        raise ValueError(
            f"this {type(optimizer).__name__} shows no step: call suggest_lr after backward(), before "
            "zero_grad(), or give it records of a probe"
        )
    player, layers = math.hypot(*lengths), {move.name: move.length for move in moves}
    elements = sum(real(parameter).numel() for parameter in moved)
    return SuggestedLR(player, layers, player / _least_length(moved), elements)


def _by_moments(adam: torch.optim.Adam) -> Iterator[_Move]:
    """The last step of Adam, without weight decay."""
    for group, name, parameter in named_parameters(adam):
        state = adam.state.get(parameter)
        if not state:
            yield _Move(name, parameter, 0.0)
            continue
        b1, b2 = map(float, group["betas"])
        steps = float(state["step"])
        second = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
        first, second = real(state["exp_avg"]), real(second)
        update = first / (1 - b1**steps) / ((second / (1 - b2**steps)).sqrt() + group["eps"])
        yield _Move(name, parameter, abs(float(group["lr"])) * _length([update]))


def _by_a_copy(optimizer: torch.optim.Optimizer) -> Iterator[_Move]:
    """The next step, taken by a copy."""
    before = list(named_parameters(optimizer))
    other = copy.deepcopy(optimizer)  # without hooks
    for (_, _, parameter), (_, _, twin) in zip(before, named_parameters(other), strict=True):
        twin.grad = None if parameter.grad is None else parameter.grad.clone()
    other.step()
    for (_, name, parameter), (_, _, twin) in zip(before, named_parameters(other), strict=True):
        yield _Move(name, parameter, _length([real(twin.detach()) - real(parameter.detach())]))


def _length(tensors: list[Tensor]) -> float:
    return math.hypot(*(float(norm) for norm in norms([real(t.detach()) for t in tensors], "layer")))


def _least_length(parameters: list[Tensor]) -> float:
    """What a share of one is of: the length, or that of the floor of ``relative=True``."""
    return max(_length(parameters), FLOOR * math.sqrt(sum(real(p).numel() for p in parameters)))
