"""Many independent tasks on this machine's cores and GPUs, one process each, one thread a process."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.queues import Queue

import torch

from paripassu.engine.engine import Result, Task
from paripassu.engine.parcel import Parcel
from paripassu.records import usable_cores

_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class LocalEngine:
    """A pool of processes.

    Args:
        workers: number of processes, >= 1. Without it, one for each core that this process may use, but no
            more than fit on the GPUs.
        gpus: GPUs per task, in [0, 1]. A task sees one GPU; with 0.25, four tasks share one.

    Raises:
        ValueError: ``workers`` or ``gpus`` is out of range.
    """

    workers: int | None = None
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be >= 1, got {self.workers}")
        if not 0 <= self.gpus <= 1:
            raise ValueError(f"a task's gpus must be in [0, 1], got {self.gpus}")

    @property
    def at_once(self) -> int:
        """As `Engine.at_once`."""
        most = self.workers or usable_cores()
        return min(most, len(_places(self.gpus))) if self.gpus else most

    def execute(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], /
    ) -> Iterator[tuple[Task, Result]]:
        """As `Engine.execute`.

        Raises:
            ValueError: tasks need a GPU and this machine has none, or a task cannot be sent to a worker.
        """
        if not tasks:
            return
        parcels = [(task, Parcel.of(function, task)) for task in tasks]
        context = get_context("spawn")  # a fork of a process that has used torch's threads can hang
        processes = min(self.at_once, len(tasks))
        own = None
        if self.gpus:
            own = context.Queue()
            for place in _places(self.gpus)[:processes]:
                own.put(place)
        others = active_children()
        with ProcessPoolExecutor(processes, context, initializer=_start_worker, initargs=(own,)) as pool:
            with _interrupts_waiting():
                futures = {pool.submit(parcel.carry_out): task for task, parcel in parcels}
            workers = [child for child in active_children() if child not in others]
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BrokenProcessPool as error:
                raise RuntimeError(
                    "a worker process was killed (out of memory?): run the same command again to continue, "
                    "with fewer workers if it happens again; a script needs its calls under "
                    '`if __name__ == "__main__":`'
                ) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                if any(not future.done() for future in futures):
                    for worker in workers:
                        worker.terminate()


def _places(share: float) -> list[str]:
    """Names of GPUs, one for each task that fits; every GPU comes once before any comes twice."""
    count = torch.cuda.device_count()
    if not count:
        raise ValueError("there is no GPU on this machine: run on the CPU or on a Ray cluster that has some")
    visible = os.environ.get(_VISIBLE, "").split(",")
    names = visible if len(visible) == count and all(visible) else [str(number) for number in range(count)]
    return names * int(1 / share)


@contextmanager
def _interrupts_waiting() -> Generator[None]:
    """Delay Ctrl-C: here to the end of the block, in new processes until they are ready for it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(gpus: "Queue[str] | None") -> None:
    if gpus is not None:
        os.environ[_VISIBLE] = gpus.get()  # CUDA reads this once, when it starts
    torch.set_num_threads(1)
    # Ctrl-C reaches the whole terminal group. Die without a traceback; the parent reports.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
