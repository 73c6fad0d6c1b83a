"""The only code that steps a GAN."""

import time
from collections.abc import Callable, Generator
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from paripassu.data import Samples
from paripassu.data.containers import the_first
from paripassu.games import WHOLE, Share, StyleBased
from paripassu.records import RECORDS_FILE, End
from paripassu.records.codec import RecordWriter, end_of, read_records, rewind
from paripassu.train.checkpoint import checkpoints, load_checkpoint
from paripassu.train.device import check_device
from paripassu.train.folder import SKIPPED, check_folder, check_images, open_folder
from paripassu.train.memory import data_fit, networks_fit, step_fits
from paripassu.train.precision import penalty, play, tensor_cores
from paripassu.train.processes import (
    average_gradients,
    check_share,
    check_step,
    current_share,
    normalise_over,
    path_length_batch,
    wait,
)
from paripassu.train.random import Stream, generator, number, seeded
from paripassu.train.recorder import Journal
from paripassu.train.run import Run
from paripassu.train.state import State, initial_state

# Fewer than any GAN was trained on to some use: the 100-shot sets of Zhao et al. 2020, arXiv:2006.10738.
_FEW = 100


def train(
    run: Run,
    folder: Path,
    *,
    command: str = "",
    progress: Callable[[int], object] = lambda _: None,
    notice: Callable[[str], object] = lambda _: None,
) -> End:
    """Train ``run`` in ``folder``, or go on where an earlier call was stopped.

    A run that was stopped anywhere ends with the same weights, bit by bit, as one that was not. A run
    that has ended is returned as it ended. In a process group of torch's all its processes train together
    and the first one writes (`paripassu.train.processes`).

    Args:
        run: what to train.
        folder: its run folder; made if it does not exist.
        command: how a person would ask for this run, kept in ``run.json``.
        progress: called with the steps done, at the start and after each step.
        notice: called with sentences a person should read, such as a damaged checkpoint passed over.

    Returns:
        How the run ended; a loss or weight that is not finite ends it as diverged.

    Raises:
        ValueError: the data, the folder or the device cannot be used, the batch does not divide among the
            processes, or the folder's checkpoints are of other networks; nothing was written.
        OSError: the folder cannot be written; what was complete stays.
        RuntimeError: the GPU has too little memory (`paripassu.train.memory`); checkpoints stay.
    """
    check_device(run.device)
    share = current_share()
    check_share(run, share)
    first = share.rank == 0
    if not first:
        wait(share)  # the first may have to make the folder and a cache of the data
    check_folder(run, folder)
    with data_fit(run):
        real = run.data.load(torch.device(run.device))
    check_images(real.images, folder)
    for noticed in _noticed(run, real):
        notice(noticed)
    with networks_fit(run, real.shape):
        state = initial_state(run, real.shape)
    for network in (state.generator, state.discriminator):
        normalise_over(share, network)

    place = open_folder(run, folder, command, real.images) if first else nullcontext(folder / RECORDS_FILE)
    with place as path, tensor_cores(run), step_fits(run, real.shape):
        if first:
            wait(share)
        ended = end_of(read_records(path)) if path.exists() else None
        with networks_fit(run, real.shape):
            passed_over = [] if ended else load_checkpoint(folder, state)
        for damaged in passed_over:
            notice(f"checkpoint {damaged.name} is damaged: going on from an earlier one")
        check_step(share, ended.step if ended else state.step, run.device)
        if ended:
            return ended
        if not first:
            return _train(run, state, real, share, None, progress)
        rewind(path, state.step if checkpoints(folder) else -1)
        with RecordWriter(path) as write:
            journal = Journal(run, folder, state, real, write)
            end = _train(run, state, real, share, journal, progress)
            write(end)
            return end


def _noticed(run: Run, real: Samples) -> Generator[str]:
    if not (images := real.images):
        return
    if skipped := images.skipped:
        yield f"{len(skipped):,} images or folders were passed over, {the_first(skipped)}; {SKIPPED} has all"
    if len(images) < max(run.batch, _FEW):
        yield f"{run.data.name} has {len(images):,} images for batches of {run.batch}: are these all?"


def _train(
    run: Run,
    state: State,
    real: Samples,
    share: Share,
    journal: Journal | None,
    progress: Callable[[int], object],
) -> End:
    started = time.monotonic() - state.seconds
    unfinite = ""
    # Sums stay non-finite once a term was: divergence is seen without looking at every loss.
    sums = torch.zeros(2, device=run.device)
    progress(state.step)
    if journal:
        journal.begin()

    while state.step < run.steps and not unfinite:
        losses = step(run, state, real, share)
        sums += losses
        state.step += 1
        state.seconds = time.monotonic() - started
        last = state.step == run.steps
        if last or state.step % run.log_every == 0:
            means = share.mean(losses)
            if journal:
                journal.losses(*means.tolist())
            unfinite = _unfinite(state, share.mean(sums))
        if journal and not unfinite and (last or state.step % run.eval_every == 0):
            journal.evaluate()
        if not unfinite and (last or state.step % run.checkpoint_every == 0):
            unfinite = _unfinite(state, share.mean(sums))
            if journal and not unfinite:
                journal.save()
        progress(state.step)

    if journal:
        journal.close()
    outcome = "diverged" if unfinite else "finished"
    return End(state.step, outcome, unfinite, time.monotonic() - started)


