"""Two processes against one: data parallel, and parameters sharded as DTensors (FSDP2)."""

import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from tests.cases.processes import member, together
from tests.cases.rules import OPTIMIZERS
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from paripassu.optim import NSGD

RANKS, STEPS = 2, 2
# Sharded parameters go the plain way whatever their dtype, and data parallel averages gradients before any
# optimizer sees them: one of each kind says it of float32, and of data parallel.
KINDS = ["NSGD global", "AdaNSGD layer", "AdaDir global", "Graft layer", "rule SGD", "rule Adam"]
# Relative to a step's length; float32 runs by the compiled kernels where parameters are not sharded.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4}
CASES = [(name, torch.float64) for name in OPTIMIZERS] + [(name, torch.float32) for name in KINDS]


def _network(dtype: torch.dtype) -> nn.Module:
    """Seven rows do not divide by two, and of one row a rank holds nothing."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 1)).to(dtype)


def _batch(dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(dtype)


def _train(network: nn.Module, make, x: torch.Tensor) -> nn.Module:
    optimizer = make(network.parameters(), 0.05, weight_decay=0.01)
    for _ in range(STEPS):
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()
    return network


def _rank(rank: int, folder: str) -> None:
    with member(rank, RANKS, folder):
        mesh = init_device_mesh("cpu", (RANKS,))
        results = {}
        for name, dtype in CASES:
            part = _batch(dtype).chunk(RANKS)[rank]
            sharded = _network(dtype)
            fully_shard(sharded, mesh=mesh)
            networks = [_train(sharded, OPTIMIZERS[name], part)]
            if name in KINDS:
                parallel = DistributedDataParallel(_network(dtype))
                networks.append(_train(parallel, OPTIMIZERS[name], part))
            results[name, dtype] = [_whole(network) for network in networks]
        for name, make in OPTIMIZERS.items():
            results[name, "in part"] = _sharded_in_part(mesh, make)
        results["skipped"] = _skips(sharded)
        if rank == 0:
            torch.save(results, Path(folder) / "results.pt")


def _whole(network: nn.Module) -> list[torch.Tensor]:
    tensors = (p.detach() for p in network.parameters())
    return [t.full_tensor() if isinstance(t, DTensor) else t for t in tensors]


def _gradients(network: nn.Module) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [
        torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p.dtype)
        for p in network.parameters()
    ]


def _sharded_in_part(mesh: DeviceMesh, make) -> list[torch.Tensor]:
    """After a step of a network whose first layer is sharded and whose last is whole on every rank."""
    network = _network(torch.float64)
    gradients = _gradients(network)
    fully_shard(network[0], mesh=mesh)
    for p, gradient in zip(network.parameters(), gradients, strict=True):
        p.grad = distribute_tensor(gradient, mesh, [Shard(0)]) if isinstance(p, DTensor) else gradient
    make(network.parameters(), 0.05, nonfinite="skip").step()
    return _whole(network)


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
    together(_rank, RANKS, str(folder))
    return torch.load(folder / "results.pt")


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_two_processes_step_as_one(two_processes, name, dtype):
    """The global norm is the whole player's, wherever its shards are."""
    alone = _whole(_train(_network(dtype), OPTIMIZERS[name], _batch(dtype)))
    for many in two_processes[name, dtype]:
        torch.testing.assert_close(many, alone, rtol=TOLERANCES[dtype], atol=0.05 * TOLERANCES[dtype])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_player_may_be_sharded_in_part(two_processes, name):
    network = _network(torch.float64)
    for p, gradient in zip(network.parameters(), _gradients(network), strict=True):
        p.grad = gradient
    OPTIMIZERS[name](network.parameters(), 0.05).step()
    torch.testing.assert_close(two_processes[name, "in part"], _whole(network), rtol=1e-9, atol=1e-12)


def test_all_ranks_skip_a_step_that_one_cannot_take(two_processes):
    assert two_processes["skipped"]
