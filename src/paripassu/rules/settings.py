"""Checks of the numbers a rule is made with; each raises ``ValueError`` naming the value received."""

import math
from numbers import Real
from typing import Any


def check_fraction(name: str, value: Any) -> None:
    """Decay rates are numbers in [0, 1)."""
    check_number(name, value)
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be in [0, 1), got {value}")


def two_betas(value: Any) -> tuple[Any, Any]:
    """Two decay rates as a tuple: files give lists, and rules are hashed."""
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        raise ValueError(f"betas must be two decay rates, got {value}")
    first, second = value
    return first, second


def check_eps(value: Any) -> None:
    """What is added to a denominator is finite and > 0, or a zero gradient would be divided by zero."""
    check_number("eps", value)
    if not (value > 0.0 and math.isfinite(value)):
        raise ValueError(f"eps must be finite and > 0, got {value}: 1e-30 affects zero gradients only")


def check_positive(name: str, value: Any) -> None:
    """A finite number > 0."""
    check_number(name, value)
    if not (value > 0.0 and math.isfinite(value)):
        raise ValueError(f"{name} must be finite and > 0, got {value}")


def check_number(name: str, value: Any) -> None:
    """Text is no number, although files may hold numbers as text."""
    if isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - one kind of error for all that a configuration may have wrong
            f"{name} must be a number, got the text {value!r}: convert it by float(), and in YAML write "
            "1.0e-4, because YAML reads 1e-4 as text"
        )
    if not isinstance(value, Real):
        raise ValueError(f"{name} must be a number, got {value!r}")  # noqa: TRY004