def step(run: Run, state: State, real: Samples, share: Share = WHOLE) -> Tensor:
    """One generator update and the discriminator updates before it.

    Everything random depends on the seed and the step alone. Nothing is read back from the device.

    Args:
        run: what is trained.
        state: moved by one step, but for its counters.
        real: the data.
        share: this process's part of every batch.

    Returns:
        ``[2]``: the discriminator's and the generator's loss, each before its player's (last) step, on this
        process's share.
    """
    device = torch.device(run.device)
    rng = generator(run.seed, Stream.TRAINING, state.step, device)
    factor = 1 - state.step / run.steps if run.decay == "linear" else 1.0
    for player, optimizer in ((run.generator, state.optimizer_g), (run.discriminator, state.optimizer_d)):
        for group in optimizer.param_groups:
            group["lr"] = player.lr * factor

    with seeded(run.seed, Stream.NETWORKS, state.step, device, share.rank):
        for _ in range(run.n_critic - 1):
            _discriminator_backward(run, state, real, rng, share)
            state.optimizer_d.step()
        loss_d = _discriminator_backward(run, state, real, rng, share)
        if run.updates == "alternating":
            state.optimizer_d.step()
            loss_g = _generator_backward(run, state, real, rng, share)
        else:
            loss_g = _generator_backward(run, state, real, rng, share)
            state.optimizer_d.step()
        state.optimizer_g.step()

    _average(run, state)
    drawn = [run.batch] * run.n_critic + [run.generator_batches * run.batch] * run.loss.relativistic
    real.expect(number(run.seed, Stream.TRAINING, state.step + 1), drawn)
    return torch.stack([loss_d, loss_g])


def _discriminator_backward(
    run: Run, state: State, real: Samples, rng: torch.Generator, share: Share
) -> Tensor:
    shown = share.of(real.draw(run.batch, rng))
    with torch.no_grad():
        fake = play(run, state.generator, _latents(run, run.batch, rng, share))
    logits = (play(run, state.discriminator, images) for images in (shown, fake))
    loss = run.loss.discriminator(*logits)
    if run.penalty and state.step % run.penalty_every == 0:
        loss = loss + run.penalty_every * penalty(run, state.discriminator, shown, fake, rng, share)
    state.optimizer_d.zero_grad()
    parameters = _moved_by(state.optimizer_d)
    loss.backward(inputs=parameters)
    average_gradients(share, parameters)
    return loss.detach()


def _generator_backward(run: Run, state: State, real: Samples, rng: torch.Generator, share: Share) -> Tensor:
    count = run.generator_batches * run.batch
    fake = play(run, state.generator, _latents(run, count, rng, share))
    logits = [play(run, state.discriminator, fake)]
    if run.loss.relativistic:
        with torch.no_grad():
            logits.insert(0, play(run, state.discriminator, share.of(real.draw(count, rng))))
    loss = run.loss.generator(*logits)
    if run.path_length and state.step % run.path_length_every == 0:
        # Half a batch, as in the source: second derivatives take as much memory as the rest of the step.
        latents = _latents(run, path_length_batch(run), rng, share)
        term = run.path_length(cast(StyleBased, state.generator), latents, rng, share)
        loss = loss + run.path_length_every * term
    state.optimizer_g.zero_grad()
    # The discriminator's gradients are its own player's business.
    parameters = _moved_by(state.optimizer_g)
    loss.backward(inputs=parameters)
    average_gradients(share, parameters)
    return loss.detach()


def _moved_by(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    # A network's own list takes a walk through all of its modules.
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _latents(run: Run, count: int, rng: torch.Generator, share: Share) -> Tensor:
    return share.of(torch.randn((count, run.model.latent), generator=rng, device=run.device))


@torch.no_grad()
def _average(run: Run, state: State) -> None:
    if state.averaged is None:
        return
    averaged = tuple(state.averaged.parameters())
    get_ema_multi_avg_fn(run.ema)(averaged, tuple(state.generator.parameters()), 0)
    for mean, buffer in zip(state.averaged.buffers(), state.generator.buffers(), strict=True):
        mean.copy_(buffer)


def _unfinite(state: State, sums: Tensor) -> str:
    names = ("the discriminator's loss", "the generator's loss")
    for name, finite in zip(names, sums.isfinite().tolist(), strict=True):
        if not finite:
            return f"{name} is not finite"
    return "" if state.is_finite() else "a weight is not finite"
