"""Python files of a person's own: imported from their path, known by the SHA-256 of their text.

A file is imported under a name that no other module has, and stays importable under it, so that its classes
can be pickled. Another process makes it importable by `load_as`, which `paripassu.engine` calls. A file that
is imported already (a script that is running, a module of a package) is not imported twice. Its folder is
searched for imports after all others.
"""

import difflib
import hashlib
import re
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from paripassu.files import NotAFileError, read_whole

_PREFIX = "paripassu_own_"
_HASHES: dict[str, str] = {}


class OwnPartError(ValueError):
    """Something is wrong with a person's own file or what is in it; the message says what to do."""


class Origin(NamedTuple):
    """Where a class, a function or an object of a person's own is defined.

    Attributes:
        file: absolute path.
        name: in that file; dots lead into classes.
        sha256: of the file.
    """

    file: Path
    name: str
    sha256: str


def load_file(path: Path | str) -> ModuleType:
    """Import a Python file from its path.

    Raises:
        ValueError: it is not there, or raises while it is imported; the message names file and line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mine.py"
        >>> _ = path.write_text("ANSWER = 42")
        >>> load_file(path).ANSWER
        42
    """
    path = Path(path).expanduser().resolve()
    digest = file_hash(path)
    for module in list(sys.modules.values()):
        if _is_of(module, path) and module_hash(module) == digest:
            return module
    module = ModuleType(_name_of(path, digest))
    module.__file__ = str(path)
    module.__spec__ = ModuleSpec(module.__name__, None, origin=str(path))
    search_beside(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        # Not by an import of Python's: that may take the compiled code of an earlier text.
        exec(compile(read_whole(path), path, "exec"), module.__dict__)  # noqa: S102 - the person's own code
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise OwnPartError(f"{path} cannot be imported: {_in_words(error, path)}") from error
    _HASHES[module.__name__] = digest
    return module


def own_modules() -> dict[str, str]:
    """Paths of the files that this process has loaded, by the names of their modules."""
    loaded = {name: sys.modules[name].__file__ for name in _HASHES if name.startswith(_PREFIX)}
    return {name: file for name, file in loaded.items() if file}


def load_as(name: str, file: Path | str) -> None:
    """Make a file importable by the name that `load_file` gave its module in another process.

    Raises:
        ValueError: as `load_file`, or the file's text is another than there.
    """
    if name in sys.modules:
        return
    path = Path(file)
    if _name_of(path, file_hash(path)) != name:
        raise OwnPartError(f"{path} changed while the study ran: give the same command again")
    sys.modules.setdefault(name, load_file(path))


def search_beside(file: Path | str) -> None:
    """Search a file's folder for imports, after all others."""
    folder = str(Path(file).parent)
    if folder not in sys.path:
        sys.path.append(folder)


def load_name(text: str) -> tuple[ModuleType, str, Any]:
    """The module, the name and the object of ``FILE.py:NAME``.

    Raises:
        ValueError: as `load_file`, or the file has no such name; near ones are listed.
    """
    file, _, name = text.rpartition(":")
    module = load_file(file)
    return module, name, named(module, name)


def named(module: ModuleType, name: str) -> Any:
    """The object of that name; dots lead into classes."""
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            raise OwnPartError(f"{module.__file__} has no {name!r}: {_instead(module, name)}")
        value = getattr(value, part)
    return value


def is_name_in_file(text: str) -> bool:
    """Whether a person typed ``FILE.py:NAME``."""
    return bool(re.fullmatch(r".*\.py:[\w.]+", text))


def origin_of(value: type | Any) -> Origin | None:
    """Where a class or a function is defined; None for those of this package.

    Raises:
        ValueError: it is in no file, or inside a function, so that nobody could find it again.
    """
    if value.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return None
    name = value.__qualname__
    module = sys.modules.get(value.__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        raise OwnPartError(
            f"{name} is defined in no file, so that another process, or a later one, could not find it: "
            "write it to a Python file and import it from there"
        )
    if "<" in name:
        raise OwnPartError(
            f"{name.rpartition('.')[2]} is defined inside a function of {file}, where another process could "
            "not find it: define it at the top of the file"
        )
    return Origin(Path(file).resolve(), name, module_hash(module))


def origin_in(module: ModuleType, name: str) -> Origin:
    """Of an object by its name in a module with a file."""
    assert module.__file__
    return Origin(Path(module.__file__).resolve(), name, module_hash(module))


def find(origin: Origin) -> Any:
    """The object that was there.

    Raises:
        ValueError: the file is not there or has changed since.
    """
    if not origin.file.is_file():
        raise OwnPartError(
            f"{origin.file}, where {origin.name} is defined, is not there: bring it back, or write its new "
            "place into the run's run.json"
        )
    if file_hash(origin.file) != origin.sha256:
        raise OwnPartError(changed(origin.file))
    return named(load_file(origin.file), origin.name)


def changed(file: Path | str) -> str:
    """The sentence about a file that is not what it was."""
    return (
        f"{file} has changed since this run began: bring it back as it was, "
        "or begin a new run in another folder"
    )


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        ValueError: it is not there, or cannot be read.
    """
    try:
        return hashlib.sha256(read_whole(path)).hexdigest()
    except NotAFileError as error:
        raise OwnPartError(f"{path} is {error.kind}: give the path of a Python file") from error
    except OSError as error:
        raise OwnPartError(
            f"the file {path} cannot be read ({error.strerror}): give the path of a Python file"
        ) from error


def module_hash(module: ModuleType) -> str:
    """SHA-256 of a module's file when the module was first used here; later edits do not change it.

    Raises:
        ValueError: as `file_hash`.
    """
    if module.__name__ not in _HASHES:
        assert module.__file__
        _HASHES[module.__name__] = file_hash(Path(module.__file__).resolve())
    return _HASHES[module.__name__]


def qualified_name(value: type | Any) -> str:
    """Where a class or a function is, as every process and every place of its file has it.

    The module of a person's own file, or of a script, is called as the file.
    """
    module = value.__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    if file and module.startswith((_PREFIX, "__")):  # a script is __main__, and __mp_main__ in its workers
        module = Path(file).stem
    return f"{module}.{value.__qualname__}"


@contextmanager
def errors_in(files: set[Path]) -> Generator[None]:
    """Turn errors that come out of these files into a ``ValueError`` that names file and line."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if place := _place(cause, files):
                raise OwnPartError(f"{place}: {first_line(cause)}") from error
            cause = cause.__cause__
        raise


def first_line(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _name_of(path: Path, digest: str) -> str:
    # Two files may have one text, and one file one text after another.
    unique = hashlib.sha256(f"{path} {digest}".encode()).hexdigest()[:12]
    return f"{_PREFIX}{path.stem}_{unique}"


def _is_of(module: Any, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and file.endswith(path.name) and Path(file).resolve() == path


def _in_words(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    return f"{_place(error, {path}) or path}: {first_line(error)}"


def _place(error: BaseException, files: set[Path]) -> str:
    """File and line of the innermost frame in one of the files."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename) in files:
            return f"{frame.filename}, line {frame.lineno}"
    return ""


def _instead(module: ModuleType, name: str) -> str:
    own = [
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and not isinstance(value, ModuleType)
    ]
    near = difflib.get_close_matches(name, own, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"it has {', '.join(own)}" if own else "it has no names at all"
