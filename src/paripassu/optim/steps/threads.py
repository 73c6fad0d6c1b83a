"""Compiled functions on the threads of torch's own operations.

OpenMP's threads spin for milliseconds after each of torch's operations, ready for the next. Other threads
would share the cores with them: a step of `NSGD` after a backward pass then takes up to 1.7 times as long.
So the OpenMP runtime that torch uses also runs our functions.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import torch

_IMPORTED_IN = os.getpid()


class Compiled(Protocol):
    """A C function with one address as its argument, as numba compiles it."""

    @property
    def address(self) -> int:
        """Of its machine code."""
        ...

    @property
    def ctypes(self) -> Callable[[int], None]:
        """The function for Python, which releases the interpreter's lock."""
        ...


def run_on_threads(work: Compiled, address: int, threads: int) -> None:
    """Call ``work`` on ``threads`` threads, including the caller's; return when all calls have returned.

    Args:
        work: function whose calls divide the work among themselves.
        address: its argument, the same for each call.
        threads: >= 1, and no more than torch uses.
    """
    parallel = _openmp() if threads > 1 else None
    if parallel is not None:
        parallel(work.address, address, threads, 0)
        return
    others = [_pool().submit(work.ctypes, address) for _ in range(threads - 1)]
    work.ctypes(address)
    for other in others:
        other.result()


@lru_cache(maxsize=1)
def _openmp() -> Callable[..., None] | None:
    """``GOMP_parallel(body, data, threads, flags)`` of torch's runtime; None if that cannot be used."""
    if os.getpid() != _IMPORTED_IN:  # a fork: GNU's runtime would wait forever for its parent's threads
        return None
    try:
        # The dynamic linker finds it in the runtime of this library: GNU's, LLVM's and Intel's all have it.
        torch_cpu = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        parallel = torch_cpu.GOMP_parallel
    except (OSError, AttributeError):
        return None
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
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
