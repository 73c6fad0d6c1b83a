"""The ways to carry out a step, fastest first.

Each is a module with a function ``plan(step)``. It returns the step, to be called without arguments, or None
if this way does not support it.

===========  ==================================================  =====================================
way          supports                                            needs
===========  ==================================================  =====================================
`cpu`        decomposed rules, flat float32 memory on the CPU    numba
`cuda`       decomposed rules, flat float32 memory on one GPU    Triton
`foreach`    the same on the CPU or one GPU                      nothing
`plain`      every rule and every tensor                         nothing
===========  ==================================================  =====================================
"""

from collections.abc import Callable
from typing import Protocol

from paripassu.optim.steps import cpu, cuda, foreach, plain
from paripassu.optim.steps.player_step import PlayerStep


class Way(Protocol):
    """One way to carry out a step; here each is a module."""

    def plan(self, step: PlayerStep) -> Callable[[], None] | None:
        """``step``, to be called, or None if this way does not support it."""
        ...


WAYS: tuple[Way, ...] = (cpu, cuda, foreach, plain)


def carry_out(step: PlayerStep) -> None:
    """Carry out ``step`` in the first way that supports it: parameters and states change in place."""
    # The other ways know no tensors but the step's.
    for way in (plain,) if step.needs_other_ranks else WAYS:
        planned = way.plan(step)
        if planned is not None:
            planned()
            return
