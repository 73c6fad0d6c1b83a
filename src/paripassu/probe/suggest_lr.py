"""From tuned Adam to nSGDA without a sweep: learning rates that keep the lengths of Adam's steps.

Adam's step has the length η ‖Aₜ‖, which hardly depends on the scale of the gradients. The length of an nSGDA
step is its learning rate. With the mean length of recorded Adam steps as its rate, nSGDA moves a player, or a
layer, as far per step:

    η_nSGDA = 1/T Σₜ ‖wₜ₊₁ − wₜ‖

Jelassi et al. 2022, arXiv:2210.04319, claim that Adam's lengths are what matters. That is the reason to try
these rates. They are a start, not an optimum: the best length may differ for another direction.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from paripassu.records import Update


@dataclass(frozen=True)
class SuggestedLR:
    """Learning rates for `NSGD`, in the units of the weights.

    Attributes:
        player: the rate for ``scope="global"``, which is the mean length of the player's steps.
        layers: one rate a tensor for ``scope="layer"``, by the parameter's name. Each is the mean length of
            that tensor's steps. Empty if no layers were recorded.

    Example:
        >>> import torch
        >>> suggested = SuggestedLR(player=0.5, layers={"weight": 0.4, "bias": 0.3})
        >>> f"{suggested.layer:.3f}"  # one rate for both tensors
        '0.354'
        >>> groups = suggested.groups(torch.nn.Linear(2, 1).named_parameters())
        >>> [group["lr"] for group in groups]
        [0.4, 0.3]
    """

    player: float
    layers: dict[str, float]

    @property
    def layer(self) -> float:
        """One rate for all tensors with ``scope="layer"``: the player moves as far as with ``player``.

        Tensors that never moved do not count, because nSGDA does not move them either.

        Raises:
            ValueError: no layers were recorded, or none moved.
        """
        moved = sum(length > 0 for length in self.layers.values())
        if not moved:
            raise ValueError("no layers were recorded to move: probe with layers=True, or use scope='global'")
        return self.player / math.sqrt(moved)

    def groups(self, named_parameters: Iterable[tuple[str, Tensor]]) -> list[dict[str, Any]]:
        """One parameter group per tensor at its own rate, for ``NSGD(groups, lr, scope="layer")``.

        A tensor that never moved is in no group and stays where it is. An example is the last bias of a
        critic whose loss depends on differences alone. Its gradient is zero up to rounding, and nSGDA would
        take a step of full length along the rounding error.

        Args:
            named_parameters: of the player, from ``network.named_parameters()``.

        Returns:
            Groups for NSGD, whose own ``lr`` then has no effect.

        Raises:
            ValueError: a parameter that is trained was not recorded.
        """
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
                groups.append({"params": [(name, parameter)], "lr": self.layers[name]})
        return groups


def suggest_lr(records: Iterable[object], player: str, *, after: int = 0) -> SuggestedLR:
    """Learning rates for nSGDA from recorded steps of another optimizer.

    Args:
        records: `Update` records of a `Probe`, from memory or from a run's ``records.jsonl``. Records of
            other kinds are ignored. A few dozen probed steps are enough.
        player: whose steps to use, by the name it has in the records.
        after: leave out steps up to this one, >= 0. Adam's first steps are longer than the rest.

    Returns:
        Mean lengths of the steps of the player and of each of its layers, >= 0, in the units of the weights.

    Raises:
        ValueError: no step of ``player`` was recorded after ``after``, or one is not finite.

    Example:
        >>> import torch
        >>> import paripassu as pp
        >>> network, records = torch.nn.Linear(3, 1), []
        >>> adam = torch.optim.Adam(network.parameters(), lr=0.01)
        >>> probe = pp.Probe({"critic": adam}, every=1, writer=records.append)
        >>> network(torch.ones(2, 3)).mean().backward()
        >>> adam.step()  # Adam's first step moves each of the 4 numbers by lr
        >>> f"{pp.suggest_lr(records, 'critic').player:.4f}"
        '0.0200'
    """
    updates = [r for r in records if isinstance(r, Update)]
    lengths: dict[str, list[float]] = {}
    for update in updates:
        if update.player == player and update.step > after:
            lengths.setdefault(update.layer, []).append(update.update)
    if "" not in lengths:
        raise ValueError(
            f"no step of {player!r} after step {after} was recorded: "
            f"the players recorded are {sorted({u.player for u in updates})}"
        )
    means = {layer: sum(values) / len(values) for layer, values in lengths.items()}
    if not all(math.isfinite(mean) for mean in means.values()):
        raise ValueError(f"the recorded steps of {player!r} are not all finite: use those before it diverged")
    return SuggestedLR(player=means.pop(""), layers=means)
