"""What training changes: two networks, the averaged generator, two optimizers, the step."""

import json
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from paripassu.models import Architecture
from paripassu.optim import RuleOptimizer
from paripassu.rules import Normalize
from paripassu.train.random import Stream, number
from paripassu.train.run import Player, Run
from paripassu.train.serialization import plain


@dataclass
class TrainingState:
    """A training between two steps.

    Attributes:
        generator: the generator.
        discriminator: the discriminator.
        averaged: the generator's moving average; None without ``ema``.
        optimizer_g: the generator's optimizer.
        optimizer_d: the discriminator's optimizer.
        step: generator updates done.
        seconds: spent training, over all sittings.
        shadows: the probe's shadow's memory; empty before it is attached.
        described: the networks' architecture, its settings, the samples' shape, whether there is an
            average and the number of classes, as plain values: what a checkpoint says of itself.
    """

    generator: nn.Module
    discriminator: nn.Module
    averaged: nn.Module | None
    optimizer_g: RuleOptimizer
    optimizer_d: RuleOptimizer
    step: int = 0
    seconds: float = 0.0
    shadows: dict[str, Any] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)

    def networks(self) -> dict[str, nn.Module]:
        """Every network by the name of its file in a checkpoint."""
        named = {"generator": self.generator, "discriminator": self.discriminator, "averaged": self.averaged}
        return {name: network for name, network in named.items() if network is not None}

    def optimizers(self) -> dict[str, RuleOptimizer]:
        """Both optimizers by player; the generator's comes first, its steps are the clock."""
        return {"generator": self.optimizer_g, "discriminator": self.optimizer_d}

    def shown(self) -> nn.Module:
        """The generator that is measured and sampled."""
        return self.generator if self.averaged is None else self.averaged

    def is_finite(self) -> bool:
        """Whether every weight and buffer is."""
        tensors = (t for network in self.networks().values() for t in network.state_dict().values())
        return all(bool(t.isfinite().all()) for t in tensors)


def initial_state(run: Run, shape: tuple[int, ...], classes: int = 0) -> TrainingState:
    """A fresh training of ``run``; torch's global generator is left as it was.

    Args:
        run: what is trained.
        shape: of one sample.
        classes: of the data's labels; 0 for networks that take none.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number(run.seed, Stream.WEIGHTS))
        pair = run.model.build_conditional(shape, classes) if classes else run.model.build(shape)
        generator, discriminator = (network.to(run.device) for network in pair)
    if run.channels_last:
        for network in (generator, discriminator):
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - torch's stubs
    averaged = deepcopy(generator).requires_grad_(requires_grad=False) if run.ema else None
    for network in (generator, discriminator) if run.compile else ():
        # Not network.compile(): that leaves out the forward of torch's own containers, such as Sequential.
        network.forward = torch.compile(network.forward)
    return TrainingState(
        generator,
        discriminator,
        averaged,
        # A generator that follows a pace has updates of length one, and its lengths as rates.
        optimizer_g=_optimizer(
            generator,
            run.generator if run.pace is None else replace(run.generator, rule=Normalize(run.generator.rule)),
        ),
        optimizer_d=_optimizer(discriminator, run.discriminator),
        described={
            **_described(run.model),
            "shape": list(shape),
            "averaged": averaged is not None,
            **({"classes": classes} if classes else {}),
        },
    )


def _described(model: Architecture) -> dict[str, Any]:
    settings = plain(model, Architecture)
    settings |= settings.get("settings", {})
    facts = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    for name in ("is", "file", "sha256"):
        facts.pop(name, None)
    return {"name": model.name} | json.loads(json.dumps(facts))  # as they come back from a checkpoint


def _optimizer(network: nn.Module, player: Player) -> RuleOptimizer:
    parameters = network.named_parameters()
    return RuleOptimizer(parameters, player.lr, rule=player.rule, weight_decay=player.weight_decay)
