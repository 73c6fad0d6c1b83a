"""What an engine is."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(Protocol):
    """Where many independent tasks execute."""

    def execute(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], /
    ) -> Iterator[tuple[Task, Result]]:
        """Run ``function`` on every task; yield each with its result as it is done.

        Tasks must say for themselves whether they were done before: stopping the iteration, or the whole
        program, stops what runs at once.

        Args:
            function: importable by its module and name, so that a fresh process finds it.
            tasks: independent and picklable.

        Raises:
            RuntimeError: a process that ran a task was killed, as by the system when memory runs out.
        """
        ...
