"""One step of a GAN: the discriminator's updates, the generator's update, the moving average."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from operator import methodcaller
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from paripassu.data import Samples
from paripassu.games import Draws, StyleBased
from paripassu.models import given
from paripassu.optim import RuleOptimizer
from paripassu.train.pace import Lead, follow, measured
from paripassu.train.precision import penalty, play
from paripassu.train.processes import ALONE, Processes, average_gradients, path_length_batch
from paripassu.train.random import Stream, generator, number, seeded
from paripassu.train.run import Run
from paripassu.train.state import TrainingState


def step(run: Run, state: TrainingState, real: Samples, processes: Processes = ALONE) -> Tensor:
    """One generator update and the discriminator updates before it.

    Everything random depends on the seed and the step alone. Nothing is read back from the device.

    Args:
        run: what is trained.
        state: changed by one step, except for its counters.
        real: the data.
        processes: this process among those that train together.

    Returns:
        ``[2]``: the discriminator's and the generator's loss, each before its player's (last) step, on this
        process's rows.
    """
    set_rates(run, state)
    with drawing(run, state, processes) as numbers:
        losses = play_round(run, state, real, processes.draws(numbers), processes)
    expect(run, state, real)
    return losses


def set_rates(run: Run, state: TrainingState) -> None:
    """Give both optimizers the learning rates of this step."""
    factor = run.rate_factor(state.step)
    for player, optimizer in ((run.generator, state.optimizer_g), (run.discriminator, state.optimizer_d)):
        for group in optimizer.param_groups:
            group["lr"] = player.lr * factor


@contextmanager
def drawing(run: Run, state: TrainingState, processes: Processes = ALONE) -> Generator[torch.Generator]:
    """Seed what a step draws: the game from the yielded generator, networks from torch's global ones."""
    device = torch.device(run.device)
    with seeded(run.seed, Stream.NETWORKS, state.step, device, processes.rank):
        yield generator(run.seed, Stream.TRAINING, state.step, device)


def expect(run: Run, state: TrainingState, real: Samples) -> None:
    """Announce the batches of the next step, which some data gather ahead."""
    drawn = [run.batch] * run.n_critic + [run.generator_batches * run.batch] * run.loss.relativistic
    real.expect(number(run.seed, Stream.TRAINING, state.step + 1), drawn)


def play_round(
    run: Run,
    state: TrainingState,
    real: Samples,
    draws: Draws,
    processes: Processes = ALONE,
    move: Callable[[RuleOptimizer], object] = methodcaller("step"),
) -> Tensor:
    """What a step computes, with the rates that the optimizers have; returns what `step` does.

    Args:
        run: what is trained.
        state: changed by one step, except for its counters.
        real: the data.
        draws: the game's random numbers.
        processes: this process among those that train together.
        move: takes an optimizer's step.
    """
    loss_d = torch.zeros([])
    # Discriminator. Simultaneous updates are one each: its step waits for the generator's gradient.
    lead = None
    for _ in range(run.n_critic):
        loss_d = _discriminator_loss(run, state, real, draws)
        _backward(loss_d, state.optimizer_d, processes)
        if run.updates == "alternating":
            lead = _move_discriminator(run, state, move)

    # Generator.
    loss_g = _generator_loss(run, state, real, draws)
    _backward(loss_g, state.optimizer_g, processes)
    if run.updates == "simultaneous":
        lead = _move_discriminator(run, state, move)
    if run.pace is not None and lead:
        follow(state.optimizer_g, lead, run.pace, move)
    else:
        move(state.optimizer_g)

    # Moving average of the generator.
    if state.averaged is not None:
        _average(run, state.averaged, state.generator)
    return torch.stack([loss_d.detach(), loss_g.detach()])


def _move_discriminator(
    run: Run, state: TrainingState, move: Callable[[RuleOptimizer], object]
) -> Lead | None:
    if run.pace is not None:
        return measured(state.optimizer_d, move)
    move(state.optimizer_d)
    return None


def has_penalty(run: Run, step: int) -> bool:
    """Whether the discriminator's loss has its penalty in a step."""
    return run.penalty is not None and step % run.penalty_every == 0


def has_path_length(run: Run, step: int) -> bool:
    """Whether the generator's loss has its path length term in a step."""
    return run.path_length is not None and step % run.path_length_every == 0


def _discriminator_loss(run: Run, state: TrainingState, real: Samples, draws: Draws) -> Tensor:
    shown, labels = real.batch(run.batch, draws.generator).each(draws.rows)
    # Fake samples are of the real ones' classes, so that a line between two is of one class too.
    discriminator = given(state.discriminator, labels)
    with torch.no_grad():
        fake = play(run, given(state.generator, labels), _latents(run, run.batch, draws))
    logits = (play(run, discriminator, images) for images in (shown, fake))
    loss = run.loss.discriminator(*logits)
    if has_penalty(run, state.step):
        loss = loss + run.penalty_every * penalty(run, discriminator, shown, fake, draws)
    return loss


def _generator_loss(run: Run, state: TrainingState, real: Samples, draws: Draws) -> Tensor:
    count = run.generator_batches * run.batch
    latents = _latents(run, count, draws)
    # Pairs that a loss compares are of one class.
    shown, labels = _compared(run, real, count, draws)
    discriminator = given(state.discriminator, labels)
    logits = [play(run, discriminator, play(run, given(state.generator, labels), latents))]
    if shown is not None:
        with torch.no_grad():
            logits.insert(0, play(run, discriminator, shown))
    loss = run.loss.generator(*logits)
    if has_path_length(run, state.step):
        assert run.path_length is not None
        # Half a batch, as in the source: second derivatives take as much memory as the rest of the step.
        latents = _latents(run, path_length_batch(run), draws)
        term = run.path_length(cast(StyleBased, state.generator), latents, draws)
        loss = loss + run.path_length_every * term
    return loss


def _compared(run: Run, real: Samples, count: int, draws: Draws) -> tuple[Tensor | None, Tensor | None]:
    """Real samples for a loss that compares, and labels for the fake ones; each None where there are none."""
    if run.loss.relativistic:
        return real.batch(count, draws.generator).each(draws.rows)
    labels = real.draw_labels(count, draws.generator)
    return None, None if labels is None else draws.rows(labels)


def _backward(loss: Tensor, optimizer: RuleOptimizer, processes: Processes) -> None:
    """Gradients of one player's parameters alone, averaged over the processes."""
    optimizer.zero_grad()
    # From the optimizer's groups: a network's own list takes a walk through all of its modules.
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    loss.backward(inputs=parameters)
    average_gradients(processes, parameters)


def _latents(run: Run, count: int, draws: Draws) -> Tensor:
    return draws.normal((count // draws.processes, run.model.latent))


@torch.no_grad()
def _average(run: Run, averaged: torch.nn.Module, current: torch.nn.Module) -> None:
    get_ema_multi_avg_fn(run.ema)(tuple(averaged.parameters()), tuple(current.parameters()), 0)
    for mean, buffer in zip(averaged.buffers(), current.buffers(), strict=True):
        mean.copy_(buffer)
