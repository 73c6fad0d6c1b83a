"""``paripassu report``: pages from what was recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from paripassu.cli import output
from paripassu.records import RECORDS_FILE, RUN_FILE, STUDY_FILE


@dataclass
class Report:
    """(Re)write the page of a run, of a study, or of all studies in a folder.

    A folder that holds several studies gets the claims board: each claim of the paper, what the studies there
    found, and links to their pages. Several runs get one page that shows them side by side.
    """

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATH [PATH ...]")]
    """The folder of a run or a study, or a folder of studies; or the folders of two runs or more."""
    out: Path | None = None
    """Where the page of several runs goes; a folder of its own in runs/side-by-side without it."""

    def __call__(self) -> None:
        """Write the pages and print the path of the first one to read."""
        output.line(str(self._write()))

    def _write(self) -> Path:
        from paripassu.report.side_by_side import side_by_side_folder, write_side_by_side

        if len(self.paths) != 1:
            for path in self.paths:
                if (path / STUDY_FILE).exists():
                    raise ValueError(
                        f"{path} is a study, and only runs can be shown side by side: "
                        "use `paripassu study diff` for two results of one study"
                    )
            return write_side_by_side(
                self.paths, self.out or side_by_side_folder(self.paths, Path("runs/side-by-side"))
            )
        if self.out is not None:
            raise ValueError("--out is for several runs: the page of one folder is written into it")
        return _write_page(self.paths[0])


def _write_page(path: Path) -> Path:
    from paripassu.records.place import elsewhere
    from paripassu.report.board import studies_in, write_board
    from paripassu.report.run import write_run_page
    from paripassu.report.study import write_study_page

    if (path / STUDY_FILE).exists():
        return write_study_page(path)
    if (path / RUN_FILE).exists() or (path / RECORDS_FILE).exists():
        return write_run_page(path)
    if studies_in(path):
        return write_board(path)
    raise ValueError(
        elsewhere(path, "run", "study")
        or f"{path} holds no run and no study: name a folder that paripassu wrote"
    )
