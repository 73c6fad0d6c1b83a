"""Mixed precision and data parallel: the probe measures the gradients that the optimizer steps from."""

import pytest
import torch
import torch.multiprocessing as mp
from tests.cases.networks import network_of
from tests.cases.processes import member, together
from torch.nn.parallel import DistributedDataParallel

from paripassu.probe import Probe
from paripassu.records import Update


def _scaled(fused: bool, scale: float | None, infinite: int = -1) -> tuple[list, list]:
    """Records and weights of five steps, the gradients scaled and one of them infinite."""
    network = network_of()
    optimizer = torch.optim.Adam(network.parameters(), 0.01, fused=fused)
    scaler = torch.amp.GradScaler("cpu", enabled=scale is not None, init_scale=scale or 1.0)
    records: list = []
    Probe({"player": optimizer}, 1, writer=records.append)
    generator = torch.Generator().manual_seed(0)
    for step in range(5):
        optimizer.zero_grad()
        loss = network(torch.randn(8, 3, generator=generator)).square().mean()
        scaler.scale(loss * (float("inf") if step == infinite else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
    return records, [p.detach() for p in network.parameters()]


@pytest.mark.parametrize("fused", [True, False])
def test_scaled_gradients_are_unscaled(fused):
    """A power of two scales without rounding, so the records are the same bit by bit."""
    records, weights = _scaled(fused, 2.0**12)
    plain, unscaled = _scaled(fused, None)
    assert records == plain
    assert all(torch.equal(a, b) for a, b in zip(weights, unscaled, strict=True))


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_that_the_scaler_skips_is_not_measured(fused):
    records, _ = _scaled(fused, 2.0**12, infinite=2)
    whole = [r for r in records if isinstance(r, Update) and not r.layer]
    assert len(whole) == 4
    assert all(r.update > 0 and r.gradient < 1e3 for r in whole)
    # The shadow's moments have seen no infinity.
    assert all(r.magnitude == r.magnitude for r in records if not isinstance(r, Update))


def test_gradients_unscaled_by_hand_are_not_unscaled_again():
    network = network_of()
    optimizer = torch.optim.Adam(network.parameters(), 0.01, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    records: list = []
    Probe({"player": optimizer}, 1, writer=records.append, shadows={}, layers=False)
    scaler.scale(network(torch.ones(8, 3)).square().mean()).backward()
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1e9).item()
    scaler.step(optimizer)
    assert records[0].gradient == pytest.approx(norm)


def test_bfloat16_gradients_give_the_shadow_float32_moments():
    network = network_of().bfloat16()
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    probe = Probe({"player": optimizer}, 1, writer=lambda _: None)
    network(torch.ones(8, 3, dtype=torch.bfloat16)).square().mean().backward()
    optimizer.step()
    moments = probe.state_dict()["player"]["adam"]
    assert {state["exp_avg_sq"].dtype for state in moments.values()} == {torch.float32}


def _worker(rank: int, world: int, folder: str, batch: torch.Tensor, results) -> None:
    with member(rank, world, folder):
        network = DistributedDataParallel(network_of().double())
        optimizer = torch.optim.Adam(network.parameters(), 0.01)
        records: list = []
        Probe({"player": optimizer}, 1, writer=records.append, layers=False)
        for _ in range(3):
            optimizer.zero_grad()
            network(batch.chunk(world)[rank]).square().mean().backward()
            optimizer.step()
        results[rank] = records


def test_under_ddp_every_process_measures_the_whole_batch(tmp_path):
    batch = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with mp.Manager() as manager:
        results = manager.dict()
        together(_worker, 2, 2, str(tmp_path), batch, results)
        first, second = results[0], results[1]
    assert first == second
    network = network_of().double()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    alone: list = []
    Probe({"player": optimizer}, 1, writer=alone.append, layers=False)
    for _ in range(3):
        optimizer.zero_grad()
        network(batch).square().mean().backward()
        optimizer.step()
    assert [vars(r) for r in first] == [pytest.approx(vars(r)) for r in alone]
