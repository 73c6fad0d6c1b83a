"""What commands print. Names and paths are shown as text: no terminal obeys a character in them."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING

from paripassu.printable import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult


@dataclass(frozen=True)
class _Shown:
    """What is printed, with everything escaped that a terminal would obey."""

    inner: "RenderableType"

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.segment import Segment

        for segment in console.render(self.inner, options):
            # Rich ends lines by line breaks, and moves the cursor by segments of a kind of their own.
            is_text = segment.control is None
            yield Segment(printable(segment.text, keep="\n"), segment.style) if is_text else segment


def show(what: "RenderableType") -> None:
    """Print a table, or text that is wrapped at words, on standard output; no text in it is markup."""
    _console().print(_Shown(what))


def line(text: str) -> None:
    """Print one line on standard output, however long it is, so that a path in it can be copied."""
    print(printable(text))


def notice(text: str) -> None:
    """Print a line for a person on standard error, above a progress bar if one is drawn."""
    errors().print(printable(text), soft_wrap=True)


def errors() -> "Console":
    """The console for progress and notices, so that standard output has nothing but results."""
    return _console(stderr=True)


def _console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def fail(text: str) -> None:
    """Print the sentence that ends a command on standard error; nothing if nobody reads it any more."""
    with suppress(BrokenPipeError):
        print(f"paripassu: {printable(text)}", file=sys.stderr, flush=True)


def replace_what_cannot_be_shown() -> None:
    """Print something else for a character that the terminal's encoding lacks, instead of failing."""
    for stream, instead in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=instead)
