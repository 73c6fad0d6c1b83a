"""Continue a run of one of torch's optimizers: its groups, moments and step counts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from paripassu.optim.arguments import MARKS
from paripassu.optim.group_rules import GroupRules
from paripassu.optim.groups import check_decay
from paripassu.optim.saved_state import fit
from paripassu.rules import SGD, Adam, RMSprop, Rule, State
from paripassu.rules.numbers import working
from paripassu.rules.parts import rules_in, with_state
from paripassu.rules.wrapper import Wrapper

_SAME: dict[type[torch.optim.Optimizer], type[Rule]] = {
    torch.optim.Adam: Adam,  # and AdamW, its subclass
    torch.optim.SGD: SGD,
    torch.optim.RMSprop: RMSprop,
}
# Settings that make another algorithm of it.
_VARIANTS = ("amsgrad", "nesterov", "dampening", "centered")


class _TakesOver(Protocol):
    def take_over(self, other: torch.optim.Optimizer, /) -> None: ...


_Optimizer = TypeVar("_Optimizer", bound=_TakesOver)


def continued(
    make: Callable[..., _Optimizer],
    other: torch.optim.Optimizer,
    kind: type[torch.optim.Optimizer],
    numbers: Sequence[str],
    lr: float | Tensor | None,
    **settings: Any,
) -> _Optimizer:
    """A new optimizer that goes on where ``other`` is.

    Args:
        make: makes it from groups, a learning rate and settings.
        other: one of torch's optimizers.
        kind: what it must be.
        numbers: names of the rule's numbers among its defaults. The new one has these too, ``maximize`` and a
            decoupled ``weight_decay``, for groups that are added later.
        lr: of all groups; None keeps those of ``other``, with what a scheduler starts from.
        **settings: further ones of the new optimizer.

    Raises:
        TypeError: ``other`` is another.
        ValueError: its weight decay is not decoupled, or it is a variant.
    """
    groups = groups_from(other, kind)
    if lr is not None:
        for group in groups:
            group["lr"] = lr
            group.pop("initial_lr", None)  # a scheduler's, which a new one would start from
    own = {name: other.defaults[name] for name in (*numbers, "maximize")}
    if other.defaults.get("decoupled_weight_decay"):
        own["weight_decay"] = other.defaults["weight_decay"]
    optimizer = make(groups, other.defaults["lr"] if lr is None else lr, **own, **settings)
    optimizer.take_over(other)
    return optimizer


def groups_from(other: torch.optim.Optimizer, kind: type[torch.optim.Optimizer]) -> list[dict[str, Any]]:
    """Parameter groups as ``other`` has them, without the settings that only torch's optimizers have.

    Args:
        other: one of torch's optimizers.
        kind: what it must be.

    Raises:
        TypeError: ``other`` is another.
        ValueError: its weight decay is not decoupled.
    """
    if not isinstance(other, kind):
        raise TypeError(f"a {kind.__name__} is needed, got {type(other).__name__}")
    groups: list[dict[str, Any]] = []
    for group in other.param_groups:
        check_decay(group, type(other).__name__)
        own = {name: value for name, value in group.items() if name not in MARKS}
        names = own.pop("param_names", None)
        if names:
            own["params"] = list(zip(names, own["params"], strict=True))
        groups.append(own)
    return groups


def states_from(
    other: torch.optim.Optimizer,
    groups: Sequence[dict[str, Any]],
    rules: GroupRules,
    present: Mapping[Tensor, State],
) -> dict[Tensor, State]:
    """States of ``groups`` with those of ``other`` in the part of the rule that is the same algorithm.

    Args:
        other: one of torch's optimizers.
        groups: of the optimizer that continues.
        rules: of that optimizer.
        present: its states, which other parts of the rule keep.

    Raises:
        ValueError: the rule has no such part, or ``other`` is a variant or has other parameters.
    """
    kind = next((ours for theirs, ours in _SAME.items() if isinstance(other, theirs)), None)
    count = _count(rules.rule, kind) if kind else 0
    if kind is None or count != 1:
        raise ValueError(
            f"{rules.rule} has {count} parts that continue {type(other).__name__}, and it needs one: states "
            "of Adam, AdamW, SGD and RMSprop fit a rule with one part of the same name"
        )
    for group in other.param_groups:
        variants = [name for name in _VARIANTS if group.get(name)]
        variants += ["momentum"] if kind is RMSprop and group["momentum"] else []
        if variants:
            raise ValueError(
                f"{type(other).__name__} with {variants[0]}={group[variants[0]]} is another algorithm than "
                f"the rule {kind.__name__}: start with fresh states instead"
            )
    rule_of = {p: rules.of(group) for group in groups for p in group["params"]}
    if not other.state.keys() <= rule_of.keys():
        raise ValueError(
            f"{type(other).__name__} has states of parameters that this optimizer does not have: "
            "make it of the same parameters"
        )
    states: dict[Tensor, State] = {}
    for parameter, flat in other.state.items():
        rule, tensor = rule_of[parameter], working(parameter.detach())
        state = present.get(parameter) or rule.init(tensor)
        placed = _place(rule, kind, flat, state, tensor)
        if placed:
            states[parameter] = placed
    return states


def _count(rule: Rule, kind: type[Rule]) -> int:
    inside = rules_in(rule)
    return sum(_count(getattr(rule, name), kind) for name in inside) if inside else int(type(rule) is kind)


def _place(rule: Rule, kind: type[Rule], flat: Mapping[str, Any], state: State, tensor: Tensor) -> State:
    """``state`` with the state ``flat`` of the part that is ``kind``."""
    if isinstance(rule, Wrapper):
        return _place(rule.rule, kind, flat, state, tensor)
    if inside := rules_in(rule):
        # A rule that divides tensors among its parts has each tensor's state under one name.
        return state | {
            name: _place(getattr(rule, name), kind, flat, state[name], tensor)
            for name in inside
            if name in state
        }
    if type(rule) is not kind:
        return state
    # Adam always has a first moment, although with betas[0] = 0 it is the last gradient.
    used = {name: value for name, value in flat.items() if name in rule.init(tensor)}
    return fit(used, tensor, with_state(rule, optional=False), rule)
