"""What two runs of equal settings have in common, bit by bit."""

from dataclasses import replace
from pathlib import Path

from paripassu.records import End, Record
from paripassu.records.checkpoints import check_whole, checkpoints
from paripassu.records.codec import read_records


def left_by(folder: Path) -> tuple[list[Record], list[tuple[int, dict[str, str]]]]:
    """Records and checkpoints of a run, but for the seconds it took."""
    records = [
        replace(record, seconds=0.0, sha256="") if isinstance(record, End) else record
        for record in read_records(folder / "records.jsonl")
    ]
    kept = [check_whole(path) for path in checkpoints(folder)]
    return records, [(each.step, each.files) for each in kept]
