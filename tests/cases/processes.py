"""Several processes that are one group, on gloo."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist


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
