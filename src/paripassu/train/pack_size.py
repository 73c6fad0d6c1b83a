"""How many runs of a pack take turns: a number, or as many as make more rounds a second."""

from collections.abc import Callable
from typing import Literal

from paripassu.train.resume import Notice

PackSize = int | Literal["auto"]
"""How many runs share one process; `"auto"` measures it."""

MOST = 32  # torch has so many streams for a GPU
LEAST_GAIN = 0.05  # by which twice as many runs must make more rounds a second

# A size is measured in windows, of which the fastest counts: in others, runs begin or are measured.
_WINDOWS, _CYCLES, _SECONDS = 4, 5, 0.5


class Sizing:
    """The size of a pack, which may change while its runs have their rounds.

    Args:
        size: runs at a time, or ``"auto"``.
        runs: all that the pack has.
        clock: seconds that pass.
        wait: until the device has done what it was given.
        notice: called with a sentence when a size was chosen, or memory did not suffice.

    Attributes:
        now: runs that take turns. Others that have begun rest until a place is free.
    """

    def __init__(
        self,
        size: PackSize,
        runs: int,
        clock: Callable[[], float],
        wait: Callable[[], object],
        notice: Notice,
    ) -> None:
        self.now = 1 if size == "auto" else max(1, min(size, runs))
        self._clock, self._wait, self._notice = clock, wait, notice
        self._is_measuring = size == "auto"
        self._before: tuple[int, float] | None = None  # the size before, and its rounds a second
        self._rates: list[float] = []
        self._begin_window()

    def count(self) -> None:
        """Count a round of a run."""
        self._rounds += 1

    def next_cycle(self, left: int) -> None:
        """Go on after a round of each run.

        Args:
            left: runs that have not ended.
        """
        self._cycles += 1
        if not self._is_measuring or self._cycles < _CYCLES or self._clock() - self._since < _SECONDS:
            return
        self._wait()
        self._rates.append(self._rounds / (self._clock() - self._since))
        if len(self._rates) == _WINDOWS:
            self._compare(max(self._rates), left)
            self._rates.clear()
        self._begin_window()

    def shrink(self, fitting: int) -> None:
        """Go on with fewer runs: memory did not suffice for one more than ``fitting``."""
        self.now = min(self.now, fitting)
        self._is_measuring = False
        self._notice(
            f"memory does not suffice for {_runs(fitting + 1)} at a time: one waits, and the pack goes on "
            f"with {self.now}"
        )

    def _begin_window(self) -> None:
        self._rounds = self._cycles = 0
        self._since = self._clock()

    def _compare(self, rate: float, left: int) -> None:
        size, most = self.now, min(MOST, left)
        if self._before and rate < (1 + LEAST_GAIN) * self._before[1]:
            self.now, best = self._before
            self._choose(best, f"{size} make {rate:,.0f}")
        elif size >= most:
            self._choose(rate, "all that are left" if most == left else "the most there can be")
        else:
            self._before, self.now = (size, rate), min(2 * size, most)

    def _choose(self, rate: float, why: str) -> None:
        self._is_measuring = False
        self._notice(f"a pack of {_runs(self.now)} at a time makes {rate:,.0f} run-steps a second ({why})")


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
