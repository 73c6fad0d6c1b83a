"""What a step starts from, taken before it. Measures and shadows count only once it was taken."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.probe.gradients import Layer, layers_of
from paripassu.probe.shadows import Shadows
from paripassu.rules import State


@dataclass(frozen=True)
class Snapshot:
    """What a step starts from: the gradients, and what the shadow rules make of them.

    Attributes:
        layers: the parameters that take part, with their gradients.
        updates: each shadow rule's, one tensor a layer.
        following: each shadow rule's states after the step, one a layer.
    """

    layers: list[Layer]
    updates: dict[str, list[Tensor]]
    following: dict[str, list[State]]


@dataclass(frozen=True)
class Before:
    """What was kept before a step.

    Attributes:
        probed: whether the step is to be measured.
        weights: copies, if the step is to be measured or the shadows need them after it.
        snapshot: None if a closure will compute the gradients.
        skipped: how many steps the optimizer had left out by itself.
    """

    probed: bool
    weights: dict[Tensor, Tensor]
    snapshot: Snapshot | None
    skipped: int


def snapshot_of(
    optimizer: torch.optim.Optimizer, shadows: Shadows, weights: Mapping[Tensor, Tensor], *, copy: bool
) -> Snapshot:
    """What a step of ``optimizer`` starts from.

    Args:
        optimizer: before its step, or after one with a closure.
        shadows: of the player.
        weights: copies from before the step; those not there are the parameters themselves.
        copy: whether to copy the gradients.
    """
    layers = list(layers_of(optimizer))
    if copy:
        # A step may change gradients in place: fused optimizers unscale them, others clip or centre them.
        layers = [layer._replace(gradient=layer.gradient.clone()) for layer in layers]
    # Without copies the step is still to come: the parameters have the values from before it.
    before = [weights.get(layer.parameter, layer.parameter) for layer in layers]
    return Snapshot(layers, *shadows.step(layers, before))
