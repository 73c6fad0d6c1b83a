"""How far the units of a study are while other processes carry them out."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event, Lock, Thread

from paripassu.evidence.under_way import UnderWay
from paripassu.protocol.study import Unit

Report = Callable[[int, Sequence[UnderWay]], object]
"""Takes the steps done of all units, and the runs that have begun."""

_SECONDS = 1.0  # between two looks
_AHEAD = 64  # units that may have begun: engines take them in order


class Watch:
    """Looks at the records of the runs of some units."""

    def __init__(self, units: Sequence[Unit], report: Report) -> None:
        self._report = report
        self._waiting = {unit.path: unit for unit in units}
        self._runs = {
            unit.path: [UnderWay(folder, unit.cost // len(unit.runs)) for folder in unit.runs]
            for unit in units
        }
        self._seen: dict[Path, UnderWay] = {}
        self._done = 0
        self._lock = Lock()  # the thread that looks and the one that finishes units both report

    def finish(self, unit: Unit) -> None:
        """Count a unit that was carried out, and report."""
        with self._lock:
            self._look(self._runs[unit.path])
            del self._waiting[unit.path]
            self._done += unit.cost
        self.look()

    def look(self) -> None:
        """Look at the runs of all units that may have begun, and report."""
        with self._lock:
            so_far = 0
            for path in islice(self._waiting, _AHEAD):
                self._look(self._runs[path])
                so_far += sum(run.step for run in self._runs[path])
            self._report(self._done + so_far, list(self._seen.values()))

    def _look(self, runs: Sequence[UnderWay]) -> None:
        for run in runs:
            run.look()
            if run.has_begun:
                self._seen[run.folder] = run


@contextmanager
def watched(units: Sequence[Unit], report: Report) -> Generator[Watch]:
    """Look at the runs of ``units`` now and about once a second, in a thread, until the block ends.

    Raises:
        OSError: what ``report`` raised in the thread, once the block has ended.
    """
    watch, over, failed = Watch(units, report), Event(), list[OSError]()

    def keep_looking() -> None:
        try:
            while not over.wait(_SECONDS):
                watch.look()
        except OSError as error:
            failed.append(error)

    watch.look()
    thread = Thread(target=keep_looking, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]
