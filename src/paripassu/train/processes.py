"""Several processes that train one GAN: ``torchrun --nproc-per-node=N -m paripassu train ...``.

A run's batch is the whole batch, whatever the number of processes: each takes its share of the samples,
latents and penalty draws, and gradients are averaged over the processes, in one message a player and step,
before the player steps. Batch normalisation sees the whole batch. So N processes make the steps that one
makes, up to rounding. What a network draws or compares by itself (StyleGAN2's noise and mixed styles, its
minibatch deviation) it does for its process's share.

Gradients are averaged by hand, not by DistributedDataParallel: that loses synchrony, silently, on a backward
that leaves a parameter without a gradient, and a penalty goes through the discriminator more than once.
"""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from paripassu.games import WHOLE, Share
from paripassu.train.run import Run

# The others wait while the first measures; should one die, torchrun ends them.
_PATIENCE = timedelta(days=1)


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
    # Its functions keep, as a default, the group that there is, and an optimizer's first step would import
    # it. Then gloo's threads outlive the group, and where one of them lets go of a tensor while Python shuts
    # down, torch aborts the process.
    import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def is_one_of_many() -> bool:
    """Whether torchrun started this process and others."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


def current_share() -> Share:
    """This process's part of every batch: all of it where there is no process group."""
    if dist.is_available() and dist.is_initialized():
        return Share(dist.get_rank(), dist.get_world_size())
    return WHOLE


def check_share(run: Run, share: Share) -> None:
    """Raise ``ValueError`` unless the run's batches divide among the processes."""
    if run.batch % share.ranks:
        raise ValueError(
            f"a batch of {run.batch} does not divide among {share.ranks} processes: use a multiple"
        )
    if run.path_length and path_length_batch(run) % share.ranks:
        raise ValueError(
            f"half the generator's batch, {path_length_batch(run)} for the path length, does not divide "
            f"among {share.ranks} processes: use a multiple"
        )


def path_length_batch(run: Run) -> int:
    """Samples of the path length term: half the generator's, rounded up."""
    return -(-run.generator_batches * run.batch // 2)


def wait(share: Share) -> None:
    """Go on when all processes are here."""
    if share.ranks > 1:
        dist.barrier()


def check_step(share: Share, step: int, device: str) -> None:
    """Raise ``RuntimeError`` where the processes would go on from different steps."""
    if share.mean(torch.tensor(float(step), dtype=torch.float64, device=device)).item() != step:
        raise RuntimeError(
            f"the processes found different checkpoints, this one's is of step {step}: "
            "give them a run folder on a file system that all of them see"
        )


def average_gradients(share: Share, parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their means over the processes."""
    if share.ranks == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    means = share.mean(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    for gradient, mean in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view(gradient.shape))


def normalise_over(share: Share, network: nn.Module) -> None:
    """Let the batch normalisation of ``network``, in training, take the statistics of whole batches."""
    if share.ranks == 1:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(module, name, _WholeBatchNorm(child, share))


class _WholeBatchNorm(nn.BatchNorm2d):
    # torch's own SyncBatchNorm runs on GPUs only.
    def __init__(self, own: nn.BatchNorm2d, share: Share) -> None:
        super().__init__(own.num_features, own.eps, own.momentum)
        self._share = share
        self.weight, self.bias = own.weight, own.bias  # the very tensors that an optimizer holds
        self.running_mean, self.running_var = own.running_mean, own.running_var
        self.num_batches_tracked = own.num_batches_tracked

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        if not self.training:
            return super().forward(input)
        x = input.float()
        mean = _Mean.apply(x.mean(dim=(0, 2, 3)), self._share)
        centred = x - mean[:, None, None]
        # In two messages: a mean of squares less the square of the mean would lose digits.
        variance = _Mean.apply(centred.square().mean(dim=(0, 2, 3)), self._share)
        count = self._share.ranks * x.numel() // x.shape[1]
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)


class _Mean(torch.autograd.Function):
    """`Share.mean` with a gradient: every process's loss depends on every process's part."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, share: Share) -> Tensor:
        ctx.share = share
        return share.mean(own)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return ctx.share.mean(gradient), None
