"""The command line. Each command is a dataclass of its options, and does its work when called."""

import os
import sys
from typing import Annotated, Any

import tyro

from paripassu.cli.bench import Bench
from paripassu.cli.demo import Demo
from paripassu.cli.eval import Eval
from paripassu.cli.report import Report
from paripassu.cli.study import Study
from paripassu.cli.theory import Theory
from paripassu.cli.train import Train

_Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Eval, tyro.conf.subcommand("eval")]
    | Annotated[Study, tyro.conf.subcommand("study")]
    | Annotated[Theory, tyro.conf.subcommand("theory")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
)


def main(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: as typed after ``paripassu``; none prints the help.

    Returns:
        The exit code: 0 for success, 1 if the command failed, 2 if it was used wrongly, 130 if a person
        interrupted it.
    """
    command: Any = tyro.cli(
        _Command,  # pyright: ignore[reportArgumentType] - a union of commands is what tyro takes
        prog="paripassu",
        description="Normalised and grafted optimizers for GANs, and the instruments to see why they work.",
        args=arguments or ["--help"],
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
    )
    try:
        command()
        sys.stdout.flush()
    except ValueError as error:
        return _fail(error, 2)
    except BrokenPipeError:
        # The reader has closed the output, as head does. Without this, Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, RuntimeError) as error:
        return _fail(_plain(error), 1)
    except KeyboardInterrupt:
        print("paripassu: interrupted; the same command continues where it stopped", file=sys.stderr)
        return 130
    return 0


def _plain(error: Exception) -> Exception:
    # The system's message has an error number, and does not say whether the work is lost.
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return OSError(f"{what}; complete results are kept: fix this and give the same command again")
    return error


def _fail(error: Exception, code: int) -> int:
    if os.environ.get("PARIPASSU_TRACEBACK"):
        raise error
    print(f"paripassu: {error}", file=sys.stderr)
    return code
