"""Processes that begin with torch imported, and several of them that are one group, on gloo."""

import multiprocessing
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

# Imports cost a fresh interpreter seconds. A server makes them once; a process is a copy of the server.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["paripassu.train", "torch._dynamo", "torch.distributed.checkpoint", "torch.distributed.fsdp"]
)


def forked(_: str) -> multiprocessing.context.BaseContext:
    """In place of ``get_context("spawn")``: a pool's processes are copies of the server too."""
    ensure_running()  # before the pool delays Ctrl-C, which the server and all its copies would inherit
    return _SERVER


def started(function: Callable[..., None], *arguments: Any) -> multiprocessing.Process:
    """A process of one thread that calls ``function``."""
    process = _SERVER.Process(target=_alone, args=(function, arguments))
    process.start()
    return process


def _alone(function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    function(*arguments)


def together(function: Callable[..., None], ranks: int, *arguments: Any) -> None:
    """Call ``function`` with a rank and the arguments in ``ranks`` processes; the first to fail ends all."""
    torch.multiprocessing.start_processes(function, arguments, nprocs=ranks, start_method="forkserver")


@contextmanager
def member(rank: int, ranks: int, folder: Path | str) -> Generator[None]:
    """Be the ``rank``-th of ``ranks`` processes of one thread that meet in ``folder``, then end.

    It ends without Python's shutdown: gloo's threads may let go of a tensor last, torch aborts a process in
    which they do so then, and what FSDP and DDP keep of the group keeps them alive.
    """
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks)
    yield
    dist.destroy_process_group()
    os._exit(0)
