"""Many runs on one device in one process: a *pack*, whose runs have a round each in turn.

A small GAN leaves most of a GPU idle. Each run of a pack has a stream, and with it its CUDA graphs, so that
rounds of several runs compute at the same time. Everything else of a run is its own too: networks, random
generators, records, checkpoints. So its records and weights are those that it has alone, bit by bit. Only the
data are shared.

A run that ends leaves its place to the next that waits. A run for which memory does not suffice goes back to
the queue, and the pack gets smaller. It continues from its last checkpoint, as after a kill.

With the size ``"auto"`` a pack begins with one run and doubles. It stops at the size whose double makes less
than 5 % more rounds a second, where memory is full, or with the last run.
"""

import gc
import json
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch

from paripassu.train.memory import MemoryFullError
from paripassu.train.own_parts import portable
from paripassu.train.pack_size import MOST, PackSize, Sizing
from paripassu.train.resume import Notice
from paripassu.train.rounds import Result, Rounds
from paripassu.train.run import Run
from paripassu.train.shared import SharedData
from paripassu.train.world import one_world

Task = TypeVar("Task")

# What runs of one pack may differ in: neither the memory nor the kernels of a round depend on it much.
_FREE = ("generator", "discriminator", "decay", "seed", "steps", "shadow", "pace")


def shape_of(run: Run) -> Hashable:
    """What runs of one pack have in common: everything but rules, rates, seed and steps."""
    settings = {name: value for name, value in run.settings().items() if name not in _FREE}
    return json.dumps(portable(settings), sort_keys=True)


def check_pack(runs: Sequence[Run]) -> None:
    """Raise ``ValueError`` unless these runs can share a pack."""
    first, *others = ({**run.settings(), **dict.fromkeys(_FREE)} for run in runs)
    for other in others:
        if differing := [name for name in first if portable(first[name]) != portable(other[name])]:
            raise ValueError(
                f"runs of one pack differ in rules, rates, seed and steps alone, and these differ in "
                f"{', '.join(differing)}: give each of them a pack"
            )


@dataclass(eq=False)
class _Member(Generic[Task, Result]):
    """A run of a pack that has begun.

    Attributes:
        task: which.
        rounds: its work.
        place: of its stream.
        is_new: whether it has not had a round.
    """

    task: Task
    rounds: Rounds[Result]
    place: int
    is_new: bool = True


@dataclass(frozen=True)
class Pack:
    """How many runs take turns on a device.

    Args:
        size: runs at a time, in 1 to `MOST`, or ``"auto"``.
        clock: seconds that pass.

    Raises:
        ValueError: the size is out of range.

    Example:
        >>> from itertools import repeat
        >>> from paripassu.data import Ring
        >>> from paripassu.models import MLP
        >>> from paripassu.rules import SGD
        >>> from paripassu.train import Player, Run
        >>> run = Run(Ring(), MLP(width=8), Player(SGD(), 0.1), Player(SGD(), 0.1))
        >>> def counted(task, shared):
        ...     yield from repeat(None, task)
        ...     return f"{task} rounds"
        >>> size = Pack(2).carry_out([3, 1, 1], lambda _: run, counted, lambda task, result: print(result))
        1 rounds
        3 rounds
        1 rounds
    """

    size: PackSize = "auto"
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False)

    def __post_init__(self) -> None:
        if self.size != "auto" and not 1 <= self.size <= MOST:
            raise ValueError(f"a pack has 1 to {MOST} runs at a time, or auto many, got {self.size}")

    def carry_out(
        self,
        tasks: Sequence[Task],
        run_of: Callable[[Task], Run],
        begin: Callable[[Task, SharedData], Rounds[Result]],
        done: Callable[[Task, Result], object],
        notice: Notice = lambda _: None,
    ) -> int:
        """Do every task, begun in their order.

        Args:
            tasks: at least one.
            run_of: the run of a task.
            begin: a task's work, which yields after each round.
            done: called with each task and its result as soon as it has ended.
            notice: called with what was chosen, and what did not fit, in sentences.

        Returns:
            How many runs took turns at last, if there were so many.

        Raises:
            ValueError: the runs cannot share a pack, or their device is not there.
            RuntimeError: memory does not suffice for a single run.
            Exception: what a task raised; the others are left as by a kill.
        """
        running: list[_Member[Task, Result]] = []
        waiting, shared = deque(tasks), SharedData()
        runs = [run_of(task) for task in tasks]
        check_pack(runs)
        with one_world(runs[0]):
            device = Device(runs[0].device)
            sizing = Sizing(self.size, len(tasks), self.clock, device.wait, notice)
            try:
                while waiting or running:
                    while waiting and len(running) < sizing.now:
                        place = min(set(range(MOST)) - {member.place for member in running})
                        task = waiting.popleft()
                        running.append(_Member(task, begin(task, shared), place))
                    for member in running[: sizing.now]:
                        is_full = False
                        try:
                            with device.stream(member.place):
                                next(member.rounds)
                        except StopIteration as end:
                            running.remove(member)
                            done(member.task, end.value)
                        except MemoryFullError:
                            if len(running) == 1:
                                raise
                            running.remove(member)
                            waiting.appendleft(member.task)
                            sizing.shrink(len(running))
                            is_full = True
                        sizing.count()
                        if member.is_new:
                            member.is_new = False
                            device.wait()  # others may use what it has loaded
                        if is_full:
                            device.clear()
                    sizing.next_cycle(len(running) + len(waiting))
            finally:
                for member in running:
                    member.rounds.close()
        return sizing.now


class Device:
    """The streams of a GPU, one for each place of a pack; on the CPU there are none.

    Args:
        name: a run's device.
    """

    def __init__(self, name: str) -> None:
        self._name = None if name == "cpu" else torch.device(name)
        # Torch has so many for a GPU, and hands them out in turn. Two runs that shared one would not harm
        # each other, but graphs that were recorded on one share memory of libraries.
        self._streams: list[Any] = [torch.cuda.Stream(self._name) for _ in range(MOST)] if self._name else []

    def stream(self, place: int) -> AbstractContextManager[Any]:
        """Do work on the stream of a place."""
        return torch.cuda.stream(self._streams[place]) if self._streams else nullcontext()

    def wait(self) -> None:
        """Return when the device has done all its work."""
        if self._name:
            torch.cuda.synchronize(self._name)

    def clear(self) -> None:
        """Give back the memory of runs that are gone."""
        gc.collect()
        if self._name:
            torch.cuda.empty_cache()
