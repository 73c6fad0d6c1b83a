"""Any optimizer of torch as a rule: its step from zero weights is its update.

    u = −(w₁ − w₀) at w₀ = 0 and learning rate 1

A step whose length is proportional to the learning rate, and which does not depend on the weights, is this
update times the learning rate.
"""

# Whether a tensor stands for many runs has no public name.
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false
# ruff: noqa: SLF001

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils._python_dispatch import _disable_current_modes

from paripassu.rules.rule import Rule, State

_OWN = {
    "lr": "the learning rate is that of the optimizer with this rule",
    "weight_decay": "weight decay is that of the optimizer with this rule, and decoupled",
    "decoupled_weight_decay": "weight decay is that of the optimizer with this rule, and decoupled",
    "maximize": "the optimizer with this rule has it",
    **dict.fromkeys(("foreach", "fused", "capturable", "differentiable"), "it changes no update"),
}
_TORCH = "torch.optim"


@dataclass(frozen=True, init=False, repr=False)
class FromTorch(Rule):
    """What an optimizer of torch does to zero weights at learning rate 1, as a rule.

    ``FromTorch(torch.optim.SGD, momentum=0.9)`` is ``SGD(0.9)`` and ``FromTorch(torch.optim.Adam)`` is
    ``Adam()``, by slower code: each update makes torch's optimizer anew and steps it twice, once for tensors
    that begin. It can be an arm, a shadow, and half of a `Graft`.

    Two optimizers have steps that are not proportional to their learning rate: ``Rprop``, whose first step
    and bounds of steps are for 1 here, and ``ASGD``, which falls at its rate's own pace. `theory.play` cannot
    play many runs by these rules, because torch's optimizers read their step counts.

    Args:
        optimizer: a class of ``torch.optim``, or another subclass of ``torch.optim.Optimizer`` at the top of
            a module that can be imported, or its name.
        settings: pairs of names and values, as files have them.
        **more: its other settings, without learning rate and weight decay.

    Raises:
        ValueError: no such optimizer, or a setting that it does not have or that belongs to the optimizer
            with this rule; or one whose step needs a closure or sparse gradients (``LBFGS``, ``SparseAdam``),
            depends on the weights (``Adafactor``, ``ASGD`` unless ``lambd=0``), or keeps other things than
            tensors in its state.

    Example:
        >>> import torch
        >>> rule, gradient = FromTorch(torch.optim.Adamax), torch.tensor([3.0, -0.01])
        >>> rule
        FromTorch(Adamax)
        >>> rule.update([gradient], [rule.init(gradient)], [torch.zeros(2)])[0]
        [tensor([ 1.0000, -1.0000])]
    """

    optimizer: str
    settings: tuple[tuple[str, Any], ...]

    def __init__(
        self, optimizer: type[Optimizer] | str, settings: Iterable[Sequence[Any]] = (), **more: Any
    ) -> None:
        given = {name: _as_tuple(value) for name, value in [*settings, *more.items()]}
        name = _name_of(_class_of(optimizer) if isinstance(optimizer, str) else optimizer)
        for own, why in _OWN.items():
            if given.get(own) not in (None, False, 0):
                raise ValueError(f"leave {own} out of a FromTorch: {why}")
            given.pop(own, None)
        object.__setattr__(self, "optimizer", name)
        object.__setattr__(self, "settings", tuple(sorted(given.items())))
        _check(self)

    def __repr__(self) -> str:
        return f"FromTorch({', '.join([self.optimizer, *(f'{n}={v!r}' for n, v in self.settings)])})"

    def init(self, tensor: Tensor) -> State:
        """Whether it has stepped, as 0 or 1, and zeros of the shapes of torch's state, not used yet."""
        _refuse_many_runs(self, tensor)
        _, (state,) = self._step([torch.zeros_like(tensor)], None)
        return {
            "has_stepped": torch.zeros((), dtype=torch.float32, device=tensor.device),
            "torch": {name: torch.zeros_like(value) for name, value in state.items()},
        }

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of torch's optimizer from zero weights; in its units at learning rate 1."""
        every = list(zip(gradients, states, weights, strict=True))
        if not every:
            return [], []
        _refuse_many_runs(self, gradients[0])
        # torch makes its states in the first step, and does not say what they start from. So both steps are
        # taken, without reading which one counts: a CUDA graph may record them.
        first, first_states = self._step(gradients, None)
        if not any(first_states):
            return first, list(states)
        later, later_states = self._step(gradients, [state["torch"] for state in states])
        updates: list[Tensor] = []
        following: list[State] = []
        for k, (_, state, _) in enumerate(every):
            stepped = state["has_stepped"] > 0
            updates.append(torch.where(stepped, later[k], first[k]))
            chosen = {
                name: torch.where(stepped.to(value.device), later_states[k][name], value)
                for name, value in first_states[k].items()
            }
            following.append({"has_stepped": torch.ones_like(state["has_stepped"]), "torch": chosen})
        return updates, following

    def _step(
        self, gradients: Sequence[Tensor], states: Sequence[State] | None
    ) -> tuple[list[Tensor], list[State]]:
        """Updates and next states of torch's optimizer on each device; a first step without ``states``."""
        updates = [torch.zeros_like(gradient) for gradient in gradients]
        following: list[State] = [{}] * len(updates)
        for device in {gradient.device for gradient in gradients}:
            at = [k for k, gradient in enumerate(gradients) if gradient.device == device]
            own = None if states is None else [states[k] for k in at]
            stepped = _stepped(self, [updates[k] for k in at], [gradients[k] for k in at], own)
            for k, update, state in zip(at, *stepped, strict=True):
                updates[k], following[k] = update, state
        return updates, following


