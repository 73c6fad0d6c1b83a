"""``paripassu animate``: a run's samples over training as a GIF."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from paripassu.cli import output


@dataclass
class Animate:
    """Write a run's sample pictures as a GIF that plays through the training, beside real data.

    The pictures are those that the run drew, one every ``--eval-every`` steps of `paripassu train`.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run folder."""
    out: Path | None = None
    """The file; samples.gif in the run's folder without it."""
    seconds: float = 6.0
    """How long it plays, in (0, 60]."""

    def __call__(self) -> None:
        """Write it and print where it is."""
        from paripassu.report.animation import write_animation

        out = self.out or self.folder / "samples.gif"
        if out.exists() and self.out is not None:
            raise ValueError(f"{out} is there already: remove it, or name another file")
        output.line(str(write_animation(self.folder, out, seconds=self.seconds)))
