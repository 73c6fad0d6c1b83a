"""One player's step: what it reads and writes, tensor by tensor."""

from typing import NamedTuple

from torch import Tensor

from paripassu.optim.steps.decomposition import Decomposition
from paripassu.rules import Rule, State


class FlatCheck:
    """Result of an optimizer's last full check that its tensors are flat memory.

    Attributes:
        passed: addresses of parameters and states, the sizes of parameters and which are contiguous (else
            shapes and strides too), at the last check that passed. If they have not changed, the check is
            skipped.
    """

    passed: tuple[tuple[int, ...], ...] = ()


class PlayerStep(NamedTuple):
    """A step of all parameters of one player that have a gradient, in the order of the groups.

    Attributes:
        rule: what the update is.
        decomposition: of the rule; None if the fast ways do not support it,
            or if groups of parameters have other numbers.
        parameters: real tensors, written in place; a complex parameter as a view of pairs of real numbers.
        gradients: one per parameter, of its shape, in the numbers that rules compute with; never written.
        states: one per parameter, as the rule made it; their tensors are written in place.
        rates: one per parameter, the learning rate; below 0 to ascend.
        decay_factors: one per parameter, what weight decay multiplies it by; 1.0 without weight decay.
        is_float32: whether all parameters and gradients are float32 or pairs of float32.
        flat_check: of the optimizer.
        needs_other_ranks: whether norms are taken over tensors that other processes have.
    """

    rule: Rule
    decomposition: Decomposition | None
    parameters: list[Tensor]
    gradients: list[Tensor]
    states: list[State]
    rates: list[float | Tensor]
    decay_factors: list[float | Tensor]
    is_float32: bool
    flat_check: FlatCheck
    needs_other_ranks: bool = False
