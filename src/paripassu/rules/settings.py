"""Checks of the numbers a rule is made with; each raises ``ValueError`` naming the value received."""

import math


def check_fraction(name: str, value: float) -> None:
    """Decay rates lie in [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be in [0, 1), got {value}")


def check_eps(value: float) -> None:
    """A denominator's guard is finite and positive: without it a gradient of zero has no update."""
    if not (value > 0.0 and math.isfinite(value)):
        raise ValueError(f"eps must be finite and > 0, got {value}: 1e-30 guards nothing but zero")
