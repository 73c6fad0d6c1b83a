"""The only code that steps a GAN."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from paripassu.data import ImageSet, Samples
from paripassu.games import StyleBased
from paripassu.probe import Probe
from paripassu.records import End, Losses, Metric, RecordWriter, end_of, read_records, rewind
from paripassu.records import Samples as SamplesRecord
from paripassu.train.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from paripassu.train.evaluation import Evaluator
from paripassu.train.folder import SAMPLES, check_folder, open_folder
from paripassu.train.random import Stream, generator, seeded
from paripassu.train.run import Run
from paripassu.train.state import State, initial_state


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
    that has ended is returned as it ended.

    Args:
        run: what to train.
        folder: its run folder; made if it does not exist.
        command: how a person would ask for this run, kept in ``run.json``.
        progress: called with the steps done, at the start and after each step.
        notice: called with sentences a person should read, such as a damaged checkpoint passed over.

    Returns:
        How the run ended; a loss or weight that is not finite ends it as diverged.

    Raises:
        ValueError: the data or the folder cannot be used; nothing was written.
        OSError: the folder cannot be written; what was complete stays.
    """
    check_folder(run, folder)
    device = torch.device(run.device)
    real = run.data.load(device)
    if isinstance(real, ImageSet) and real.skipped:
        notice(f"{len(real.skipped):,} images were passed over, the first is {real.skipped[0]}")
    state = initial_state(run, real.shape)

    with open_folder(run, folder, command) as path:
        if ended := end_of(read_records(path)):
            return ended
        for damaged in load_checkpoint(folder, state):
            notice(f"checkpoint {damaged.name} is damaged: going on from an earlier one")
        rewind(path, state.step if checkpoints(folder) else -1)
        with RecordWriter(path) as write:
            return _train(run, folder, state, real, write, progress)


def _train(
    run: Run,
    folder: Path,
    state: State,
    real: Samples,
    write: RecordWriter,
    progress: Callable[[int], object],
) -> End:
    evaluator = Evaluator(run, real)
    shadows = {repr(run.shadow): run.shadow} if run.shadow else {}
    probe = Probe(state.optimizers(), run.probe_every, writer=write, shadows=shadows, start=state.step)
    if state.shadows:
        probe.load_state_dict(state.shadows)
    # The probe keeps it up to date, so that every checkpoint has it as it is.
    state.shadows = probe.state_dict()
    started = time.monotonic() - state.seconds
    unfinite = ""
    # Sums stay non-finite once a term was: divergence is seen without looking at every loss.
    sums = torch.zeros(2, device=run.device)
    progress(state.step)
    if not checkpoints(folder):
        _evaluate(state, evaluator, folder, write)
        save_checkpoint(folder, state)

    while state.step < run.steps and not unfinite:
        losses = step(run, state, real)
        sums += losses
        state.step += 1
        state.seconds = time.monotonic() - started
        last = state.step == run.steps
        if last or state.step % run.log_every == 0:
            discriminator, generator_loss = losses.tolist()
            write(Losses(state.step, discriminator, generator_loss))
            unfinite = _unfinite(state, sums)
        if not unfinite and (last or state.step % run.eval_every == 0):
            _evaluate(state, evaluator, folder, write)
        if not unfinite and (last or state.step % run.checkpoint_every == 0):
            unfinite = _unfinite(state, sums)
            if not unfinite:
                save_checkpoint(folder, state)
        progress(state.step)

    probe.detach()
    outcome = "diverged" if unfinite else "finished"
    end = End(state.step, outcome, unfinite, time.monotonic() - started)
    write(end)
    return end


def _evaluate(state: State, evaluator: Evaluator, folder: Path, write: RecordWriter) -> None:
    for name, value in evaluator.measure(state.shown()).items():
        write(Metric(state.step, name, value))
    picture = f"{SAMPLES}/{state.step:09d}.png"
    evaluator.draw(state.shown(), folder / picture)
    write(SamplesRecord(state.step, picture))


def step(run: Run, state: State, real: Samples) -> Tensor:
    """One generator update and the discriminator updates before it.

    Everything random depends on the seed and the step alone.

    Returns:
        ``[2]``: the discriminator's and the generator's loss, each before its player's (last) step.
    """
    device = torch.device(run.device)
    rng = generator(run.seed, Stream.TRAINING, state.step, device)
    factor = 1 - state.step / run.steps if run.decay == "linear" else 1.0
    for player, optimizer in ((run.generator, state.optimizer_g), (run.discriminator, state.optimizer_d)):
        for group in optimizer.param_groups:
            group["lr"] = player.lr * factor

    with seeded(run.seed, Stream.NETWORKS, state.step, device):
        for _ in range(run.n_critic - 1):
            _discriminator_backward(run, state, real, rng)
            state.optimizer_d.step()
        loss_d = _discriminator_backward(run, state, real, rng)
        if run.updates == "alternating":
            state.optimizer_d.step()
            loss_g = _generator_backward(run, state, real, rng)
        else:
            loss_g = _generator_backward(run, state, real, rng)
            state.optimizer_d.step()
        state.optimizer_g.step()

    _average(run, state)
    return torch.stack([loss_d, loss_g])


def _discriminator_backward(run: Run, state: State, real: Samples, rng: torch.Generator) -> Tensor:
    shown = real.draw(run.batch, rng)
    with torch.no_grad():
        fake = state.generator(_latents(run, run.batch, rng))
    loss = run.loss.discriminator(state.discriminator(shown), state.discriminator(fake))
    if run.penalty and state.step % run.penalty_every == 0:
        loss = loss + run.penalty_every * run.penalty(state.discriminator, shown, fake, rng)
    state.optimizer_d.zero_grad()
    loss.backward(inputs=list(state.discriminator.parameters()))
    return loss.detach()


def _generator_backward(run: Run, state: State, real: Samples, rng: torch.Generator) -> Tensor:
    count = run.generator_batches * run.batch
    logits = [state.discriminator(state.generator(_latents(run, count, rng)))]
    if run.loss.relativistic:
        with torch.no_grad():
            logits.insert(0, state.discriminator(real.draw(count, rng)))
    loss = run.loss.generator(*logits)
    if run.path_length and state.step % run.path_length_every == 0:
        # Half a batch, as in the source: second derivatives take as much memory as the rest of the step.
        latents = _latents(run, math.ceil(count / 2), rng)
        term = run.path_length(cast(StyleBased, state.generator), latents, rng)
        loss = loss + run.path_length_every * term
    state.optimizer_g.zero_grad()
    # The discriminator's gradients are its own player's business.
    loss.backward(inputs=list(state.generator.parameters()))
    return loss.detach()


def _latents(run: Run, count: int, rng: torch.Generator) -> Tensor:
    return torch.randn((count, run.model.latent), generator=rng, device=run.device)


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
