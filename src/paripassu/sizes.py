"""The check of counts and sizes."""

from numbers import Integral


def check_sizes(least: int | None = None, /, **sizes: int) -> None:
    """Raise ``ValueError`` for the first size that is no whole number or too small.

    Args:
        least: what each size has to be at least; None is no bound.
        **sizes: by the names that the error uses.

    Example:
        >>> check_sizes(1, modes=2.5)
        Traceback (most recent call last):
        ValueError: modes must be a whole number, got 2.5
    """
    for name, size in sizes.items():
        if not isinstance(size, Integral) or isinstance(size, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{name} must be a whole number, got {size!r}")  # noqa: TRY004 - as when too small
        if least is not None and size < least:
            raise ValueError(f"{name} must be >= {least}, got {size}")
