"""The one class that turns a rule into a ``torch.optim.Optimizer``: groups, sign, state and step."""

import math
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_args, overload

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT, StateDict

from paripassu.optim.steps import cpu, cuda, foreach
from paripassu.optim.steps.capture import check_nonfinite, check_states, is_recorded
from paripassu.optim.steps.decomposition import form_of
from paripassu.optim.steps.player_step import Known, Turn
from paripassu.rules import Rule, State
from paripassu.rules.scope import norms

# What to do about a gradient with NaN or inf: take the step, leave it out, or stop.
Nonfinite = Literal["propagate", "skip", "raise"]

_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.complex64, torch.complex128)
_dtype, _layout = attrgetter("dtype"), attrgetter("layout")
_OWN_SETTINGS = {"lr", "weight_decay", "maximize"}
_GROUP_SETTINGS = {"params", "param_names"} | _OWN_SETTINGS
_OF_SCHEDULERS = {"initial_lr", "max_lr", "min_lr", "swa_lr"}


class _Stepped(NamedTuple):
    """The parameters of a group that have a gradient, and their gradients as they are."""

    group: dict[str, Any]
    parameters: list[Tensor]
    gradients: list[Tensor]
    dtypes: set[torch.dtype]


class RuleOptimizer(torch.optim.Optimizer):
    """Any rule as an optimizer: ``p -= lr * (u + weight_decay * p)``, with ``u`` the rule's update.

    All parameters, in whatever groups, are one player: a rule that looks at the whole player (scope
    ``"global"``) sees all their gradients together, then each group's learning rate applies.
    Parameters without a gradient are left out of the step and of the norms.

    Parameters may be float32, float64, bfloat16 or complex (pairs of real numbers, as in torch). The rule
    and its state are in float32 for bfloat16. SGD, Adam, and what `Normalize` and `Graft` make of one of
    each run by faster code where all tensors are float32 on the CPU or on one CUDA device.

    Args:
        params: parameters or groups of them; a group may set ``lr``, ``weight_decay`` and ``maximize``.
        lr: learning rate, finite and > 0, a number or a 0-dim tensor. Its unit is the parameters' over the
            rule's updates': where the rule normalises it is the length of a step.
        rule: what the update is.
        weight_decay: decoupled, finite and >= 0, and outside the rule: its norms do not see it
            (Loshchilov & Hutter 2019, arXiv:1711.05101).
        maximize: ascend the loss instead of descending it.
        nonfinite: about NaN or inf in any of the player's gradients: ``"propagate"`` them into the
            parameters as torch does, ``"skip"`` the step with parameters and state untouched, or
            ``"raise"`` before anything changes. The last two read each gradient once more.

    Raises:
        ValueError: a setting out of range, a group setting that this optimizer does not have, or
            parameters in float16 or that are a conjugate's or negative's view.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        *,
        rule: Rule,
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
    ) -> None:
        if nonfinite not in get_args(Nonfinite):
            raise ValueError(f"nonfinite must be 'propagate', 'skip' or 'raise', got {nonfinite!r}")
        self.rule = rule
        self.nonfinite: Nonfinite = nonfinite
        self._known = Known()
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "maximize": maximize})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters to the player, as ``torch.optim.Optimizer.add_param_group`` does.

        From the next step on they count in the player's norm; their states start fresh then.

        Args:
            param_group: ``params``, and what differs from the optimizer's own ``lr``, ``weight_decay`` and
                ``maximize``.

        Raises:
            ValueError: a setting out of range, a setting that groups do not have, a parameter that is in
                another group, or one in float16 or that is a conjugate's or negative's view; the player is
                as it was then.
        """
        unknown = sorted(param_group.keys() - _GROUP_SETTINGS - _OF_SCHEDULERS)
        if unknown:
            raise ValueError(
                f"a parameter group cannot set {', '.join(unknown)}: "
                f"only lr, weight_decay and maximize may differ between groups of one player"
            )
        super().add_param_group(param_group)
        try:
            _check_group(self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles carry: torch's own entries and our settings."""
        return super().__getstate__() | {"rule": self.rule, "nonfinite": self.nonfinite}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up what `__getstate__` or a file gave; settings it is too old to have are the defaults."""
        super().__setstate__(state)
        self._known = Known()
        for group in self.param_groups:
            for name in _OWN_SETTINGS:
                group.setdefault(name, self.defaults[name])

    def __repr__(self) -> str:
        """As torch shows it, and the rule, which has no place in a group."""
        name, groups = super().__repr__().split("\n", 1)
        return f"{name}\nrule: {self.rule}\nnonfinite: {self.nonfinite}\n{groups}"

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Load what ``state_dict`` gave, cast to where and what the parameters are now.

        The rule, with its decay rates, epsilon, momentum and scope, and ``nonfinite`` stay the constructor's:
        files hold each group's ``lr``, ``weight_decay`` and ``maximize`` and what the rule keeps.

        Args:
            state_dict: of an optimizer of the same rule over parameters of the same shapes in the same order;
                dtypes, devices and memory layouts may differ. A group setting that it lacks is the
                constructor's. Not modified.

        Raises:
            ValueError: it is of other parameter groups, of a rule that keeps something else, of parameters
                of other shapes, or has a setting out of range; nothing has been loaded then. An ``lr`` of
                0, where a schedule may end, is in range.
        """
        fitted: dict[Tensor, State] = {}

        # torch would cast the state to the parameters' dtype, which for bfloat16 is too coarse.
        def fit(_: torch.optim.Optimizer, loaded: StateDict) -> None:
            for group in loaded["param_groups"]:
                _check_saved(group)
            keys = [key for group in loaded["param_groups"] for key in group["params"]]
            parameters = [p for group in self.param_groups for p in group["params"]]
            for key, p in zip(keys, parameters, strict=False):  # torch says if they are not as many
                if key in loaded["state"]:
                    fitted[p] = _fit(loaded["state"][key], self.rule.init(_working(p.detach())))

        handle = self.register_load_state_dict_pre_hook(fit)
        try:
            super().load_state_dict(state_dict)
        finally:
            handle.remove()
        self.state.update(fitted)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step from the parameters' ``.grad``, which are left as they are.

        Args:
            closure: reevaluates the loss and its gradients before the step.

        Returns:
            The closure's loss, if there is one.

        Raises:
            RuntimeError: a gradient is sparse; or not finite, with ``nonfinite="raise"``; or a CUDA graph
                records what it cannot replay: a first step, ``nonfinite`` other than ``"propagate"``, ``lr``
                as a tensor on the CPU, a rule that needs the host.
            ValueError: parameters have become float16.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._take()
        return loss

    # torch.compile breaks its graph here: traced tensor by tensor a step takes long to compile and cannot get
    # faster. torch's own optimizers use this decorator, which imports the compiler no sooner than needed.
    @torch._disable_dynamo  # noqa: SLF001  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
    def _take(self) -> None:
        player = self._stepped()
        if self.nonfinite == "propagate" or self._is_finite(player):
            self._move(self._turn(player))

    def _stepped(self) -> list[_Stepped]:
        """What has a gradient, group by group; raises what a step must not go on with."""
        player: list[_Stepped] = []
        for group in self.param_groups:
            parameters: list[Tensor] = group["params"]
            found = [p.grad for p in parameters]
            gradients = [g for g in found if g is not None]
            if len(gradients) < len(found):
                parameters = [p for p, g in zip(parameters, found, strict=True) if g is not None]
            dtypes = set(map(_dtype, parameters))
            for dtype in dtypes:
                _check_dtype(dtype)
            if any(layout is not torch.strided for layout in set(map(_layout, gradients))):
                raise RuntimeError(
                    f"{type(self).__name__} takes no sparse gradients: "
                    "set sparse=False in the layer that makes them"
                )
            dtypes.update(map(_dtype, gradients))
            player.append(_Stepped(group, parameters, gradients, dtypes))
        return player

    def _is_finite(self, player: list[_Stepped]) -> bool:
        """Whether the step may be taken; raises where that is asked for."""
        gradients = [_real(g) for stepped in player for g in stepped.gradients]
        check_nonfinite(gradients, self.nonfinite)
        # Over the whole player, so that all ranks of a sharded one agree; float64, so that it overflows for
        # no finite float32.
        finite = all(bool(norm.isfinite()) for norm in norms(gradients, "global")[:1])
        if not finite and self.nonfinite == "raise":
            raise RuntimeError(
                "a gradient has NaN or inf and no step was taken: "
                'lower the learning rate, or set nonfinite="skip" to go on without such steps'
            )
        return finite

    def _turn(self, player: list[_Stepped]) -> Turn:
        """What this step reads and writes; states are made where there are none yet."""
        # A pair of float32 is what the views of a complex64 one hold.
        is_float32 = all(stepped.dtypes <= {torch.float32, torch.complex64} for stepped in player)
        turn = Turn([], [], [], [], [], is_float32, self._known)
        for group, parameters, gradients, dtypes in player:
            as_they_are = dtypes <= {torch.float32}
            lr, weight_decay = group["lr"], group["weight_decay"]
            turn.rates.extend([-lr if group["maximize"] else lr] * len(parameters))
            turn.keeps.extend([1 - lr * weight_decay if weight_decay else 1.0] * len(parameters))
            turn.parameters.extend(parameters if as_they_are else map(_real, parameters))
            turn.gradients.extend(gradients if as_they_are else map(_working, gradients))
            turn.states.extend(self._states_of(parameters))
        return turn

    def _states_of(self, parameters: list[Tensor]) -> list[State]:
        states: list[State | None] = list(map(self.state.get, parameters))
        if states and states[0] is None and not self._first_state(parameters[0]):
            return [{} for _ in parameters]  # a rule that keeps nothing of one keeps nothing of any
        return [self._first_state(p) if s is None else s for p, s in zip(parameters, states, strict=True)]

    def _first_state(self, parameter: Tensor) -> State:
        state = self.rule.init(_working(parameter))
        if state:
            check_states(parameter)
            self.state[parameter] = state
        return state

    def _move(self, turn: Turn) -> None:
        if not turn.parameters:
            return
        form = form_of(self.rule)
        if form is None:
            _step_as_written(self.rule, turn)
        elif memory := cpu.serves(form, turn):
            cpu.step(form, turn, memory)
        elif memory := cuda.serves(form, turn):
            cuda.step(form, turn, memory)
        elif foreach.serves(turn):
            foreach.step(form, turn)
        else:
            _step_as_written(self.rule, turn)


def _step_as_written(rule: Rule, turn: Turn) -> None:
    if is_recorded(turn.parameters):
        raise RuntimeError(
            f"a step of {rule} cannot be captured in a CUDA graph: it needs SGD, Adam or one normalised or "
            "grafted on the other, and float32 parameters on one CUDA device"
        )
    updates, states = rule.update(turn.gradients, turn.states, list(map(_working, turn.parameters)))
    for state, following in zip(turn.states, states, strict=True):
        state.update(following)
    for parameter, update, rate, keep in zip(turn.parameters, updates, turn.rates, turn.keeps, strict=True):
        if isinstance(keep, Tensor) or keep != 1.0:
            parameter.mul_(keep)
        parameter.sub_(update * rate)


def _check_group(group: dict[str, Any]) -> None:
    lr, weight_decay = float(group["lr"]), group["weight_decay"]
    if not (lr > 0.0 and math.isfinite(lr)):
        raise ValueError(f"lr must be finite and > 0, got {lr}")
    if not (weight_decay >= 0.0 and math.isfinite(weight_decay)):
        raise ValueError(f"weight_decay must be finite and >= 0, got {weight_decay}")
    for parameter in group["params"]:
        _check_dtype(parameter.dtype)
        if parameter.is_conj() or parameter.is_neg():
            raise ValueError(
                "a parameter is the conjugate or the negative of other memory, and a step would move a copy: "
                "make it with resolve_conj() or resolve_neg()"
            )


def _check_saved(group: dict[str, Any]) -> None:
    lr, weight_decay = float(group.get("lr", 0.0)), group.get("weight_decay", 0.0)
    for name, value in (("lr", lr), ("weight_decay", weight_decay)):
        if not (value >= 0.0 and math.isfinite(value)):
            raise ValueError(
                f"the saved {name} must be finite and >= 0, got {value}: "
                "load a state from before it was set so"
            )


def _check_dtype(dtype: torch.dtype) -> None:
    if dtype not in _DTYPES:
        raise ValueError(
            f"parameters in {dtype} would lose most small steps and their squares underflow: "
            "keep them in float32 and run the network under torch.autocast"
        )


def _real(tensor: Tensor) -> Tensor:
    # A complex number is two real ones: same norms, and Adam's second moment per component, as in torch.
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _working(tensor: Tensor) -> Tensor:
    """A tensor in the numbers that rules compute with: real, and never coarser than float32."""
    if tensor.dtype is torch.float32:  # most are
        return tensor
    real = _real(tensor)
    return real.float() if real.dtype in (torch.bfloat16, torch.float16) else real


def _fit(saved: State, fresh: State) -> State:
    """``saved`` in the dtype, device and layout of ``fresh``, a state of the same kind."""
    if saved.keys() != fresh.keys():
        raise ValueError(
            f"the saved state holds {sorted(saved)} where this optimizer's rule keeps {sorted(fresh)}: "
            "load it into an optimizer with the settings it was saved with"
        )
    fitted: State = {}
    for name, value in fresh.items():
        if isinstance(value, dict):
            fitted[name] = _fit(saved[name], value)
        elif saved[name].shape != value.shape:
            raise ValueError(
                f"the saved {name} is of shape {tuple(saved[name].shape)}, the parameter of "
                f"{tuple(value.shape)}: load the state of a network of the same size"
            )
        else:
            fitted[name] = value.copy_(saved[name])
    return fitted
