"""Many independent tasks on this machine's cores, one process each, one thread a process."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process

import torch

from paripassu.engine.engine import Result, Task


@dataclass(frozen=True)
class LocalEngine:
    """A pool of processes.

    Args:
        workers: processes, >= 1; as many as cores without it.

    Raises:
        ValueError: fewer than one worker.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be >= 1, got {self.workers}")

    def execute(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], /
    ) -> Iterator[tuple[Task, Result]]:
        """As `Engine.execute`."""
        if not tasks:
            return
        context = get_context("spawn")  # a fork of a process that has used torch's threads can hang
        processes = min(self.workers or os.cpu_count() or 1, len(tasks))
        with ProcessPoolExecutor(processes, context, initializer=_start_worker) as pool:
            futures = {pool.submit(function, task): task for task in tasks}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BrokenProcessPool as error:
                raise RuntimeError(
                    "a worker process was killed (out of memory?): run the same command again to go on, "
                    "with fewer workers if it happens again; a script needs its calls under "
                    '`if __name__ == "__main__":`'
                ) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                if any(not future.done() for future in futures):
                    for child in active_children():
                        child.terminate()


def _start_worker() -> None:
    torch.set_num_threads(1)
    # Ctrl-C reaches the whole terminal group: die without a traceback, the parent reports.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
