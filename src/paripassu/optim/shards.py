"""Players whose tensors are divided over processes, as ``ZeroRedundancyOptimizer`` does.

It gives each process's optimizer some of the tensors. A norm of the whole player then needs all processes.
The optimizer inside cannot see this when it is made. So a hook, which torch runs before every optimizer's
step, hands the process group down.
"""

import sys
from functools import cache
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from paripassu.rules import Rule
from paripassu.rules.parts import is_global

_NAME = "shard_group"  # of our optimizers' attribute
_ZERO = "torch.distributed.optim.zero_redundancy_optimizer"


def watch_for_shards() -> None:
    """From now on ``ZeroRedundancyOptimizer`` sets the ``shard_group`` of the optimizer that it steps.

    Without it in this process nothing is done.
    """
    if _ZERO in sys.modules:
        _register()


def needs_other_ranks(rule: Rule, group: Any) -> bool:
    """Whether a step of ``rule`` needs norms of tensors that other ranks of ``group`` have."""
    return group is not None and is_global(rule)


@cache
def _register() -> None:
    register_optimizer_step_pre_hook(_hand_down)


def _hand_down(optimizer: torch.optim.Optimizer, *_: object) -> None:
    zero: Any = optimizer
    if isinstance(optimizer, sys.modules[_ZERO].ZeroRedundancyOptimizer) and hasattr(zero.optim, _NAME):
        setattr(zero.optim, _NAME, zero.process_group)
