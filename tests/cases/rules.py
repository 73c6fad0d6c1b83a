"""Every optimizer once: a new rule's row here inherits every law."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft, RuleOptimizer
from paripassu.rules import SGD, Adam, Normalize, RMSprop, Rule
from paripassu.rules.scope import norms, rescale

# The two parts that fast paths combine, each with and without what it may keep.
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


OPTIMIZERS: dict[str, Callable[..., RuleOptimizer]] = {}


def _case(name: str, kind: Callable[..., RuleOptimizer], **settings: Any) -> None:
    OPTIMIZERS[name] = lambda params, lr=0.01, **more: kind(params, lr, **settings, **more)


for scope in ("global", "layer"):
    _case(f"NSGD {scope}", NSGD, scope=scope)
    _case(f"NSGD {scope} momentum", NSGD, scope=scope, momentum=0.9)
    _case(f"AdaNSGD {scope}", AdaNSGD, scope=scope)
    _case(f"AdaNSGD {scope} betas", AdaNSGD, scope=scope, betas=(0.5, 0.999))
    _case(f"AdaDir {scope}", AdaDir, scope=scope)
    _case(f"Graft {scope}", Graft, scope=scope, magnitude=RMSprop(), direction=SGD(0.9))
_case("rule SGD", RuleOptimizer, rule=SGD())
_case("rule Adam", RuleOptimizer, rule=Adam((0.9, 0.999)))
_case("rule RMSprop", RuleOptimizer, rule=RMSprop())
_case("rule of weights", RuleOptimizer, rule=ShareOfWeights())
_case("rule normalised Adam", RuleOptimizer, rule=Normalize(Adam((0.5, 0.9))))
