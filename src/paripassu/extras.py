"""What the laboratory needs beyond torch and numpy, and the sentence that says how to install it."""

from collections.abc import Generator
from contextlib import contextmanager

# Top-level modules of the packages in pyproject.toml's extra ``lab``.
LAB = (
    "PIL",
    "cattrs",
    "filelock",
    "jinja2",
    "numba",
    "plotly",
    "polars",
    "rich",
    "safetensors",
    "sklearn",
    "tyro",
)


class MissingExtraError(ImportError):
    """A package of the extra ``lab`` is not installed."""


@contextmanager
def laboratory(what: str) -> Generator[None]:
    """Import packages of the extra ``lab`` for ``what`` in a block.

    Raises:
        MissingExtraError: one of them is not installed; the message says how to install all.

    Example:
        >>> with laboratory("paripassu.theory"):
        ...     raise ModuleNotFoundError(name="numba.core")
        Traceback (most recent call last):
        paripassu.extras.MissingExtraError: paripassu.theory needs numba: pip install 'paripassu[lab]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in LAB:
            raise
        raise MissingExtraError(
            f"{what} needs {package}: pip install 'paripassu[lab]'", name=package
        ) from error
