"""torch's distributed checkpoints (DCP) of FSDP2 players, on one process and on two, and ZeRO's shards."""

import itertools
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from tests.cases.processes import member, together
from tests.cases.rules import OPTIMIZERS
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from paripassu.optim import NSGD, AdaDir, AdaNSGD, Graft
from paripassu.rules import SGD, Adam

# Optimizers that keep something: of others torch's full state dicts cannot be loaded, SGD's neither.
KEEPERS = {
    "AdaNSGD betas": lambda p: AdaNSGD(p, 0.1, betas=(0.5, 0.9)),
    "AdaDir": lambda p: AdaDir(p, 0.1),
    "NSGD momentum": lambda p: NSGD(p, 0.1, momentum=0.9, nonfinite="skip"),
    "Graft": lambda p: Graft(p, 0.1, magnitude=Adam(), direction=SGD(0.9), scope="global"),
}
FORMS = {
    "full": {"full_state_dict": True},
    "full from rank 0": {"full_state_dict": True, "cpu_offload": True, "broadcast_from_rank0": True},
    "flat": {"flatten_optimizer_state_dict": True},
    "sharded": {},
}
# Under ZeRO each rank has some of the tensors whole. Two layers of scale ask for an unequal partition.
DIVIDED = ["NSGD global", "NSGD global rms", "NSGD layer", "AdaNSGD global", "Graft global", "rule Adam"]


def _cases(ranks: int) -> list[tuple[str, str]]:
    """Every optimizer in full on one process, and every form on two."""
    if ranks == 1:
        return [(name, "full") for name in KEEPERS]
    return list(itertools.product(["AdaNSGD betas", "NSGD momentum"], FORMS))


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 1)).double()


def _train(network, optimizer, first: int, steps: int, ranks: int = 1) -> list[torch.Tensor]:
    for seed in range(first, first + steps):
        x = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        part = x.chunk(ranks)[dist.get_rank()] if ranks > 1 else x
        optimizer.zero_grad()
        network(part).square().mean().backward()
        optimizer.step()
    tensors = (p.detach() for p in network.parameters())
    return [t.full_tensor() if isinstance(t, DTensor) else t.clone() for t in tensors]


def _resumed(make, form: dict, mesh, ranks: int, folder: Path) -> list[torch.Tensor]:
    """After two steps, a checkpoint in this form, and two steps of other objects."""
    options = StateDictOptions(**form)
    before, after = _network(), _network()
    for network in (before, after):
        fully_shard(network, mesh=mesh)
    first, second = make(before.parameters()), make(after.parameters())
    _train(before, first, 0, 2, ranks)
    state = get_optimizer_state_dict(before, first, options=options)
    if not form.get("full_state_dict"):  # the others are files of rank 0
        dcp.save({"optimizer": state}, checkpoint_id=folder)
        state = get_optimizer_state_dict(after, second, options=options)
        dcp.load({"optimizer": state}, checkpoint_id=folder)
    if form.get("broadcast_from_rank0") and dist.get_rank():
        state = {}
    with torch.no_grad():
        for ours, theirs in zip(after.parameters(), before.parameters(), strict=True):
            ours.copy_(theirs)
    set_optimizer_state_dict(after, second, state, options=options)
    return _train(after, second, 2, 2, ranks)


def _divided(make, skip: bool, ranks: int) -> list[torch.Tensor]:
    """After three steps under ZeRO; with ``skip`` one rank's part of the second gradient is not finite."""
    # Not above: in the process of the tests the warnings of its import are errors.
    from torch.distributed.optim import ZeroRedundancyOptimizer

    network = DistributedDataParallel(_network())
    zero = ZeroRedundancyOptimizer(network.parameters(), make, lr=0.05)
    _train(network, zero, 0, 1, ranks)
    if skip:
        before = [p.detach().clone() for p in network.parameters()]
        for index, p in enumerate(network.parameters()):
            p.grad = torch.full_like(p, torch.nan if index == 0 else 1.0)
        zero.step()
        assert all(torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True))
        assert zero.optim.skipped == (1, 1)
    return _train(network, zero, 1, 2, ranks)


def _rank(rank: int, ranks: int, folder: str) -> None:
    with member(rank, ranks, folder):
        mesh = init_device_mesh("cpu", (ranks,))
        results = {
            (name, form): _resumed(KEEPERS[name], FORMS[form], mesh, ranks, Path(folder) / f"{name} {form}")
            for name, form in _cases(ranks)
        }
        if ranks > 1:
            for name in DIVIDED:
                results[name] = _divided(OPTIMIZERS[name], skip=False, ranks=ranks)
            results["skip"] = _divided(
                lambda p, lr: NSGD(p, lr, scope="layer", nonfinite="skip"), skip=True, ranks=ranks
            )
        if rank == 0:
            torch.save(results, Path(folder) / "results.pt")


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """The results on one process and on two."""
    results = {}
    for ranks in (1, 2):
        folder = tmp_path_factory.mktemp("ranks")
        together(_rank, ranks, ranks, str(folder))
        results[ranks] = torch.load(folder / "results.pt")
    return results


@pytest.mark.parametrize(
    ("ranks", "name", "form"), [(ranks, *case) for ranks in (1, 2) for case in _cases(ranks)]
)
def test_a_run_goes_on_from_a_distributed_checkpoint(processes, ranks, name, form):
    network = _network()
    expected = _train(network, KEEPERS[name](network.parameters()), 0, 4)
    torch.testing.assert_close(processes[ranks][name, form], expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", DIVIDED)
def test_a_player_divided_by_zero_redundancy_steps_as_one(processes, name):
    """Its norm is that of all ranks' tensors."""
    network = _network()
    expected = _train(network, OPTIMIZERS[name](network.parameters(), 0.05), 0, 3)
    torch.testing.assert_close(processes[2][name], expected, rtol=1e-9, atol=1e-10)


def test_all_ranks_skip_where_one_has_a_bad_gradient(processes):
    network = _network()
    expected = _train(network, NSGD(network.parameters(), 0.05, scope="layer"), 0, 3)
    torch.testing.assert_close(processes[2]["skip"], expected, rtol=1e-9, atol=1e-10)