@torch.no_grad()
def _stepped(
    rule: FromTorch, weights: list[Tensor], gradients: Sequence[Tensor], states: Sequence[State] | None
) -> tuple[list[Tensor], list[State]]:
    """Minus the moves of ``weights``, which are zero but in checks, and the next states."""
    kind: Any = _class_of(rule.optimizer)  # not all have a learning rate
    settings = dict(rule.settings)
    names = inspect.signature(kind).parameters
    if "weight_decay" in names:  # some have one by default
        settings["weight_decay"] = 0.0
    if "capturable" in names and all(weight.is_cuda for weight in weights):
        settings["capturable"] = True  # step counts on the device
    before = [weight.clone() for weight in weights]
    optimizer = kind(weights, lr=1.0, **settings)
    for k, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
        weight.grad = gradient.clone()
        if states is not None:
            optimizer.state[weight] = {name: value.clone() for name, value in states[k].items()}
    optimizer.step()
    # Some keep None under the name of what their settings do not need.
    own = [{n: v for n, v in optimizer.state[w].items() if v is not None} for w in weights]
    return [old - new for old, new in zip(before, weights, strict=True)], own


@lru_cache(maxsize=64)
def _check(rule: FromTorch) -> None:
    """Raise ``ValueError`` unless a step from a gradient alone gives an update and a state of tensors."""

    def step(size: float) -> tuple[Tensor, State]:
        weights = [torch.full((2, 2), size, dtype=torch.float64)]
        gradient = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
        (update,), (state,) = _stepped(rule, weights, [gradient], None)
        return update, state

    try:
        # Numbers are compared, which tensors without values do not have.
        with _disable_current_modes():
            (update, state), (elsewhere, _) = step(0.0), step(1.0)
            is_alike = torch.allclose(update, elsewhere, rtol=1e-9, atol=1e-12)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{rule} cannot step from gradients alone ({error}): take an optimizer that needs no closure and "
            "no sparse gradients, with settings that it has"
        ) from error
    others = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if others:
        raise ValueError(
            f"{rule} keeps {others[0]!r} in its state, which is no tensor: a rule's state is made of "
            "tensors, so write a rule of your own"
        )
    if not is_alike:
        raise ValueError(
            f"{rule} has steps that depend on the weights, and a rule is what it does to zero weights: take "
            "another optimizer, or write a rule of your own"
        )


def _refuse_many_runs(rule: FromTorch, tensor: Tensor) -> None:
    functorch: Any = torch._C
    if functorch._functorch.is_functorch_wrapped_tensor(tensor):
        raise ValueError(
            f"{rule} cannot play many runs at once, because torch's optimizers read their step counts: take "
            "one of the package's rules"
        )


def _name_of(kind: Any) -> str:
    """A class by its name in ``torch.optim``, or with its module."""
    if not (isinstance(kind, type) and issubclass(kind, Optimizer)) or kind is Optimizer:
        raise ValueError(f"FromTorch needs an optimizer's class, such as torch.optim.RAdam, got {kind!r}")
    is_torchs = getattr(torch.optim, kind.__name__, None) is kind
    return kind.__name__ if is_torchs else f"{kind.__module__}.{kind.__qualname__}"


@lru_cache(maxsize=64)
def _class_of(name: str) -> type[Optimizer]:
    module, _, own = name.rpartition(".")
    try:
        kind = getattr(import_module(module or _TORCH), own)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"there is no optimizer {name!r} in {module or _TORCH}: name a class of torch.optim, or one at "
            "the top of a module that can be imported"
        ) from error
    return kind


def _as_tuple(value: Any) -> Any:
    """A list, as files have it, as a tuple: rules are hashed."""
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value
