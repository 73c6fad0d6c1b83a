"""What may have the place of a file and is none."""

import os
import socket
from contextlib import chdir
from pathlib import Path


def _socket(path: Path) -> None:
    with chdir(path.parent), socket.socket(socket.AF_UNIX) as made:  # their paths have at most 107 bytes
        made.bind(path.name)


STRANGE = {
    "a folder": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to(os.devnull),
}
"""Makes each, by the words for it."""


def put(kind: str, path: Path) -> None:
    """Put one of `STRANGE` in the place of a file."""
    path.unlink(missing_ok=True)
    STRANGE[kind](path)
