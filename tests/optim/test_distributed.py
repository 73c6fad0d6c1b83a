"""Two processes against one: data parallel, and parameters sharded as DTensors (FSDP2)."""

import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from tests.optim.cases import OPTIMIZERS
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from paripassu.optim import NSGD

RANKS, STEPS = 2, 3


def _network() -> nn.Module:
    """Seven rows do not divide by two, and of one row a rank holds nothing."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 1)).double()


def _batch() -> torch.Tensor:
    return torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def _train(network: nn.Module, make, x: torch.Tensor) -> nn.Module:
    optimizer = make(network.parameters(), 0.05, weight_decay=0.01)
    for _ in range(STEPS):
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()
    return network


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    mesh = init_device_mesh("cpu", (RANKS,))
    part = _batch().chunk(RANKS)[rank]
    results = {}
    for name, make in OPTIMIZERS.items():
        parallel = _train(DistributedDataParallel(_network()), make, part)
        sharded = _network()
        fully_shard(sharded, mesh=mesh)
        _train(sharded, make, part)
        whole = [p.detach().full_tensor() for p in sharded.parameters()]
        results[name] = [p.detach() for p in parallel.parameters()], whole
    results["skipped"] = _skips(sharded)
    if rank == 0:
        torch.save(results, Path(folder) / "results.pt")
    dist.destroy_process_group()


def _skips(network: nn.Module) -> bool:
    """Whether no rank steps when one rank's shard of one gradient is not finite."""
    before = [p.detach().full_tensor() for p in network.parameters()]
    optimizer = NSGD(network.parameters(), 0.1, nonfinite="skip")
    for index, p in enumerate(network.parameters()):
        p.grad = torch.ones_like(p)
        if index == 0 and dist.get_rank() == 1:
            p.grad.to_local().fill_(math.nan)
    optimizer.step()
    after = [p.detach().full_tensor() for p in network.parameters()]
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(_rank, (str(folder),), nprocs=RANKS)
    return torch.load(folder / "results.pt")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_processes_step_as_one(two_processes, name):
    """The global norm is the whole player's, wherever its shards are."""
    alone = list(_train(_network(), OPTIMIZERS[name], _batch()).parameters())
    for many in two_processes[name]:
        torch.testing.assert_close(many, [p.detach() for p in alone], rtol=1e-9, atol=1e-12)


def test_all_ranks_skip_a_step_that_one_cannot_take(two_processes):
    assert two_processes["skipped"]
