"""Student's t, without scipy."""

import math


def t_quantile(freedom: int, level: float = 0.95) -> float:
    """What the absolute value of Student's t stays below with probability ``level``.

    Args:
        freedom: degrees of freedom, >= 1.
        level: in (0, 1).

    Example:
        >>> round(t_quantile(7), 3)
        2.365
    """
    low, high = 0.0, 1.0
    while _within(high, freedom) < level:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """The probability that ``|T| < t``: Abramowitz & Stegun 1964, 26.7.3 and 26.7.4."""
    angle = math.atan2(t, math.sqrt(freedom))
    cosine, is_odd = math.cos(angle), freedom % 2
    term, total = (cosine if is_odd else 1.0), 0.0
    for k in range(1 + is_odd, freedom, 2):
        total += term
        term *= k / (k + 1) * cosine * cosine
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if is_odd else total
