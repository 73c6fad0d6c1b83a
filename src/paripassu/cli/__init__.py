"""The command line. Each command is a dataclass of its options, and does its work when called.

These modules import nothing that takes long: help and mistakes are shown at once. What a command's work needs
is imported when it is called.
"""

import os
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated, Any, Union

import tyro

from paripassu.cli import output, values
from paripassu.cli.animate import Animate
from paripassu.cli.bench import Bench
from paripassu.cli.demo import Demo
from paripassu.cli.eval import Eval
from paripassu.cli.export import Export
from paripassu.cli.recipes import Recipes
from paripassu.cli.report import Report
from paripassu.cli.runs import Runs
from paripassu.cli.study import Study
from paripassu.cli.theory import Theory
from paripassu.cli.train import EXAMPLES, Train
from paripassu.printable import printable

_ABOUT = (
    "Normalised and grafted optimizers for GANs, and the instruments to see why they work. Every command has "
    "--help. paripassu --version prints the version."
)
_SHELLS = ("bash", "zsh", "fish")  # tyro's fourth, tcsh, needs another package

_COMMANDS: dict[str, Any] = {
    "demo": Demo,
    "train": Train,
    "recipes": Recipes,
    "eval": Eval,
    "runs": Runs,
    "study": Study,
    "theory": Theory,
    "report": Report,
    "animate": Animate,
    "export": Export,
    "bench": Bench,
}
_Command: Any = Union[tuple(Annotated[kind, tyro.conf.subcommand(name)] for name, kind in _COMMANDS.items())]  # noqa: UP007


def parse(arguments: list[str]) -> Any:
    """The command that a person typed.

    Args:
        arguments: as typed after ``paripassu``; none prints the help, as a mistake does.

    Raises:
        SystemExit: the help was printed, or the arguments are no command.
    """
    output.replace_what_cannot_be_shown()
    is_plain = all(printable(argument) == argument for argument in arguments)
    try:
        with nullcontext() if is_plain else output.as_text():  # without colours: tyro repeats what is odd
            return _parsed(arguments)
    except SystemExit as stop:
        if not stop.code and arguments[0] == "train":
            print(f"\n{EXAMPLES}", end="")
        raise
    except BrokenPipeError as error:
        raise SystemExit(1) from error
    finally:
        _flush()  # the help


def _parsed(arguments: list[str]) -> Any:
    if not arguments:
        with suppress(SystemExit):
            _parsed(["--help"])
        raise SystemExit(2)
    # After the name of a command, tyro need not go through the options of all others.
    command = _COMMANDS.get(arguments[0])
    own = arguments[1:] if command else arguments
    _check_completion(own)
    return tyro.cli(
        command or _Command,
        prog=f"paripassu {arguments[0]}" if command else "paripassu",
        description=None if command else _ABOUT,
        args=own,
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
        registry=values.REGISTRY,
    )


def _check_completion(arguments: list[str]) -> None:
    """End with a sentence where tyro would print a traceback instead of a script that completes commands."""
    option, shell, place = (*arguments[:3], "", "", "")[:3]
    option, separator, joined = option.replace("_", "-").partition("=")
    if option not in ("--tyro-print-completion", "--tyro-write-completion"):
        return
    what = ""
    if separator or shell not in _SHELLS:
        got = separator + joined or shell or "nothing"
        what = f"{option} needs bash, zsh or fish after it, got {got}"
    elif option.startswith("--tyro-print") or place == "-":
        return
    elif not place:
        what = f"{option} {shell} needs a file to write: name it after {shell}"
    elif Path(place).is_dir() or not Path(place).parent.is_dir():
        what = f"{place} is no file in a folder that is there: name another for the script"
    if what:
        raise SystemExit(_fail(ValueError(what), 2))


def carry_out(command: Any) -> int:
    """Do what a command says.

    Returns:
        The exit code: 0 for success, 1 if the command failed, 2 if it was used wrongly.
    """
    try:
        command()
        sys.stdout.flush()
    except ValueError as error:
        return _fail(error, 2)
    except (FileExistsError, NotADirectoryError) as error:
        if in_the_way := _file_in_the_way(error):
            return _fail(ValueError(f"{in_the_way} is a file, and a folder is needed there: name another"), 2)
        return _fail(_plain(error), 1)
    except BrokenPipeError:
        _flush()
        return 1
    except (OSError, RuntimeError) as error:
        return _fail(_plain(error), 1)
    except MemoryError as error:
        return _fail(MemoryError("there is not enough memory for this; complete results are kept"), 1, error)
    return 0


def _file_in_the_way(error: OSError) -> Path | None:
    """The file that stands where a folder was to be made or looked into, if that is what went wrong."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else Path()
    return next((place for place in (path, *path.parents) if place.is_file()), None)


def _flush() -> None:
    """Print what waits to be printed, unless the reader has closed the output, as head does."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Without this, Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(error: Exception) -> Exception:
    # The system's message has an error number, and does not say whether the work is lost.
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return OSError(f"{what}; complete results are kept: fix this and give the same command again")
    return error


def _fail(error: Exception, code: int, cause: Exception | None = None) -> int:
    if os.environ.get("PARIPASSU_TRACEBACK"):
        raise error from cause
    output.fail(str(error))
    return code
