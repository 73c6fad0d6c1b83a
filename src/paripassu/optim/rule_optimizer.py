"""The one class that turns a rule into a ``torch.optim.Optimizer``: groups, sign, state and step."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_args, overload

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT, StateDict

from paripassu.optim.groups import OWN_SETTINGS, check_dtype, check_group, check_names
from paripassu.optim.saved_state import fit_states
from paripassu.optim.steps import carry_out
from paripassu.optim.steps.capture import check_no_states, check_nonfinite
from paripassu.optim.steps.decomposition import decompose
from paripassu.optim.steps.player_step import FlatCheck, PlayerStep
from paripassu.rules import Rule, State, norms
from paripassu.rules.numbers import real, working

# What to do about a gradient with NaN or inf: take the step, leave it out, or stop.
Nonfinite = Literal["propagate", "skip", "raise"]

_dtype, _layout = attrgetter("dtype"), attrgetter("layout")


class _GroupGradients(NamedTuple):
    """The parameters of a group that have a gradient, and their gradients, in any dtype."""

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
    and its state are in float32 for bfloat16. SGD, Adam, `Normalize` of either and `Graft` of one on the
    other run by faster code if all tensors are float32 and on the CPU or on one CUDA device.

    With ``rule=SGD(momentum)`` this is ``torch.optim.SGD``, with ``rule=Adam(betas, eps)`` and
    ``weight_decay`` ``torch.optim.AdamW``.

    Args:
        params: parameters or groups of them; a group may set ``lr``, ``weight_decay`` and ``maximize``.
        lr: learning rate, finite and > 0, a number or a 0-dim tensor. Its unit is the parameters' over the
            rule's updates': for a rule that normalises it is the length of a step.
        rule: what the update is.
        weight_decay: decoupled, finite and >= 0, and outside the rule: its norms do not see it
            (Loshchilov & Hutter 2019, arXiv:1711.05101).
        maximize: ascend the loss instead of descending it.
        nonfinite: what to do if any of the player's gradients has NaN or inf: ``"propagate"`` them into the
            parameters as torch does, ``"skip"`` the step without changing parameters and state, or
            ``"raise"`` before anything changes. The last two read each gradient once more.

    Raises:
        ValueError: a setting out of range, a group setting that this optimizer does not have, or
            parameters in float16 or that are a conjugate's or negative's view.

    Example:
        >>> import torch
        >>> from paripassu.rules import SGD, Normalize
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
        >>> optimizer = RuleOptimizer([weight], lr=0.5, rule=Normalize(SGD(momentum=0.9)))
        >>> weight.grad = torch.tensor([30.0, 40.0])
        >>> optimizer.step()
        >>> weight.data
        tensor([0.7000, 0.6000])
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
        self._flat_check = FlatCheck()
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "maximize": maximize})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters to the player, as ``torch.optim.Optimizer.add_param_group`` does.

        From the next step on they count in the player's norm, with fresh states.

        Args:
            param_group: ``params``, and ``lr``, ``weight_decay`` and ``maximize`` that differ from the
                optimizer's.

        Raises:
            ValueError: a setting out of range, a setting that groups do not have, a parameter that is in
                another group, or one in float16 or that is a conjugate's or negative's view; the player has
                not changed then.
        """
        check_names(param_group)
        super().add_param_group(param_group)
        try:
            check_group(self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: torch's own entries, the rule and ``nonfinite``."""
        return super().__getstate__() | {"rule": self.rule, "nonfinite": self.nonfinite}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore from `__getstate__` or a file; settings that an old file lacks become the defaults."""
        super().__setstate__(state)
        self._flat_check = FlatCheck()
        for group in self.param_groups:
            for name in OWN_SETTINGS:
                group.setdefault(name, self.defaults[name])

    def __repr__(self) -> str:
        """As torch shows it, with the rule, which is in no group."""
        name, groups = super().__repr__().split("\n", 1)
        return f"{name}\nrule: {self.rule}\nnonfinite: {self.nonfinite}\n{groups}"

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Load a ``state_dict``, converted to the parameters' present dtypes, devices and layouts.

        It holds each group's ``lr``, ``weight_decay`` and ``maximize`` and the rule's states. The rule, with
        its decay rates, epsilon, momentum and scope, and ``nonfinite`` stay the constructor's.

        Args:
            state_dict: of an optimizer with the same rule over parameters of the same shapes in the same
                order; dtypes, devices and memory layouts may differ. A group setting that it lacks is the
                constructor's. Not modified.

        Raises:
            ValueError: it is of other parameter groups, of a rule with other states, of parameters
                of other shapes, or has a setting out of range; nothing has been loaded then. An ``lr`` of
                0, where a schedule may end, is in range.
        """
        fitted: dict[Tensor, State] = {}

        # torch would cast the state to the parameters' dtype, which for bfloat16 is too coarse.
        def fit(_: torch.optim.Optimizer, loaded: StateDict) -> None:
            fitted.update(fit_states(loaded, self.param_groups, self.rule))

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
        """One step from the parameters' ``.grad``, which are not changed.

        Args:
            closure: reevaluates the loss and its gradients before the step.

        Returns:
            The closure's loss; None without a closure.

        Raises:
            RuntimeError: a gradient is sparse; or not finite, with ``nonfinite="raise"``; or a CUDA graph
                records what it cannot replay: a first step that makes states, ``nonfinite`` other than
                ``"propagate"``, ``lr`` as a tensor on the CPU, tensors on several devices.
            ValueError: parameters have become float16, or an own rule returned updates or states of the wrong
                number, names, shapes or dtypes; nothing has changed then.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._step_player()
        return loss

    # torch.compile breaks its graph here: traced tensor by tensor a step takes long to compile and cannot get
    # faster. torch's own optimizers use this decorator, which imports the compiler no sooner than needed.
    @torch._disable_dynamo  # noqa: SLF001  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
    def _step_player(self) -> None:
        player = self._gradients()
        if self.nonfinite == "propagate" or self._is_finite(player):
            step = self._prepare(player)
            if step.parameters:
                carry_out(step)

    def _gradients(self) -> list[_GroupGradients]:
        """The player's gradients, group by group; raises for those that a step cannot use."""
        player: list[_GroupGradients] = []
        for group in self.param_groups:
            parameters: list[Tensor] = group["params"]
            found = [p.grad for p in parameters]
            gradients = [g for g in found if g is not None]
            if len(gradients) < len(found):
                parameters = [p for p, g in zip(parameters, found, strict=True) if g is not None]
            dtypes = set(map(_dtype, parameters))
            for dtype in dtypes:
                check_dtype(dtype)
            if any(layout is not torch.strided for layout in set(map(_layout, gradients))):
                raise RuntimeError(
                    f"{type(self).__name__} takes no sparse gradients: "
                    "set sparse=False in the layer that makes them"
                )
            dtypes.update(map(_dtype, gradients))
            player.append(_GroupGradients(group, parameters, gradients, dtypes))
        return player

    def _is_finite(self, player: list[_GroupGradients]) -> bool:
        """Whether all gradients are finite; raises if they are not and ``nonfinite`` is ``"raise"``."""
        gradients = [real(g) for group in player for g in group.gradients]
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

    def _prepare(self, player: list[_GroupGradients]) -> PlayerStep:
        """All that the step reads and writes; makes the states that do not exist yet."""
        # The views of complex64 tensors are pairs of float32.
        is_float32 = all(group.dtypes <= {torch.float32, torch.complex64} for group in player)
        step = PlayerStep(
            self.rule, decompose(self.rule), [], [], [], [], [],
            is_float32=is_float32, flat_check=self._flat_check,
        )  # fmt: skip
        for group, parameters, gradients, dtypes in player:
            need_no_view = dtypes <= {torch.float32}
            lr, weight_decay = group["lr"], group["weight_decay"]
            step.rates.extend([-lr if group["maximize"] else lr] * len(parameters))
            step.decay_factors.extend([1 - lr * weight_decay if weight_decay else 1.0] * len(parameters))
            step.parameters.extend(parameters if need_no_view else map(real, parameters))
            step.gradients.extend(gradients if need_no_view else map(working, gradients))
            step.states.extend(self._states_of(parameters))
        return step

    def _states_of(self, parameters: list[Tensor]) -> list[State]:
        states: list[State | None] = list(map(self.state.get, parameters))
        if states and states[0] is None and not self._first_state(parameters[0]):
            return [{} for _ in parameters]  # a rule without memory of one parameter has none of any
        return [self._first_state(p) if s is None else s for p, s in zip(parameters, states, strict=True)]

    def _first_state(self, parameter: Tensor) -> State:
        state = self.rule.init(working(parameter))
        if state:
            check_no_states(parameter)
            self.state[parameter] = state
        return state
