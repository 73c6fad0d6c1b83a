"""Several processes train as one: equal steps, one writer, and a death that costs nothing that was saved."""

import json
import os
import shlex
import signal
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import load_file
from tests.cases.labelled import Large
from tests.cases.processes import member, together
from tests.cases.rules import OPTIMIZERS
from torch import nn
from torch.multiprocessing import ProcessExitedException
from torch.nn.parallel import DistributedDataParallel

from paripassu.data import Augmented, Digits, Labelled, Ring
from paripassu.games import R1, Draws, PathLength, WganGP, relativistic, wasserstein
from paripassu.models import DCGAN, MLP, SNGAN, StyleGAN2
from paripassu.records import Losses
from paripassu.records.checkpoints import checkpoints
from paripassu.records.codec import read_records
from paripassu.rules import SGD, Adam
from paripassu.train import Player, Run, current_processes, train
from paripassu.train.evaluation import Evaluator
from paripassu.train.measures import NotFiniteError
from paripassu.train.processes import ALONE, Processes, check_batch, check_step, normalise_over
from paripassu.train.state import initial_state
from paripassu.train.step import step

RANKS, STEPS, RATE = 2, 2, 1e-3
# Training averages gradients before any rule sees them: one of each kind, with each scope, says it of all.
KINDS = [
    "NSGD global",
    "NSGD layer rms",
    "AdaNSGD layer betas",
    "AdaDir global",
    "Graft global",
    "rule Adam",
    "rule of weights",
    "rule Orthogonal",
]


def _penalised(name: str) -> Run:
    """WGAN-GP with two discriminator steps a round."""
    player = Player(OPTIMIZERS[name]([torch.zeros(1)]).rule, RATE, weight_decay=0.1)
    return Run(
        Digits(),
        DCGAN(latent=8, width=4, norm="none"),
        player,
        player,
        loss=wasserstein,
        penalty=WganGP(),
        batch=8,
        n_critic=2,
        generator_batches=2,
        ema=0.9,
    )


def _batch_normalised() -> Run:
    player = Player(Adam((0.5, 0.999)), RATE)
    return Run(Digits(), DCGAN(latent=8, width=4), player, player, batch=8, ema=0.9)


def _diverging() -> Run:
    player = Player(SGD(), 1e30)
    return Run(
        Ring(), MLP(width=8), player, player, steps=4, batch=8, eval_samples=10, eval_every=2, log_every=9
    )


def _conditional() -> Run:
    """Labels by batch normalisation and by a projection, and a loss that compares pairs.

    SGD, for biases before batch normalisation have no gradient, and Adam makes whole steps of its rounding.
    """
    player = Player(SGD(), 0.01)
    model = SNGAN(latent=4, width=1)
    return Run(
        Augmented(Labelled(Large()), flip=True),
        model,
        player,
        player,
        batch=8,
        loss=relativistic,
        penalty=R1(),
    )


RUNS = {name: _penalised(name) for name in KINDS} | {
    "batch norm": _batch_normalised(),
    "a fixed pace": replace(_batch_normalised(), pace=0.5),
    "conditional": _conditional(),
}


def _after_steps(run: Run, processes: Processes) -> list[torch.Tensor]:
    """The losses on the way, and every weight and buffer."""
    real = run.data.load(torch.device("cpu"))
    state = initial_state(run, real.shape, len(real.classes))
    for network in (state.generator, state.discriminator):
        normalise_over(processes, network)
    losses = []
    for _ in range(STEPS):
        losses.append(processes.average(step(run, state, real, processes)))
        state.step += 1
    return losses + [t for network in state.networks().values() for t in network.state_dict().values()]


