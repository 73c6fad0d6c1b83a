"""A player's step, put together from gradients, groups and states."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from paripassu.optim import groups
from paripassu.optim.gradients import GroupGradients
from paripassu.optim.group_rules import GroupRules
from paripassu.optim.shards import needs_other_ranks
from paripassu.optim.states import States, states_of
from paripassu.optim.steps.player_step import FlatCheck, PlayerStep
from paripassu.rules.numbers import real, working


def prepared(
    player: Sequence[GroupGradients],
    states: States,
    rules: GroupRules,
    flat_check: FlatCheck,
    shard_group: Any,
) -> PlayerStep:
    """All that a step reads and writes; makes the states that do not exist yet.

    Args:
        player: the gradients of the step.
        states: of the optimizer; complete for the rules.
        rules: of its groups, which have read the groups' numbers.
        flat_check: of the optimizer.
        shard_group: of the optimizer.
    """
    is_float32 = all(group.dtypes <= {torch.float32, torch.complex64} for group in player)  # as pairs
    rule = rules.joined([len(group.parameters) for group in player])
    step = PlayerStep(
        rule, rules.decomposition, [], [], [], [], [],
        is_float32=is_float32, flat_check=flat_check, needs_other_ranks=needs_other_ranks(rule, shard_group),
    )  # fmt: skip
    # Each part of a rule that the fast ways support has one kind of state. Own rules may look at the tensor.
    are_alike = rules.decomposition is not None
    for (group, parameters, gradients, dtypes), own_rule in zip(player, rules.rules, strict=True):
        need_no_view = dtypes <= {torch.float32}
        lr, weight_decay = group["lr"], group["weight_decay"]
        if type(lr) is not float:
            groups.check_rate_type("lr", lr)
            lr = lr.reshape(()) if isinstance(lr, Tensor) else lr
        if type(weight_decay) is not float:
            groups.check_rate_type("weight_decay", weight_decay)
        step.rates.extend([-lr if group["maximize"] else lr] * len(parameters))
        step.decay_factors.extend([1 - lr * weight_decay if weight_decay else 1.0] * len(parameters))
        step.parameters.extend(parameters if need_no_view else map(real, parameters))
        step.gradients.extend(gradients if need_no_view else map(working, gradients))
        step.states.extend(states_of(states, parameters, own_rule, are_alike=are_alike))
    return step
