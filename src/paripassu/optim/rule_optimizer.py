"""The one class that turns a rule into a ``torch.optim.Optimizer``: groups, sign, state and step."""

from collections.abc import Callable
from typing import Any, ClassVar, overload

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT, StateDict

from paripassu.optim import groups
from paripassu.optim.arguments import TakesOwnArguments
from paripassu.optim.gradients import GroupGradients, gradients_of
from paripassu.optim.group_rules import GroupRules
from paripassu.optim.nonfinite import COUNTS, Nonfinite, Skipped, check_settings, may_step, skipped_in
from paripassu.optim.preparation import prepared
from paripassu.optim.saved_state import fit_states
from paripassu.optim.shards import watch_for_shards
from paripassu.optim.states import Lacking
from paripassu.optim.steps import carry_out
from paripassu.optim.steps.player_step import FlatCheck, PlayerStep
from paripassu.optim.take_over import states_from
from paripassu.rules import Rule, State
from paripassu.rules.numbers import real
from paripassu.rules.scope import divided_over


class RuleOptimizer(TakesOwnArguments):
    """Any rule as an optimizer: ``p -= lr * (u + weight_decay * p)``, with ``u`` the rule's update.

    All parameters, in whatever groups, are one player: a rule that looks at the whole player (scope
    ``"global"``) sees all their gradients together, then each group's learning rate applies.
    Parameters without a gradient are left out of the step and of the norms.

    The numbers of the rule's parts, such as a momentum, betas or an epsilon, are settings of the parameter
    groups, as in torch: a group may set them, and schedulers may change them. The optimizer reads them in
    each step. A name that two parts of the rule have stays in the rule. Scope, unit and the rule are one for
    a player. Steps are slower while groups have different numbers.

    Parameters may be float32, float64, bfloat16 or complex (pairs of real numbers, as in torch). The rule
    and its state are in float32 for bfloat16. SGD, Adam, `Normalize` of either, `Graft` of one on the other
    and of `Weight` on either run by faster code, for float32 tensors on the CPU or on one CUDA device.

    With ``rule=SGD(momentum)`` this is ``torch.optim.SGD``, with ``rule=Adam(betas, eps)`` and
    ``weight_decay`` ``torch.optim.AdamW``.

    Args:
        params: parameters or groups of them; a group may set ``lr``, ``weight_decay``, ``maximize`` and the
            numbers of the rule. Keys that no optimizer uses stay in the group.
        lr: learning rate, finite and >= 0, a number or a tensor of one element and at most one dimension. Its
            unit is the parameters' over the rule's updates': for a rule that normalises it is the length of a
            step. There is no default, because the unit depends on the rule.
        rule: what the update is.
        weight_decay: decoupled, finite and >= 0, and outside the rule: its norms do not see it
            (Loshchilov & Hutter 2019, arXiv:1711.05101).
        maximize: ascend the loss instead of descending it.
        nonfinite: what to do if any of the player's gradients has NaN or inf: ``"propagate"`` them into the
            parameters as torch does, ``"skip"`` the step without changing parameters and state, or
            ``"raise"`` before anything changes. The last two read each gradient once more.
        give_up_after: with ``nonfinite="skip"``, the number of skipped steps in a row, >= 1, after which the
            step raises; None to skip any number.

    Attributes:
        rule: what the update is, with the numbers that groups have by default.
        shard_group: the process group over whose ranks the player's tensors are divided, each rank with some;
            None if this optimizer has all. Norms of the player are taken over all of them.
            ``ZeroRedundancyOptimizer`` sets it. All ranks must step then.

    Raises:
        ValueError: a setting out of range, a group setting that would have no effect, or parameters in
            float16 or that are a conjugate's or negative's view.
        TypeError: an argument of torch's optimizers that this one does not have; the error says what to do.

    Example:
        >>> import torch
        >>> from paripassu.rules import SGD, Normalize
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
        >>> optimizer = RuleOptimizer([weight], lr=0.5, rule=Normalize(SGD(momentum=0.9)))
        >>> weight.grad = torch.tensor([30.0, 40.0])
        >>> optimizer.step()
        >>> weight.data
        tensor([0.7000, 0.6000])
        >>> optimizer.param_groups[0]["momentum"] = 0.5  # from the next step on
    """

    _numbers: ClassVar[tuple[str, ...] | None] = None  # that groups can set; None for all of one part alone
    shard_group: Any = None

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        *,
        rule: Rule,
        weight_decay: float = 0.0,
        maximize: bool = False,
        nonfinite: Nonfinite = "propagate",
        give_up_after: int | None = None,
    ) -> None:
        check_settings(nonfinite, give_up_after)
        self.nonfinite: Nonfinite = nonfinite
        self._give_up_after = give_up_after
        self._set_rule(rule)
        watch_for_shards()
        defaults = {"lr": lr, "weight_decay": weight_decay, "maximize": maximize}
        counts = COUNTS if nonfinite == "skip" else {}
        super().__init__(params, defaults | self._group_rules.defaults | counts)

    def _set_rule(self, rule: Rule) -> None:
        self.rule = rule
        self._flat_check = FlatCheck()
        self._group_rules = GroupRules(rule, self._numbers)
        self._lacking = Lacking(self._group_rules)
        self._without_effect = groups.names_without_effect(self._group_rules.defaults)

    @property
    def skipped(self) -> Skipped:
        """How many steps ``nonfinite="skip"`` left out; in the `state_dict`, as settings of the groups."""
        return skipped_in(self.param_groups[0])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters to the player, as ``torch.optim.Optimizer.add_param_group`` does.

        From the next step on they count in the player's norm, with fresh states.

        Args:
            param_group: ``params``, the settings that differ from the optimizer's, and any keys that no
                optimizer uses, such as a name.

        Raises:
            ValueError: a setting out of range or that would have no effect, a parameter that is in another
                group, or one in float16 or that is a conjugate's or negative's view; the player has not
                changed then.
        """
        self._check_names(param_group)
        super().add_param_group(param_group)
        try:
            groups.check_group(self.param_groups[-1])
            self._group_rules.of(self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    def _check_names(self, group: dict[str, Any]) -> None:
        if not self._without_effect.isdisjoint(group):
            player = groups.player_settings(self.rule, self.nonfinite)
            groups.check_names(group, type(self).__name__, player, list(self._group_rules.defaults))

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: torch's own entries and the settings of the player."""
        own = {"rule": self.rule, "nonfinite": self.nonfinite, "_give_up_after": self._give_up_after}
        return super().__getstate__() | own

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore from `__getstate__` or a file; settings that an old file lacks become the defaults."""
        super().__setstate__(state)
        self.defaults.pop("differentiable", None)  # torch adds it, and a file with it would look like torch's
        self._set_rule(self.rule)
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    def __repr__(self) -> str:
        """As torch shows it, with the rule of each group that has other numbers."""
        name, rest = super().__repr__().split("\n", 1)
        rules = dict.fromkeys(str(self._group_rules.of(group)) for group in self.param_groups)
        return "\n".join([name, *(f"rule: {rule}" for rule in rules), f"nonfinite: {self.nonfinite}", rest])

    def state_dict(self) -> StateDict:
        """As torch's, with None for what a state lacks for its group's numbers until its next step.

        A momentum buffer is an example, if the momentum has just been set. What is absent instead is damage.
        """
        self._lacking.look(self.state, self.param_groups)

        def write(_: torch.optim.Optimizer, saved: StateDict) -> StateDict:
            return self._lacking.written(saved, self.param_groups)

        handle = self.register_state_dict_post_hook(write, prepend=True)  # so that others see the whole
        try:
            return super().state_dict()
        finally:
            handle.remove()

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Load a ``state_dict``, converted to the parameters' present dtypes, devices and layouts.

        It holds each group's settings, with the numbers of the rule, and the rule's states. What is one for
        the player (the rule's kind, scope and unit, and ``nonfinite``) stays the constructor's. If both
        optimizers were given ``named_parameters()``, groups and states are found by names, else by position.

        Args:
            state_dict: of an optimizer with the same kind of rule over parameters of the same shapes, with
                any dtypes, devices and layouts; not modified. A group setting that it lacks is the
                constructor's. A rule that is torch's own (``SGD``, ``Adam``, ``RMSprop``) takes torch's,
                if its weight decay is decoupled or 0.

        Raises:
            ValueError: it is of other parameter groups, of a rule with other states, of another optimizer
                whose ``lr`` has another unit, of parameters of other names or shapes or in other groups with
                different settings, or has a setting out of range; nothing has been loaded then.
        """
        fitted: dict[Tensor, State] = {}

        def fit(_: torch.optim.Optimizer, loaded: StateDict) -> StateDict:
            saved = fit_states(loaded, self.param_groups, self._group_rules, self._check_names)
            fitted.update(saved[1])  # torch would cast them to the parameters' dtypes, too coarse in bfloat16
            return saved[0]

        def put(_: torch.optim.Optimizer) -> None:
            self.state.update(fitted)

        handles = (
            self.register_load_state_dict_pre_hook(fit),
            self.register_load_state_dict_post_hook(put, prepend=True),  # so that others see the states
        )
        try:
            super().load_state_dict(state_dict)
        finally:
            for handle in handles:
                handle.remove()

    def take_over(self, other: torch.optim.Optimizer) -> None:
        """Continue with the states of one of torch's optimizers in the part of the rule that is the same.

        Adam's and AdamW's moments and step counts go to the rule's Adam, SGD's momentum buffers to its SGD,
        RMSprop's second moments to its RMSprop. Other parts start fresh. Settings are not taken.

        Args:
            other: a running optimizer of the same parameters; not modified.

        Raises:
            ValueError: no part of the rule, or several, are what ``other`` is, or it is of a kind that no
                rule has (AMSGrad, Nesterov, centred RMSprop); nothing has changed then.
        """
        self.state.update(states_from(other, self.param_groups, self._group_rules, self.state))
        self._set_rule(self.rule)

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
        if self.shard_group is None:
            self._carry_out()
        else:  # norms of a player that is divided over processes are taken with the others
            with divided_over(self.shard_group):
                self._carry_out()

    def _carry_out(self) -> None:
        player = self._gradients()
        if self._may_step(player):
            step = self._prepare(player)
            if step.parameters or step.needs_other_ranks:
                carry_out(step)

    def _gradients(self) -> list[GroupGradients]:
        for group in self.param_groups:
            self._check_names(group)
        return gradients_of(self.param_groups, type(self).__name__)

    def _may_step(self, player: list[GroupGradients]) -> bool:
        if self.nonfinite == "propagate":
            return True
        gradients = [real(g) for group in player for g in group.gradients]
        return may_step(gradients, self.param_groups, self.nonfinite, self._give_up_after)

    def _prepare(self, player: list[GroupGradients]) -> PlayerStep:
        """All that the step reads and writes; makes the states that do not exist yet."""
        self._lacking.look(self.state, self.param_groups)
        self._lacking.complete(self.state, player)
        return prepared(player, self.state, self._group_rules, self._flat_check, self.shard_group)
