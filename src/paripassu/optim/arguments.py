"""Settings that torch's optimizers have and ours do not, and what to do instead."""

from inspect import Parameter, signature
from typing import Any, Self

from torch.optim import Optimizer

_FASTEST = "leave it out, every step takes the fastest way that supports it"
_HEAVY_BALL = "momentum is the heavy ball alone: leave it out, or write a rule"
_ADAM = "leave it out: Adam's part is as in its paper"
_OTHER = "no rule of this package has it: leave it out"

# By the name in torch.
ADVICE = {
    "fused": _FASTEST,
    "foreach": _FASTEST,
    "capturable": "leave it out, CUDA graphs can record every step after a first one",
    "differentiable": "no gradient flows through a step: leave it out",
    "amsgrad": _ADAM,
    "decoupled_weight_decay": "weight decay is always decoupled, as AdamW's: leave it out",
    "dampening": _HEAVY_BALL,
    "nesterov": _HEAVY_BALL,
    "betas": "no moments are averaged here: leave it out, or take AdaNSGD, whose lr and betas are Adam's",
    "eps": "no epsilon guards the division: leave it out",
    "momentum": (
        "it has none: take NSGD, or Graft(params, lr, magnitude=Adam(betas), direction=SGD(momentum))"
    ),
    "alpha": "it is RMSprop's: give a rule with RMSprop(alpha)",
    **dict.fromkeys(
        ["centered", "rho", "lambd", "t0", "etas", "step_sizes", "lr_decay", "momentum_decay"], _OTHER
    ),
}
# Names in the groups of torch's optimizers, whatever their settings.
MARKS = frozenset(
    {"fused", "foreach", "capturable", "differentiable", "amsgrad", "decoupled_weight_decay"}
    | {"dampening", "nesterov", "centered"}
)


class TakesOwnArguments(Optimizer):
    """An optimizer that refuses the arguments of torch's optimizers with what to do instead."""

    def __new__(cls, *_args: Any, **arguments: Any) -> Self:
        """All but the names of arguments is left to ``__init__``.

        Raises:
            TypeError: an argument of torch's optimizers that this one does not take.
        """
        for name in sorted(arguments.keys() & ADVICE.keys() - _names(cls)):
            raise TypeError(f"{cls.__name__} has no argument {name!r}: {ADVICE[name]}")
        return super().__new__(cls)


def _names(kind: type) -> set[str]:
    """Names of the arguments of ``kind``, with its parents' where it hands on what it does not name."""
    names: set[str] = set()
    for own in (vars(parent)["__init__"] for parent in kind.__mro__ if "__init__" in vars(parent)):
        parameters = signature(own).parameters
        names |= parameters.keys()
        if all(parameter.kind is not Parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return names
