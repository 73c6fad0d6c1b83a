"""Training from a run to its end: data, networks, folder, steps, measurements, checkpoints."""

import time
from collections.abc import Callable, Generator
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor

from paripassu.data import Samples
from paripassu.records import RECORDS_FILE, End
from paripassu.records.codec import RecordWriter, end_of, read_records, rewind
from paripassu.train.checkpoint import checkpoints, load_checkpoint
from paripassu.train.device import check_device
from paripassu.train.folder import SKIPPED, check_folder, check_images, data_of, open_folder
from paripassu.train.memory import data_fit, networks_fit, step_fits
from paripassu.train.precision import tensor_cores
from paripassu.train.processes import (
    Processes,
    check_batch,
    check_step,
    current_processes,
    normalise_over,
    wait,
)
from paripassu.train.recorder import Recorder
from paripassu.train.run import Run
from paripassu.train.state import TrainingState, initial_state
from paripassu.train.step import step
from paripassu.train.trial import check_own_data, check_own_players, own_errors

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
    processes = current_processes()
    check_batch(run, processes)
    first = processes.rank == 0
    if not first:
        wait(processes)  # the first may have to make the folder and a cache of the data
    check_folder(run, folder)

    # Data.
    with data_fit(run), own_errors(run):
        real = data_of(run, folder).load(torch.device(run.device))
    check_own_data(run, real)
    check_images(real.images, folder)
    for noticed in _noticed(run, real):
        notice(noticed)

    # Networks.
    with networks_fit(run, real.shape), own_errors(run):
        state = initial_state(run, real.shape)
    with step_fits(run, real.shape):
        check_own_players(run, state, real.shape)
    for network in (state.generator, state.discriminator):
        normalise_over(processes, network)

    # The folder, which is written from here on.
    place = open_folder(run, folder, command, real.images) if first else nullcontext(folder / RECORDS_FILE)
    with place as path, tensor_cores(run), step_fits(run, real.shape):
        if first:
            wait(processes)

        # Where an earlier call stopped.
        ended = end_of(read_records(path)) if path.exists() else None
        with networks_fit(run, real.shape):
            passed_over = [] if ended else load_checkpoint(folder, state)
        for damaged in passed_over:
            notice(f"checkpoint {damaged.name} is damaged: going on from an earlier one")
        check_step(processes, ended.step if ended else state.step, run.device)
        if ended:
            return ended

        # Steps.
        if not first:
            return _train(run, state, real, processes, None, progress)
        rewind(path, state.step if checkpoints(folder) else -1)
        with RecordWriter(path) as write:
            recorder = Recorder(run, folder, state, real, write)
            end = _train(run, state, real, processes, recorder, progress)
            write(end)
            return end


def _noticed(run: Run, real: Samples) -> Generator[str]:
    if not (images := real.images):
        return
    if images.account:
        yield images.account + f"; {SKIPPED} has all" * bool(images.skipped)
    if len(images) < max(run.batch, _FEW):
        yield f"{run.data.name} has {len(images):,} images for batches of {run.batch}: are these all?"


def _train(
    run: Run,
    state: TrainingState,
    real: Samples,
    processes: Processes,
    recorder: Recorder | None,
    progress: Callable[[int], object],
) -> End:
    started = time.monotonic() - state.seconds
    divergence = ""
    # A sum stays non-finite once a term was, so that divergence shows without a look at every loss.
    sums = torch.zeros(2, device=run.device)
    progress(state.step)
    if recorder:
        recorder.begin()

    while state.step < run.steps and not divergence:
        losses = step(run, state, real, processes)
        sums += losses
        state.step += 1
        state.seconds = time.monotonic() - started
        last = state.step == run.steps

        # Record the losses.
        if last or state.step % run.log_every == 0:
            means = processes.average(losses)
            if recorder:
                recorder.losses(*means.tolist())
            divergence = _divergence(state, processes.average(sums))

        # Measure and draw.
        if recorder and not divergence and (last or state.step % run.eval_every == 0):
            recorder.evaluate()

        # Save a checkpoint.
        if not divergence and (last or state.step % run.checkpoint_every == 0):
            divergence = _divergence(state, processes.average(sums))
            if recorder and not divergence:
                recorder.save()

        progress(state.step)

    if recorder:
        recorder.close()
    outcome = "diverged" if divergence else "finished"
    return End(state.step, outcome, divergence, time.monotonic() - started)


def _divergence(state: TrainingState, sums: Tensor) -> str:
    names = ("the discriminator's loss", "the generator's loss")
    for name, finite in zip(names, sums.isfinite().tolist(), strict=True):
        if not finite:
            return f"{name} is not finite"
    return "" if state.is_finite() else "a weight is not finite"
