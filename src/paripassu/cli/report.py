"""``paripassu report``: pages from what was recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from paripassu.records import RUN_FILE, STUDY_FILE
from paripassu.report.run import write_run_page
from paripassu.report.study import write_study_page


@dataclass
class Report:
    """(Re)write the page of a run or a study from its records."""

    path: Annotated[Path, tyro.conf.Positional]
    """A run's or a study's folder."""

    def __call__(self) -> None:
        """Write the page and print where it is."""
        if (self.path / STUDY_FILE).is_file():
            print(write_study_page(self.path))
        elif (self.path / RUN_FILE).is_file():
            print(write_run_page(self.path))
        else:
            raise ValueError(f"{self.path} holds no run and no study: name a folder that paripassu wrote")