def _path_length(processes: Processes) -> list[torch.Tensor]:
    """The term, the running mean and the gradients of a generator without noise of its own."""
    torch.manual_seed(0)
    network = StyleGAN2(latent=8, width=4, mapping_depth=2, mixing=0.0).build((1, 8, 8)).generator
    draws = processes.draws(torch.Generator().manual_seed(2))
    z = draws.rows(torch.randn(8, 8))
    term = PathLength(decay=0.5)(network, z, draws)
    term.backward()
    gradients = [
        p.grad for name, p in network.named_parameters() if p.grad is not None and "noise" not in name
    ]
    return [processes.average(t) for t in (term, network.mean_path_length, *gradients)]


def _averaged_by_torch(processes: Processes) -> list[torch.Tensor]:
    """Weights after steps on the discriminator's whole loss, which DistributedDataParallel averages."""
    torch.manual_seed(0)
    discriminator = DCGAN(latent=8, width=4, norm="none").build((1, 8, 8)).discriminator
    draws = processes.draws(torch.Generator())
    shown = draws.rows(torch.randn(8, 1, 8, 8))
    parallel = DistributedDataParallel(discriminator) if processes.count > 1 else discriminator
    optimizer = torch.optim.SGD(discriminator.parameters(), RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (parallel(shown).mean() + R1()(parallel, shown, shown, draws)).backward()
        optimizer.step()
    return [p.detach() for p in discriminator.parameters()]


def _rank(rank: int, folder: str) -> None:
    with member(rank, RANKS, folder):
        group = current_processes()
        results = {name: _after_steps(run, group) for name, run in RUNS.items()}
        results["path length"] = _path_length(group)
        results["torch"] = _averaged_by_torch(group)
        with pytest.raises(RuntimeError, match="different checkpoints"):
            check_step(group, 10 * rank, "cpu")
        results["diverged"] = [train(_diverging(), f"{folder}/diverged").outcome]
        with patch.object(Evaluator, "measure", side_effect=NotFiniteError("a feature is not finite")):
            results["diverged"] += [train(_diverging(), f"{folder}/first").outcome]
        torch.save(results, Path(folder) / f"rank-{rank}.pt")


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    together(_rank, RANKS, str(folder))
    return [torch.load(folder / f"rank-{rank}.pt") for rank in range(RANKS)]


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_train_as_one(processes, name):
    """Only the order of sums differs: 1e-5, where a step is up to 1e-3 in every weight."""
    for ours, theirs in zip(processes[0][name], _after_steps(RUNS[name], ALONE), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", RUNS)
def test_the_processes_stay_equal_bit_by_bit(processes, name):
    first, second = (process[name] for process in processes)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_all_processes_end_where_one_sees_divergence(processes):
    """In the weights all do; in what is measured the first alone."""
    assert [process["diverged"] for process in processes] == 2 * [["diverged", "diverged"]]


def test_torch_averages_a_loss_with_a_penalty(processes):
    first, second = (results["torch"] for results in processes)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, _averaged_by_torch(ALONE))


def test_the_path_length_is_that_of_the_whole_batch(processes):
    for ours, theirs in zip(processes[0]["path length"], _path_length(ALONE), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@dataclass(frozen=True)
class Twins(Processes):
    """Two processes with equal rows, so that a mean over both is that of each."""

    count: int = 2

    def average(self, own: torch.Tensor) -> torch.Tensor:
        return own.detach()


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.BatchNorm1d(3), (4, 3)),
        (nn.BatchNorm1d(3, momentum=None), (4, 3, 5)),
        (nn.BatchNorm2d(3), (4, 3, 2, 5)),
        (nn.BatchNorm2d(3, affine=False, track_running_stats=False), (4, 3, 2, 5)),
        (nn.BatchNorm3d(3), (4, 3, 2, 2, 3)),
    ],
    ids=str,
)
def test_every_batch_normalisation_is_over_the_whole_batch(norm, shape):
    alone, whole = nn.Sequential(norm), nn.Sequential(deepcopy(norm))
    normalise_over(Twins(), whole)
    for seed in range(3):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + 1
        torch.testing.assert_close(whole(x), alone(torch.cat([x, x]))[: len(x)])
    for name, ours in whole.state_dict().items():
        torch.testing.assert_close(ours, alone.state_dict()[name])


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_processes_draw_the_rows_of_one(kind):
    def draw(rows: int, rank: int = 0, processes: int = 1) -> torch.Tensor:
        return getattr(Draws(torch.Generator().manual_seed(0), rank, processes), kind)((rows, 5))

    assert torch.equal(torch.cat([draw(4, rank, 3) for rank in range(3)]), draw(12))


