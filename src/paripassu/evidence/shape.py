"""Results that somebody handed on may have any shape, although each file is whole."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from polars.exceptions import PolarsError

from paripassu.evidence.kinds import UnknownKindError


@contextmanager
def expected_shape(folder: Path) -> Generator[None]:
    """Read results of a folder in a block.

    Raises:
        ValueError: a setting, a column or an arm that every result has is not there, or a value is of
            another kind; the message names the folder.

    Example:
        >>> with expected_shape(Path("runs/theirs")):
        ...     {"d": 100}["gamma"]
        Traceback (most recent call last):
        ValueError: runs/theirs holds results of a shape that paripassu does not write (KeyError: 'gamma'): restore it
    """  # noqa: E501 - the message is one line
    try:
        yield
    except UnknownKindError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, PolarsError) as error:
        if isinstance(error, ValueError) and str(folder) in str(error):
            raise  # it says by itself what is wrong
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ValueError(
            f"{folder} holds results of a shape that paripassu does not write ({what}): restore it"
        ) from error
