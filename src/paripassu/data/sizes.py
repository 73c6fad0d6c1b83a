"""The check of a source's counts and sizes."""

from typing import Any


def check_size(name: str, size: Any, least: int = 1) -> None:
    """Raise ``ValueError`` unless a size is a whole number that is large enough.

    Example:
        >>> check_size("modes", 2.5)
        Traceback (most recent call last):
        ValueError: modes must be a whole number, got 2.5
    """
    if not isinstance(size, int) or isinstance(size, bool):
        raise ValueError(f"{name} must be a whole number, got {size!r}")  # noqa: TRY004 - as when out of range
    if size < least:
        raise ValueError(f"{name} must be >= {least}, got {size}")
