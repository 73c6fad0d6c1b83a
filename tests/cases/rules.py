"""Rules of every kind, and every optimizer once: a new rule's row here inherits every law."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch

from paripassu import rules
from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft, RuleOptimizer, steps
from paripassu.rules import (
    SGD,
    Adam,
    Clip,
    FromTorch,
    MaxVA,
    Normalize,
    Optimistic,
    Orthogonal,
    RMSprop,
    Rule,
    RunningNormalize,
    Sign,
    Weight,
    norms,
    rescale,
)

# The two parts that the fast ways combine, each with and without the states it may have.
EPS = 1e-30  # below every gradient in tests, so that Adam's direction does not depend on their scale
PARTS = [SGD(), SGD(0.9), Adam((0.0, 0.9), EPS), Adam((0.5, 0.999), EPS)]


@dataclass(frozen=True)
class ShareOfWeights(Rule):
    """The gradient, in each tensor as long as the weights there: LARS with a trust coefficient of one."""

    def init(self, tensor):
        """Nothing."""
        return {}

    def update(self, gradients, states, weights):
        """One step."""
        return rescale(gradients, norms(weights, "layer"), "layer"), list(states)


# All that the fast ways support, with each kind of part.
FAST = [
    *PARTS,
    *(
        Normalize(part, scope, unit)
        for part in PARTS
        for scope in ("global", "layer")
        for unit in ("length", "rms")
    ),
    *(
        graft
        for scope in ("global", "layer")
        for sgd in PARTS[:2]
        for adam in PARTS[2:]
        for graft in (rules.Graft(sgd, adam, scope), rules.Graft(adam, sgd, scope))
    ),
    *(
        rules.Graft(Weight(scope=scope), part, scope)
        for scope, part in (
            ("global", PARTS[0]),
            ("layer", PARTS[1]),
            ("layer", PARTS[2]),
            ("global", PARTS[3]),
        )
    ),
]
# Rules that have no optimizer of their own name, and the plain way alone.
NAMELESS: dict[str, Rule] = {
    "Sign": Sign(),
    "MaxVA": MaxVA((0.5, 0.999), eps=EPS),
    "MaxVA layer": MaxVA((0.0, 0.9), eps=EPS, scope="layer"),
    "Clip": Clip(SGD(0.9), 0.5),
    "Optimistic": Optimistic(Normalize()),
    "Weight row": rules.Graft(Weight(scope="row"), SGD(), "row"),
    "Weight of the player": rules.Graft(Weight(scope="global"), SGD(), "layer"),
    "RunningNormalize": RunningNormalize(SGD(), 0.9),
    "Orthogonal": Orthogonal(SGD(0.9)),
    "Graft row": rules.Graft(Adam((0.0, 0.9), EPS), SGD(), "row"),
    "RunningNormalize row": RunningNormalize(Normalize(SGD(), "row", "rms"), 0.5, "row"),
}
# What only the plain way supports.
SLOW = [
    *NAMELESS.values(),
    RMSprop(),
    Normalize(RMSprop()),
    rules.Graft(SGD(), SGD(0.9)),
    rules.Graft(RMSprop(), SGD()),
    Normalize(Normalize()),
    ShareOfWeights(),
]


@contextmanager
def only(*ways) -> Generator[None]:
    """Steps are carried out in these ways or not at all."""
    with patch.object(steps, "WAYS", ways):
        yield


OPTIMIZERS: dict[str, Callable[..., RuleOptimizer]] = {}


def _case(name: str, kind: Callable[..., RuleOptimizer], **settings: Any) -> None:
    OPTIMIZERS[name] = lambda params, lr=0.01, **more: kind(params, lr, **settings, **more)


for scope in ("global", "layer"):
    _case(f"NSGD {scope}", NSGD, scope=scope, unit="length")
    _case(f"NSGD {scope} rms", NSGD, scope=scope, unit="rms")
    _case(f"NSGD {scope} momentum", NSGD, scope=scope, unit="length", momentum=0.9)
    _case(f"NSGD {scope} relative", NSGD, scope=scope, relative=True)
    _case(f"AdaNSGD {scope}", AdaNSGD, scope=scope)
    _case(f"AdaNSGD {scope} betas", AdaNSGD, scope=scope, betas=(0.5, 0.999))
    _case(f"AdaDir {scope}", AdaDir, scope=scope)
    _case(f"Graft {scope}", Graft, scope=scope, magnitude=RMSprop(), direction=SGD(0.9))
_case("rule SGD", RuleOptimizer, rule=SGD())
_case("rule Adam", RuleOptimizer, rule=Adam((0.9, 0.999)))
_case("rule RMSprop", RuleOptimizer, rule=RMSprop())
_case("rule of weights", RuleOptimizer, rule=ShareOfWeights())
_case("rule normalised Adam", RuleOptimizer, rule=Normalize(Adam((0.5, 0.9))))
for name, rule in NAMELESS.items():
    _case(f"rule {name}", RuleOptimizer, rule=rule)


def _torchs(params: Any, lr: Any, **more: Any) -> RuleOptimizer:
    """Made late, because a step of torch's optimizers imports its compiler."""
    return RuleOptimizer(params, lr, rule=FromTorch(torch.optim.SGD, momentum=0.9, nesterov=True), **more)


_case("rule FromTorch", _torchs)

# Those that overflow where torch's own optimizer does: tests/rules/test_from_torch.py.
AS_TORCH = {"rule FromTorch"}

# Those whose update of each tensor is a sum of its gradients. All others turn away from them.
RAW_DIRECTIONS = {
    *(name for name in OPTIMIZERS if name.startswith(("NSGD", "AdaNSGD", "Graft"))),
    "rule SGD", "rule of weights", "rule Clip", "rule Optimistic", "rule Weight of the player",
    "rule Weight row", "rule FromTorch", "rule RunningNormalize",
}  # fmt: skip
