"""The way for every rule: `Rule.update` itself, then parameters and states are written in place.

The host reads nothing back and every tensor keeps its memory. So a CUDA graph can record the step once the
states exist. A step allocates what the rule allocates, and one array of the parameters' size.
"""

# torch's multi-tensor operations have no public names; torch.optim is built on the same ones.
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from paripassu.optim.steps.capture import check_one_device, check_rates
from paripassu.optim.steps.player_step import PlayerStep
from paripassu.rules import Rule, State
from paripassu.rules.numbers import memory_of, shares_memory, working


def plan(step: PlayerStep) -> Callable[[], None]:
    """The step, to be called: this way supports every step."""
    return partial(carry_out, step)


def carry_out(step: PlayerStep) -> None:
    """Carry out ``step``.

    Raises:
        ValueError: the rule returned the wrong number of updates or states, or one of the wrong name, shape
            or dtype; nothing has been written then.
        RuntimeError: a CUDA graph records the step, and tensors are on several devices, or a learning rate is
            a tensor on the CPU.
    """
    check_rates(step.rates, step.parameters)
    check_one_device(step.parameters, chain.from_iterable(map(_tensors, step.states)))
    updates, states = step.rule.update(step.gradients, step.states, list(map(working, step.parameters)))
    _check_updates(step.rule, updates, step.gradients)
    pairs = list(_pairs(step.rule, states, step.states))
    # An update may be a tensor of the old state, and a new state a view of the parameter: read both before
    # writing anything.
    moves = [update * _number_for(update, rate) for update, rate in zip(updates, step.rates, strict=True)]
    _write(pairs)
    for parameter, move, factor in zip(step.parameters, moves, step.decay_factors, strict=True):
        if isinstance(factor, Tensor) or factor != 1.0:
            parameter.mul_(_number_for(parameter, factor))
        parameter.sub_(move)


def _number_for(tensor: Tensor, number: float | Tensor) -> float | Tensor:
    """A rate or factor that is rounded to the tensor's dtype, as torch rounds Python's numbers."""
    # To torch, two tensors without dimensions are equals, and the product is of the wider dtype.
    return number.to(tensor.dtype) if isinstance(number, Tensor) and not tensor.ndim else number


def _write(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Copy new states into the tensors of the old ones.

    Args:
        pairs: old and new tensors; all old ones of the player.
    """
    # A rule may move one old tensor to another name, as one that stores the last few gradients does.
    memory = {memory_of(old) for old, _ in pairs}
    changed = [
        (old, new.clone() if shares_memory(new, memory) else new) for old, new in pairs if new is not old
    ]
    # DTensors have no multi-tensor copy.
    sharded = [(old, new) for old, new in changed if hasattr(old, "full_tensor")]
    whole = [(old, new) for old, new in changed if not hasattr(old, "full_tensor")]
    for old, new in sharded:
        old.copy_(new)
    if whole:
        torch._foreach_copy_([old for old, _ in whole], [new for _, new in whole])


def _tensors(state: State) -> Iterator[Tensor]:
    for value in state.values():
        if isinstance(value, dict):
            yield from _tensors(value)
        elif isinstance(value, Tensor):
            yield value


def _pairs(rule: Rule, new: Sequence[State], old: Sequence[State]) -> Iterator[tuple[Tensor, Tensor]]:
    """Old and new tensors of all states.

    Raises:
        ValueError: they do not match.
    """
    if len(new) != len(old):
        raise ValueError(f"{rule} returned {len(new)} states for {len(old)} gradients: return one for each")
    for one, other in zip(new, old, strict=True):
        yield from _pairs_of_state(rule, one, other)


def _pairs_of_state(rule: Rule, new: State, old: State) -> Iterator[tuple[Tensor, Tensor]]:
    if new.keys() != old.keys():
        raise ValueError(
            f"{rule} returned a state with {_names(new)} where its init made {_names(old)}: "
            "return the same names in every step"
        )
    for name, present in old.items():
        if isinstance(present, dict) and isinstance(new[name], dict):
            yield from _pairs_of_state(rule, new[name], present)
        elif not isinstance(present, Tensor) or not _is_alike(new[name], present):
            raise ValueError(
                f"{rule} returned {_kind(new[name])} as {name!r} of a state where its init made "
                f"{_kind(present)}: return a tensor of the same shape and dtype in every step"
            )
        else:
            yield present, new[name]


def _check_updates(rule: Rule, updates: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    if len(updates) != len(gradients):
        raise ValueError(
            f"{rule} returned {len(updates)} updates for {len(gradients)} gradients: return one for each"
        )
    for update, gradient in zip(updates, gradients, strict=True):
        if not _is_alike(update, gradient):
            raise ValueError(
                f"{rule} returned {_kind(update)} as the update for {_kind(gradient)}: "
                "return a tensor of the gradient's shape and dtype"
            )


def _is_alike(value: Any, like: Tensor) -> bool:
    """Whether ``value`` is what must not change from step to step: a tensor of one shape and dtype."""
    return isinstance(value, Tensor) and value.shape == like.shape and value.dtype == like.dtype


def _kind(value: Any) -> str:
    """A value in words, for errors."""
    if not isinstance(value, Tensor):
        return f"{value!r}, no tensor"
    return f"a {value.dtype} of shape {tuple(value.shape)}".replace("torch.", "")


def _names(state: State) -> str:
    return ", ".join(map(repr, state)) or "nothing"
