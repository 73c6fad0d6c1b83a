"""What a reader should know about the runs of a comparison, one sentence each."""

import json
from collections.abc import Iterable
from pathlib import Path

from paripassu.files import read_whole
from paripassu.protocol.alike import not_alike
from paripassu.protocol.gans.arm_on_game import RUNS
from paripassu.records import RUN_FILE


def unused(used: set[Path], out: Path) -> list[str]:
    """A remark if the folder has runs that the study does not use."""
    there = (path.parent.relative_to(out) for path in out.glob(f"{RUNS}/*/*/*/{RUN_FILE}"))
    count = sum(folder not in used for folder in there)
    if not count:
        return []
    runs = "1 run in the folder is" if count == 1 else f"{count:,} runs in the folder are"
    return [f"{runs} not used: the study was edited, or chooses other settings now."]


def mixed(used: Iterable[Path], out: Path) -> list[str]:
    """A remark if not all runs were made by the same code on the same hardware."""
    return not_alike(json.loads(read_whole(out / folder / RUN_FILE))["environment"] for folder in used)
