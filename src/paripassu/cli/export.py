"""``paripassu export``: figures and tables for a paper."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from paripassu.cli import output


@dataclass
class Export:
    """Write the figures and tables of a run's, study's or sweep's page as files for a paper.

    Figures are one column wide, with text of 8 pt, in the colours and markers of the page.
    """

    path: Annotated[Path, tyro.conf.Positional]
    """The folder of a run, a study or a sweep."""
    figures: tuple[str, ...] = ("pdf",)
    """Formats: pdf, svg, png; or none."""
    tables: tuple[str, ...] = ("csv",)
    """Formats: csv, tex; or none."""
    out: Annotated[Path | None, tyro.conf.arg(help_behavior_hint="(default: PATH/export)")] = None
    """Where the files go."""
    width: float = 3.25
    """Of a figure, in inches."""
    partial: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Export what is there of a study or a run that has not ended."""
    replace: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Replace files that are there."""

    def __call__(self) -> None:
        """Write the files, print their paths."""
        from paripassu.report.export import export

        files = export(
            self.path,
            self.out or self.path / "export",
            figures=_formats(self.figures),
            tables=_formats(self.tables),
            width=self.width,
            partial_too=self.partial,
            replace=self.replace,
        )
        for file in files:
            output.line(str(file))


def _formats(words: tuple[str, ...]) -> list[str]:
    """The formats that a person named, with spaces or commas between them."""
    named = [form for word in words for form in word.replace(",", " ").split()]
    return [] if named == ["none"] else list(dict.fromkeys(named))
