"""How learning rates fall over a run."""

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:  # the command line has the names before numpy is imported
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Decay = Literal["constant", "linear", "cosine"]
"""Names of the ways; the last two end at zero."""


def rate_factor(decay: Decay, done: "ArrayLike") -> "NDArray[np.float64]":
    """What learning rates are multiplied by, in [0, 1].

    Args:
        decay: how they fall.
        done: the share of a run's updates that are done, in [0, 1]; any shape, which the result has too.

    Example:
        >>> rate_factor("linear", [0.0, 0.25, 1.0]).tolist()
        [1.0, 0.75, 0.0]
    """
    import numpy as np

    share = np.asarray(done, dtype=np.float64)
    if decay == "linear":
        return 1.0 - share
    return (1.0 + np.cos(np.pi * share)) / 2.0 if decay == "cosine" else np.ones_like(share)


def check_decay(decay: str) -> None:
    """Raise ``ValueError`` unless ``decay`` is one of `Decay`."""
    if decay not in get_args(Decay):
        raise ValueError(f"decay must be one of {', '.join(get_args(Decay))}, got {decay!r}")
