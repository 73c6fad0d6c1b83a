"""``paripassu report``: pages from what was recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from paripassu.records import RECORDS_FILE, RUN_FILE, STUDY_FILE, SWEEP_FILE
from paripassu.report.board import studies_in, write_board
from paripassu.report.collapse import write_theory_page
from paripassu.report.comparison import write_comparison
from paripassu.report.run import write_run_page
from paripassu.report.study import write_study_page


@dataclass
class Report:
    """(Re)write pages from records: of a run, a study, a sweep of `theory`, or all studies in a folder.

    A folder that holds several studies gets the claims board: each claim of the paper, what the studies there
    say of it, and links to their pages. Several runs get one page that lays them side by side.
    """

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATH [PATH ...]")]
    """A run's, a study's or a sweep's folder, or one of studies; or the folders of two runs or more."""
    out: Path | None = None
    """Where the page of several runs goes; runs/side-by-side without it."""

    def __call__(self) -> None:
        """Write the pages and print where the first to read is."""
        if len(self.paths) != 1:
            for path in self.paths:
                if any((path / name).is_file() for name in (STUDY_FILE, SWEEP_FILE)):
                    raise ValueError(
                        f"only runs can be laid side by side, and {path} is a study or a sweep: "
                        "use `paripassu study diff` for two results of one"
                    )
            print(write_comparison(self.paths, self.out or Path("runs/side-by-side")))
            return
        if self.out is not None:
            raise ValueError("--out is for several runs: the page of one folder is written into it")
        (path,) = self.paths
        print(_write(path))


def _write(path: Path) -> Path:
    if (path / STUDY_FILE).is_file():
        return write_study_page(path)
    if (path / RUN_FILE).is_file() or (path / RECORDS_FILE).is_file():
        return write_run_page(path)
    if (path / SWEEP_FILE).is_file():
        return write_theory_page(path)
    if studies_in(path):
        return write_board(path)
    raise ValueError(f"{path} holds no run, no study and no sweep: name a folder that paripassu wrote")
