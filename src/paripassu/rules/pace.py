r"""A rule on the steps of two players: the second step is rescaled so that their pace is a given one.

A player's relative step is the length of its step over the length of its weights. The pace of two players is
the lead's relative step over the follower's. The lead steps by its own rule. The follower keeps the direction
of its rule, and its step gets the length

.. math:: \lVert \Delta_f \rVert = \frac{\lVert \Delta_l \rVert}{\lVert w_l \rVert} \lVert w_f \rVert / P

with P the pace, l the lead, f the follower, w weights and Δ steps.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from paripassu.rules.settings import check_positive

Number = TypeVar("Number", float, Tensor, NDArray[np.float64])


@dataclass(frozen=True)
class FixedPace:
    """Rescale the steps of ``follower`` so that the pace of ``lead`` over it is ``value`` at every step.

    The rule has no state. At each step:

    - Where the lead does not move, the follower does not move either.
    - Where the follower's direction is zero, it does not move, and the pace is infinite.
    - Where the follower's weights are zero, any share of their length is zero: it stays there.
    - Where the lead's weights are zero, its relative step is infinite. The follower's step is not finite
      then, and the run ends as diverged. NaN and inf propagate.

    Args:
        value: the pace, finite and > 0.
        lead: name of the player that steps by its own rule and rate.
        follower: name of the other player, whose learning rate has no effect.

    Raises:
        ValueError: ``value`` is out of its range, or both names are the same.

    Example:
        >>> pace = FixedPace(2.0)
        >>> round(pace.length(0.3, 3.0, 10.0), 12)  # relative steps of 0.1 for the lead and 0.05
        0.5
    """

    value: float
    lead: str = "discriminator"
    follower: str = "generator"

    def __post_init__(self) -> None:
        check_positive("a pace", self.value)
        if self.lead == self.follower:
            raise ValueError(f"a pace is that of two players, got {self.lead!r} twice")

    def length(self, lead_step: Number, lead_norm: Number, follower_norm: Number) -> Number:
        """Length of the follower's step.

        Args:
            lead_step: length of the lead's step, with its learning rate, >= 0.
            lead_norm: length of all of the lead's weights before the step, > 0.
            follower_norm: length of all of the follower's weights before the step, >= 0.

        Returns:
            A number of the same kind, >= 0.
        """
        return relative_step(lead_step, lead_norm) * follower_norm / self.value


def relative_step(step: Number, norm: Number) -> Number:
    """The length of a step over the length of the weights.

    Example:
        >>> relative_step(0.3, 3.0)
        0.09999999999999999
    """
    return step / norm
