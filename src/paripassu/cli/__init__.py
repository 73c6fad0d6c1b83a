"""The command line. Each command is a dataclass of its options, and does its work when called."""

import os
import sys
from contextlib import suppress
from typing import Annotated, Any

import tyro

from paripassu.cli import output
from paripassu.cli.animate import Animate
from paripassu.cli.bench import Bench
from paripassu.cli.demo import Demo
from paripassu.cli.eval import Eval
from paripassu.cli.report import Report
from paripassu.cli.study import Study
from paripassu.cli.theory import Theory
from paripassu.cli.train import Train

_ABOUT = "Normalised and grafted optimizers for GANs, and the instruments to see why they work."

_Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Eval, tyro.conf.subcommand("eval")]
    | Annotated[Study, tyro.conf.subcommand("study")]
    | Annotated[Theory, tyro.conf.subcommand("theory")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Animate, tyro.conf.subcommand("animate")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
)


def parse(arguments: list[str]) -> Any:
    """The command that a person typed.

    Args:
        arguments: as typed after ``paripassu``; none prints the help, as a mistake does.

    Raises:
        SystemExit: the help was printed, or the arguments are no command.
    """
    output.replace_what_cannot_be_shown()
    try:
        if not arguments:
            with suppress(SystemExit):
                parse(["--help"])
            raise SystemExit(2)
        return tyro.cli(
            _Command,  # pyright: ignore[reportArgumentType] - a union of commands is what tyro takes
            prog="paripassu",
            description=_ABOUT,
            args=arguments,
            config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
        )
    except BrokenPipeError as error:
        raise SystemExit(1) from error
    finally:
        _flush()  # the help


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
    except BrokenPipeError:
        _flush()
        return 1
    except (OSError, RuntimeError) as error:
        return _fail(_plain(error), 1)
    except MemoryError as error:
        return _fail(MemoryError("there is not enough memory for this; complete results are kept"), 1, error)
    return 0


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
