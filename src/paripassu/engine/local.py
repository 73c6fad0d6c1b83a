"""Many independent tasks on this machine's cores, one process each, one thread a process."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")


def count_workers(asked: int | None) -> int:
    """The number of processes asked for, or one per core.

    Raises:
        ValueError: fewer than one was asked for.
    """
    if asked is not None and asked < 1:
        raise ValueError(f"workers must be >= 1, got {asked}")
    return asked or os.cpu_count() or 1


def execute(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, workers: int
) -> Iterator[tuple[Task, Result]]:
    """Run ``function`` on every task; yield each with its result as it is done.

    Tasks must say for themselves whether they were done before: stopping the iteration, or the whole
    program, stops the workers at once.

    Args:
        function: importable by its module and name, so that a fresh process finds it.
        tasks: independent and picklable.
        workers: processes, from `count_workers`.

    Raises:
        RuntimeError: a worker was killed, as by the system when memory runs out.
    """
    if not tasks:
        return
    context = get_context("spawn")  # a fork of a process that has used torch's threads can hang
    with ProcessPoolExecutor(min(workers, len(tasks)), context, initializer=_start_worker) as pool:
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
