"""Runs under way: how far each is and what was measured, from the records that it has written so far."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paripassu.files import NotAFileError, opened
from paripassu.records import RECORDS_FILE


@dataclass
class UnderWay:
    """A run that is being trained, perhaps by another process.

    A look reads what was written since the last one, so that looking every second costs next to nothing. A
    line that is no record is passed over: whoever reads the finished run will name it.

    Attributes:
        folder: the run's.
        steps: generator updates of the whole run.
        step: the last one that the records have.
        metrics: by name the steps and values of every metric, in the order they were measured.
        has_ended: whether the records have an end.

    Example:
        >>> import tempfile
        >>> from paripassu.records import Metric
        >>> from paripassu.records.codec import RecordWriter
        >>> folder = Path(tempfile.mkdtemp())
        >>> with RecordWriter(folder / "records.jsonl") as write:
        ...     write(Metric(50, "modes@100", 8.0))
        >>> run = UnderWay(folder, steps=100)
        >>> run.look()
        >>> run.step, run.metrics
        (50, {'modes@100': [(50, 8.0)]})
    """

    folder: Path
    steps: int
    step: int = 0
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict[str, list[tuple[int, float]]])
    has_ended: bool = False
    _read: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether it has written a record."""
        return self._read > 0

    def look(self) -> None:
        """Read what was written since the last look; nothing where there are no records yet."""
        try:
            with opened(self.folder / RECORDS_FILE) as stream:
                size = stream.seek(0, 2)
                if size < self._read:  # it went back to a checkpoint, and writes those steps again
                    self.step, self.metrics, self.has_ended, self._read = 0, {}, False, 0
                stream.seek(self._read)
                new = stream.read(size - self._read)
        except (FileNotFoundError, NotADirectoryError, NotAFileError):
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = whole.splitlines()
        for number, line in enumerate(lines):
            # Most lines are probed layers. Only the last one is read for its step.
            if b'"Metric"' in line or b'"End"' in line or number == len(lines) - 1:
                with suppress(ValueError, KeyError, TypeError, RecursionError):
                    self._take(json.loads(line))

    def _take(self, record: dict[str, Any]) -> None:
        self.step = min(int(record["step"]), self.steps)
        if record["kind"] == "Metric" and record["value"] is not None:
            self.metrics.setdefault(str(record["name"]), []).append((self.step, float(record["value"])))
        self.has_ended |= record["kind"] == "End"
