"""A series of numbers as a line of text."""

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_LOGARITHMIC = 30.0  # from the smallest value to the largest, from where on logarithms are shown


def sparkline(values: Sequence[float], among: Sequence[float] = ()) -> str:
    """A block for each value, higher for larger ones; a space for one that is not finite.

    Where all are positive and far apart, it shows their logarithms.

    Args:
        values: in their order.
        among: more values, of lines that this one is compared with; the blocks span them too.

    Example:
        >>> sparkline([1, 2, 3, 2])
        '▁▅█▅'
    """
    finite = [value for value in (*values, *among) if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    use_log = low > 0 and high / low >= _LOGARITHMIC
    scale = math.log if use_log else float
    bottom, span = scale(low) if finite else 0.0, (scale(high) - scale(low)) if finite else 0.0
    top = len(_BLOCKS) - 1

    def block(value: float) -> str:
        if not math.isfinite(value):
            return " "
        return _BLOCKS[math.floor(top * (scale(value) - bottom) / span + 0.5) if span else 0]

    return "".join(map(block, values))
