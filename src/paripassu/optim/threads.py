"""Work on the threads that torch's own operations run on.

OpenMP's threads spin for milliseconds after each of torch's operations, ready for the next. Threads of
our own would have to share the cores with them: a step of `NSGD` after a backward pass then takes up to 1.7
times as long. So the work is handed to the OpenMP runtime that torch itself uses.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import torch

_BORN = os.getpid()

_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def together(work: Callable[[], None], *, at_most: int) -> None:
    """Call ``work`` on as many threads as torch would use, the caller's among them; return when all are done.

    Args:
        work: compiled, releases the interpreter's lock, and shares out what there is to do by itself.
        at_most: threads that there is enough to do for.
    """
    threads = min(torch.get_num_threads(), at_most)
    if threads <= 1:
        work()
        return
    parallel = _openmp()
    if parallel is None:
        others = [_pool().submit(work) for _ in range(threads - 1)]
        work()
        for other in others:
            other.result()
        return
    raised: list[BaseException] = []

    def body(_: object) -> None:
        try:
            work()
        except BaseException as error:  # Ctrl-C: nothing can be raised through C
            raised.append(error)

    parallel(_BODY(body), None, threads, 0)
    if raised:
        raise raised[0]


@lru_cache(maxsize=1)
def _openmp() -> Callable[..., None] | None:
    """``GOMP_parallel(body, data, threads, flags)`` of torch's runtime; None where it cannot serve."""
    if os.getpid() != _BORN:  # a fork: GNU's runtime would wait for ever for its parent's threads
        return None
    try:
        # Looked up in what this library is linked with: GNU's, LLVM's and Intel's runtimes all have it.
        torch_cpu = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        parallel = torch_cpu.GOMP_parallel
    except (OSError, AttributeError):
        return None
    parallel.argtypes = [_BODY, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    return parallel


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    # Threads start as they are needed, so the bound costs nothing.
    return ThreadPoolExecutor(max_workers=1024, thread_name_prefix="paripassu")


if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)
    os.register_at_fork(after_in_child=_openmp.cache_clear)
