"""``paripassu demo``: the story of the package in three acts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Demo:
    """Three acts in 2 to 3 minutes on 2 cores: the paper's framework, digits, and a ring of eight modes.

    A page opens at once and fills as runs end.
    """

    out: Path = Path("runs/demo")
    """The demo's folder. With the same folder, the demo continues where it stopped."""
    workers: int | None = None
    """Number of processes. Without it: one per core."""
    open: bool = True
    """Open the page in the browser, if a person watches and there is one."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the results of all three acts as JSON."""

    def __call__(self) -> None:
        """Play the acts, rewrite the page as they go, print the same story."""
        from paripassu.cli.acts import Acts

        Acts(self).play()
