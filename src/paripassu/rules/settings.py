"""Checks of the numbers a rule is made with; each raises ``ValueError`` naming the value received."""

import math


def check_fraction(name: str, value: float) -> None:
    """Decay rates lie in [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be in [0, 1), got {value}")


def check_eps(value: float) -> None:
    """What is added to a denominator is finite and > 0, or a zero gradient would be divided by zero."""
    if not (value > 0.0 and math.isfinite(value)):
        raise ValueError(f"eps must be finite and > 0, got {value}: 1e-30 affects zero gradients only")
