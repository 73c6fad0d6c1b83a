"""``paripassu`` and ``python -m paripassu``: the command line, where the laboratory is installed."""

import sys

from paripassu import __version__
from paripassu.extras import MissingExtraError, laboratory


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: that of `paripassu.cli.main`, or 2 if a package of the extra ``lab`` is missing.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"paripassu {__version__}")
        return 0
    try:
        with laboratory("the command line"):
            from paripassu.cli import main as run

            return run(arguments)
    except MissingExtraError as error:
        print(f"paripassu: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
