"""Steps of both players at a fixed pace: the discriminator leads, the generator follows.

The discriminator's step is measured as a probe measures it, by its weights before and after. So weight decay
counts. The generator's optimizer normalises its rule over the whole player, and its learning rate is the
length that `FixedPace` asks for. With several discriminator steps in a round the last one leads, because
the recorded pace is that of each player's last step.

Nothing is read back from the device. Of several processes each has all weights and the same gradients, so
each finds the same lengths.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from paripassu.optim import RuleOptimizer
from paripassu.rules import FixedPace
from paripassu.rules.scope import player_norm


class Lead(NamedTuple):
    """The step that the generator follows.

    Attributes:
        step: ``[]`` its length, float64.
        norm: ``[]`` length of the weights before it.
    """

    step: Tensor
    norm: Tensor


@torch.no_grad()
def measured(optimizer: RuleOptimizer, move: Callable[[RuleOptimizer], object]) -> Lead:
    """Take a step and measure it.

    Args:
        optimizer: the discriminator's.
        move: takes an optimizer's step.
    """
    weights = _moving(optimizer)
    before = [weight.detach().clone() for weight in weights]
    move(optimizer)
    steps = [weight - start for weight, start in zip(weights, before, strict=True)]
    return Lead(player_norm(steps), player_norm(before))


@torch.no_grad()
def follow(
    optimizer: RuleOptimizer, lead: Lead, pace: float, move: Callable[[RuleOptimizer], object]
) -> None:
    """Take a step at a pace.

    Args:
        optimizer: the generator's, whose rule's updates have a length of one.
        lead: the discriminator's step.
        pace: its relative step over the generator's, > 0.
        move: takes an optimizer's step.
    """
    length = FixedPace(pace).length(*lead, player_norm(_moving(optimizer)))
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = length
    try:
        move(optimizer)
    finally:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


def _moving(optimizer: RuleOptimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
