"""``paripassu`` and ``python -m paripassu``: the command line, where the laboratory is installed."""

import os
import signal
import sys

from paripassu import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # imports take time in which Ctrl-C is not answered yet
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

INTERRUPTED = "paripassu: interrupted; the same command continues where it stopped"


class TerminatedError(KeyboardInterrupt):
    """The system asked the program to end (SIGTERM), which ends it as Ctrl-C does."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 for success, 1 if the command failed, 2 if it was used wrongly or a package of the
        extra ``lab`` is missing, 130 if a person interrupted it, 143 if the system ended it.
    """
    before = _answer_signals(_leave)
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt as interrupt:
        _say_interrupted()
        return 128 + (signal.SIGTERM if isinstance(interrupt, TerminatedError) else signal.SIGINT)
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"paripassu {__version__}")
        return 0
    from paripassu.extras import MissingExtraError, laboratory

    try:
        with laboratory("the command line"):
            from paripassu import cli

            command = cli.parse(arguments)
            _answer_signals(_interrupt)
            return cli.carry_out(command)
    except MissingExtraError as error:
        print(f"paripassu: {error}", file=sys.stderr)
        return 2


def _answer_signals(answer: "Callable[[int, FrameType | None], None]") -> "dict[signal.Signals, Any]":
    """Answer Ctrl-C and SIGTERM, unless the program that started this one chose another answer.

    Returns:
        The answers that were there before.
    """
    # torchrun's processes wait for each other in C, where no answer of Python's would ever run.
    signals = [signal.SIGINT] if "TORCHELASTIC_RUN_ID" in os.environ else [signal.SIGINT, signal.SIGTERM]
    usual = (signal.SIG_DFL, signal.default_int_handler, _leave)
    before = {number: signal.getsignal(number) for number in signals}
    before = {number: how for number, how in before.items() if how in usual}
    try:
        for number in before:
            signal.signal(number, answer)
    except ValueError:  # not in the main thread: signals are the main program's
        return {}
    return before


def _leave(number: int, _: "FrameType | None") -> None:
    """End at once, which loses nothing: whatever is on disk is whole at any time."""
    _say_interrupted()
    os._exit(128 + number)


def _interrupt(number: int, frame: "FrameType | None") -> None:
    if _is_importing(frame):  # imports of C code turn an exception into another
        _leave(number, frame)
    raise TerminatedError if number == signal.SIGTERM else KeyboardInterrupt


def _is_importing(frame: "FrameType | None") -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _say_interrupted() -> None:
    os.write(2, f"{INTERRUPTED}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
