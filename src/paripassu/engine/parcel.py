"""A task on its way to another process, beside the files of a person's own that it needs there.

The module of such a file has a name that no other process can import (`paripassu.train.own_files`). So a
task travels as bytes, and the function that carries it out unpickles it. A task that cannot be unpickled is
then an error of that task, not the end of its process.
"""

import io
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Parcel:
    """A function and the task that it is to carry out.

    Attributes:
        content: both, pickled.
        files: paths of a person's own files, by the names of their modules.

    Example:
        >>> Parcel.of(abs, -3).carry_out()
        3
    """

    content: bytes
    files: Mapping[str, str]

    @classmethod
    def of(
        cls,
        function: Callable[[Any], Any],
        task: Any,
        dumps: Callable[[Any], bytes] = pickle.dumps,
    ) -> Self:
        """Pack a function and its task.

        Args:
            function: of the task.
            task: that it takes.
            dumps: makes bytes that `pickle` reads.

        Raises:
            ValueError: a part of the task cannot be pickled.
        """
        try:
            content = dumps((function, task))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            from paripassu.train.own_files import first_line

            raise ValueError(
                f"a task cannot be sent to another process ({first_line(error)}): define the functions and "
                "classes that it uses at the top of a Python file"
            ) from error
        return cls(content, _own_modules())

    def carry_out(self) -> Any:
        """What the function returns for the task.

        Raises:
            ValueError: the task cannot be unpickled here, or a file that it needs is not what it was.
            RuntimeError: the function raised an error that no other process can read; this has its text.
                Whoever reads it would fail, and take this process for killed.
        """
        function, task = self._opened()
        try:
            return function(task)
        except Exception as error:
            try:
                pickle.loads(pickle.dumps(error))  # noqa: S301 - of this process
            except Exception:
                raise RuntimeError(f"{type(error).__name__}: {error}") from error
            raise

    def _opened(self) -> tuple[Callable[[Any], Any], Any]:
        if self.files:
            from paripassu.train.own_files import search_beside

            for file in self.files.values():
                search_beside(file)
        try:
            return _Unpickler(self).load()
        except MemoryError:
            raise
        except Exception as error:  # unpickling runs code of any kind
            from paripassu.train.own_files import OwnPartError, first_line

            if isinstance(error, OwnPartError):
                raise
            raise ValueError(
                f"a task cannot be read by another process ({first_line(error)}): its functions and classes "
                "must be in files that every process can import"
            ) from error


def _own_modules() -> dict[str, str]:
    # Engines start without what training needs. A module that was never imported has loaded no file.
    own_files = sys.modules.get("paripassu.train.own_files")
    return own_files.own_modules() if own_files else {}


class _Unpickler(pickle.Unpickler):
    """Imports a person's own files from their paths."""

    def __init__(self, parcel: Parcel) -> None:
        super().__init__(io.BytesIO(parcel.content))
        self._files = parcel.files

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name in self._files:
            from paripassu.train.own_files import load_as

            load_as(module_name, self._files[module_name])
        return super().find_class(module_name, global_name)
