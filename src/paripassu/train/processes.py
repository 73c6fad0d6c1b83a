"""Several processes that train one GAN: ``torchrun --nproc-per-node=N -m paripassu train ...``.

A run's batch is the whole batch, whatever the number of processes. Each process takes its rows of the
samples, latents and penalty draws. Gradients are averaged over the processes before a player steps, in one
message a player and step. Batch normalisation sees the whole batch. N processes therefore make the steps that
one makes, up to rounding. A network's own noise and comparisons (StyleGAN2's noise, mixed styles and
minibatch deviation) are those of its process's rows.

Gradients are not averaged by DistributedDataParallel. It silently loses synchrony when a backward pass leaves
a parameter without a gradient, and a penalty passes through the discriminator more than once.
"""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage] - has no other name

from paripassu.games import Draws
from paripassu.train.run import Run

# The others wait while the first measures; should one die, torchrun ends them.
_PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Args:
        rank: of this process, from 0; the first one writes.
        count: how many there are, >= 1; more than one need torch's process group.
    """

    rank: int = 0
    count: int = 1

    def draws(self, generator: torch.Generator) -> Draws:
        """Random numbers for this process's rows of every batch."""
        return Draws(generator, self.rank, self.count, self.average)

    def average(self, own: Tensor) -> Tensor:
        """The mean over all processes, each of which calls this; no gradient goes through it."""
        if self.count == 1:
            return own.detach()
        total = own.detach().clone()
        dist.all_reduce(total)
        return total / self.count


ALONE = Processes()


@contextmanager
def joined(device: str) -> Generator[None]:
    """Join the other processes that torchrun started; without it, nothing.

    Args:
        device: the run's, ``"cpu"`` or ``"cuda"``: each process takes the GPU of its local rank.

    Raises:
        ValueError: one GPU is named for all, or there are fewer than processes.
    """
    if not is_one_of_many():
        yield
        return
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        local, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if device != "cuda":
            raise ValueError(f"each process takes a GPU of its own: say cuda, not {device}, under torchrun")
        if local >= there:
            raise ValueError(f"there are {there} GPUs here: start at most as many processes with torchrun")
        torch.cuda.set_device(local)
    # Import this before our process group exists; an optimizer's first step would import it later. Its
    # functions store the current group as a default argument. If they store ours, gloo's threads outlive it
    # and torch can abort at exit.
    import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def is_one_of_many() -> bool:
    """Whether torchrun started this process and others."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


def current_processes() -> Processes:
    """The processes of torch's process group; without a group, this one alone."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return ALONE


def check_batch(run: Run, processes: Processes) -> None:
    """Raise ``ValueError`` unless the run's batches divide among the processes."""
    if run.batch % processes.count:
        raise ValueError(
            f"a batch of {run.batch} does not divide among {processes.count} processes: use a multiple"
        )
    if run.path_length and path_length_batch(run) % processes.count:
        raise ValueError(
            f"half the generator's batch, {path_length_batch(run)} for the path length, does not divide "
            f"among {processes.count} processes: use a multiple"
        )


def path_length_batch(run: Run) -> int:
    """Samples of the path length term: half the generator's, rounded up."""
    return -(-run.generator_batches * run.batch // 2)


def wait(processes: Processes) -> None:
    """Go on when all processes are here."""
    if processes.count > 1:
        dist.barrier()


def check_step(processes: Processes, step: int, device: str) -> None:
    """Raise ``RuntimeError`` where the processes would go on from different steps."""
    if processes.average(torch.tensor(float(step), dtype=torch.float64, device=device)).item() != step:
        raise RuntimeError(
            f"the processes found different checkpoints, this one's is of step {step}: "
            "give them a run folder on a file system that all of them see"
        )


def average_gradients(processes: Processes, parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their means over the processes."""
    if processes.count == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    means = processes.average(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    for gradient, mean in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view(gradient.shape))


def normalise_over(processes: Processes, network: nn.Module) -> None:
    """Let the batch normalisation of ``network``, in training, take the statistics of whole batches."""
    if processes.count == 1:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
                assert isinstance(child, _BatchNorm)
                setattr(module, name, _WholeBatchNorm(child, processes))


class _WholeBatchNorm(_BatchNorm):
    # torch's own SyncBatchNorm runs on GPUs only.
    def __init__(self, own: _BatchNorm, processes: Processes) -> None:
        super().__init__(own.num_features, own.eps, own.momentum, own.affine, own.track_running_stats)
        self._processes = processes
        self.weight, self.bias = own.weight, own.bias  # the very tensors that an optimizer holds
        self.running_mean, self.running_var = own.running_mean, own.running_var
        self.num_batches_tracked = own.num_batches_tracked

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        """Any number: the layer that this one replaces may be for signals, images or volumes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        if not self.training:
            return super().forward(input)
        x, all_but_channels = input.float(), [0, *range(2, input.ndim)]

        def each(of_channel: Tensor) -> Tensor:
            return of_channel.view(-1, *[1] * (x.ndim - 2))

        mean = _Mean.apply(x.mean(dim=all_but_channels), self._processes)
        centred = x - each(mean)
        # In two messages: a mean of squares less the square of the mean would lose digits.
        variance = _Mean.apply(centred.square().mean(dim=all_but_channels), self._processes)
        count = self._processes.count * x.numel() // x.shape[1]
        self._remember(mean, variance * count / (count - 1))
        scale = (variance + self.eps).rsqrt()
        if not self.affine:
            return (centred * each(scale)).to(input.dtype)
        return (centred * each(self.weight * scale) + each(self.bias)).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _Mean(torch.autograd.Function):
    """`Processes.average` with a gradient: every process's loss depends on every process's part."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, processes: Processes) -> Tensor:
        ctx.processes = processes
        return processes.average(own)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return ctx.processes.average(gradient), None
