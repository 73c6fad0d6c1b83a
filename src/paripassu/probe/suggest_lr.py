"""From tuned Adam to nSGDA without a sweep: learning rates that keep the lengths of Adam's steps.

Adam's step has the length η ‖Aₜ‖, which hardly depends on the scale of the gradients;
nSGDA's step has the length of its learning rate. The mean length of recorded Adam steps is therefore the rate
at which nSGDA moves a player, or a layer, as far per step:

    η_nSGDA = 1/T Σₜ ‖wₜ₊₁ − wₜ‖

That Adam's lengths are what matters is the claim of Jelassi et al. 2022, arXiv:2210.04319, and the reason to
try this; it is a start, not an optimum, since the direction changes and with it the best length.
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
        player: for ``scope="global"``: mean length of the player's steps.
        layers: for ``scope="layer"`` with a rate per tensor: mean length of its steps, by the parameter's
            name. Empty where no layers were recorded.
    """

    player: float
    layers: dict[str, float]

    @property
    def layer(self) -> float:
        """For ``scope="layer"`` with one rate: with it the player moves as far as with ``player``.

        Tensors that never moved are not counted: their gradients are zero, and so are nSGDA's steps.

        Raises:
            ValueError: no layers were recorded, or none moved.
        """
        moved = sum(length > 0 for length in self.layers.values())
        if not moved:
            raise ValueError("no layers were recorded to move: probe with layers=True, or use scope='global'")
        return self.player / math.sqrt(moved)

    def groups(self, named_parameters: Iterable[tuple[str, Tensor]]) -> list[dict[str, Any]]:
        """One parameter group per tensor at its own rate, for ``NSGD(groups, lr, scope="layer")``.

        A tensor that never moved is in no group and stays where it is. Its gradient is zero, as that of the
        last bias of a critic whose loss sees differences alone; normalised, a rounding error in it would be a
        step of full length.

        Args:
            named_parameters: the player's, as ``network.named_parameters()`` gives them.

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
    """Learning rates for nSGDA from the steps that another optimizer was recorded to take.

    Args:
        records: `Update` records of a `Probe`, from memory or from a run's ``records.jsonl``; records of
            other kinds are passed over. A few dozen probed steps are enough.
        player: whose steps to use, by the name it has in the records.
        after: leave out steps up to this one, >= 0: Adam's first are longer than the rest.

    Returns:
        Mean lengths of the player's steps and of each of its layers', >= 0, in the units of the weights: the
        rates at which nSGDA moves as far per step.

    Raises:
        ValueError: no step of ``player`` was recorded after ``after``, or one is not finite.
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
