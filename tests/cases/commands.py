"""Commands as a person types them, in this process."""

from paripassu.__main__ import main

TINY = ["--steps", "4", "--batch", "8", "--eval-samples", "50", "--log-every", "2", "--probe-every", "2"]
TRAIN = ["train", "--data", "digits", "--model", "dcgan", "--width", "4", "--latent", "8", *TINY]


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of a command."""
    try:
        code = main(list(arguments))
    except SystemExit as stop:  # tyro's own refusals
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err
