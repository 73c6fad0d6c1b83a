"""One player's turn: what a step reads and writes, tensor by tensor."""

from typing import NamedTuple

from torch import Tensor

from paripassu.rules import State


class Known:
    """What the steps of one optimizer know of its tensors' memory.

    Attributes:
        flat: addresses of parameters and states, and which are contiguous, when they were last found to be
            flat memory: while these are the same, nothing else needs to be looked at.
    """

    flat: tuple[tuple[int, ...], ...] = ()


class Turn(NamedTuple):
    """The tensors that a step moves, all of one player, in the order of its groups.

    Attributes:
        parameters: real tensors, written in place; a complex parameter is here as pairs of real numbers.
        gradients: one per parameter, of its shape; never written.
        states: one per parameter, as the rule made it.
        rates: one per parameter, the learning rate; below 0 to ascend.
        keeps: one per parameter, the factor that weight decay leaves of it, 1 without.
        is_float32: whether all of these parameters and gradients are.
        known: from the optimizer's earlier steps.
    """

    parameters: list[Tensor]
    gradients: list[Tensor]
    states: list[State]
    rates: list[float | Tensor]
    keeps: list[float | Tensor]
    is_float32: bool
    known: Known
