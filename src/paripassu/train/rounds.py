"""Work that is done round by round, so that several runs can take turns in one process."""

from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

Result = TypeVar("Result")

Rounds = Generator[None, None, Result]
"""Work that may be interrupted wherever it yields; a training does so after each round."""


def finished(rounds: Rounds[Result]) -> Result:
    """The result of work that nothing interrupts.

    Example:
        >>> def count(rounds):
        ...     for done in range(rounds):
        ...         yield
        ...     return rounds
        >>> finished(count(3))
        3
    """
    with closing(rounds):
        while True:
            try:
                next(rounds)
            except StopIteration as end:
                return end.value