def test_rows_are_equal_parts(points, styles):
    whole, rng = torch.arange(12), torch.Generator()
    assert torch.cat([Draws(rng, rank, 3).rows(whole) for rank in range(3)]).tolist() == whole.tolist()
    check_batch(points, Processes(0, 4))
    with pytest.raises(ValueError, match="batch of 32 does not divide among 5 processes"):
        check_batch(points, Processes(0, 5))
    with pytest.raises(ValueError, match="half the generator's batch, 6"):
        check_batch(replace(styles, batch=12, generator_batches=1), Processes(0, 4))


def _dies(rank: int, run: Run, folder: str) -> None:
    """The second process dies, as if the system had run out of memory, between two checkpoints."""

    def progress(step: int) -> None:
        if step == 5 and rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    with member(rank, RANKS, folder):
        train(run, Path(folder) / "many", progress=progress)


_OPTIONS = shlex.split(
    "--data digits --model dcgan --latent 8 --width 4 --norm none --batch 8 --steps 6 --ema 0.9 "
    "--optimizer-d adam --optimizer-g adam --betas 0.9 0.999 --lr-d 1e-3 --lr-g 1e-3 --weight-decay 0.1 "
    "--loss wasserstein --penalty wgan-gp --n-critic 2 --generator-batches 2 "
    "--log-every 1 --eval-samples 20 --checkpoint-every 3 --device cpu"
)


# The command, and a check: else gloo's threads live on, and torch may abort while Python shuts down.
_COMMAND = """
import sys, weakref
import torch.distributed as dist
from paripassu.__main__ import main
groups, join = [], dist.init_process_group
def joining(*arguments, **options):
    join(*arguments, **options)
    groups.append(weakref.ref(dist.group.WORLD))
dist.init_process_group = joining
code = main(sys.argv[1:])
assert "torch._dynamo" in sys.modules  # an optimizer's first step imports it
assert [group() for group in groups] == [None], "something keeps the group"
sys.exit(code)
"""


def _torchrun(*arguments: str) -> subprocess.CompletedProcess:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*launcher, *arguments], check=False, capture_output=True, text=True, timeout=120, env=environment
    )


def test_a_job_whose_process_died_goes_on_from_its_checkpoint(tmp_path):
    """The records then are those of one process, and each of them is there once; nothing keeps the group."""
    run = replace(RUNS["rule Adam"], steps=6, log_every=1, eval_samples=20, checkpoint_every=3)
    many, script = tmp_path / "many", tmp_path / "command.py"
    with pytest.raises(ProcessExitedException, match="SIGKILL"):
        together(_dies, RANKS, run, str(tmp_path))
    assert [path.name for path in checkpoints(many)] == ["step-000000000", "step-000000003"]

    script.write_text(_COMMAND)
    resumed = _torchrun(str(script), "train", *_OPTIONS, "--out", str(many), "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["step"] == 6  # one process speaks

    assert train(run, tmp_path / "alone").outcome == "finished"
    ours, theirs = (list(read_records(tmp_path / name / "records.jsonl")) for name in ("many", "alone"))
    assert [type(record) for record in ours] == [type(record) for record in theirs]
    losses = [
        [(r.discriminator, r.generator) for r in all_ if isinstance(r, Losses)] for all_ in (ours, theirs)
    ]
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-4, atol=1e-5)
    files = [checkpoints(tmp_path / name)[-1] / "averaged.safetensors" for name in ("many", "alone")]
    for ours, theirs in zip(*(load_file(file).values() for file in files), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
