"""The interface of engines."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(Protocol):
    """Where many independent tasks execute."""

    @property
    def at_once(self) -> int:
        """How many tasks run at the same time, if there are enough.

        Raises:
            ValueError: as `execute` does where tasks cannot run at all.
        """
        ...

    def execute(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], /
    ) -> Iterator[tuple[Task, Result]]:
        """Run ``function`` on every task; yield each task with its result as soon as it is done.

        Stopping the iteration, or the whole program, stops running tasks at once. A task must therefore
        find out by itself whether it was done before.

        Args:
            function: importable by its module and name, so that a fresh process finds it.
            tasks: independent and picklable. Classes and functions in a person's own files are found there.

        Raises:
            ValueError: a task cannot be pickled, or unpickled where it is to run.
            RuntimeError: a process that ran a task was killed, for example because memory ran out.
        """
        ...
